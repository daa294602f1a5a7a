"""VBench's appearance_style: how close each frame is to a phrase such as "Van Gogh style", by CLIP B/32.

VBench takes the phrase from a list of its own. Here it is what follows the last comma of the evaluation prompt, which
is the same for VBench's prompts ("…, in the park, Van Gogh style").
"""

from typing import Literal

import numpy as np

from bench import weights
from bench.errors import KeepframeError
from suites.features.protocols import Evidence, Feature, Series
from suites.vbench.consistency import missing
from suites.vbench.embeddings import ClipB32Pictures, unit


def phrase(prompt: str) -> str:
    """The style that a prompt ends in.

    Raises KeepframeError for a prompt without a comma: it names no style.

    >>> phrase("A cute happy Corgi playing in park, sunset, Van Gogh style")
    'Van Gogh style'
    """
    before, comma, style = prompt.rpartition(",")
    if not (before.strip() and comma and style.strip()):
        raise KeepframeError(f"The prompt {prompt!r} ends in no style.", "Write it as: A dog in a park, Van Gogh style")
    return style.strip()


class AppearanceStyle:
    """Cosine of each frame and the prompt's style phrase in CLIP B/32. Good matches lie about 0.25."""

    name = "appearance_style"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ("prompt",)

    def available(self) -> str | None:
        return missing(("clip-b32",), "open_clip")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        phrase(evidence.prompt)
        return (ClipB32Pictures(),)

    def __call__(self, evidence: Evidence) -> Series:
        from suites.features.clip import loaded, text_embedding

        style = text_embedding(loaded(weights.path("clip-b32")), phrase(evidence.prompt))
        values = unit(evidence.features["clip-b32 pictures"]["embedding"]) @ style
        return Series(np.arange(len(values)), values.astype(np.float64))
