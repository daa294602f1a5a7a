"""VBench's aesthetic_quality: LAION's linear reading of CLIP L/14, a tenth of its score of 0 to 10, frame by frame."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from bench import weights
from bench.errors import KeepframeError
from suites.features.protocols import Evidence, Feature, Series
from suites.features.published import read_state
from suites.vbench.consistency import missing
from suites.vbench.embeddings import ClipL14Frames, unit


def aesthetic(
    embeddings: Float[np.ndarray, "frame channel"], weight: Float[np.ndarray, "1 channel"], bias: Float[np.ndarray, "1"]
) -> Float[np.ndarray, " frame"]:
    """LAION's score of each picture from its CLIP L/14 embedding, divided by 10.

    Source: `laion_aesthetic` in VBench 45e79ec1; LAION-AI/aesthetic-predictor.
    """
    return np.asarray((unit(embeddings) @ weight[0] + bias[0]) / 10.0)


class AestheticQuality:
    """How people would rate the frames as pictures, as LAION's predictor guesses it. About 0 to 1."""

    name = "aesthetic_quality"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def available(self) -> str | None:
        return missing(("clip-l14", "laion-aesthetic"), "open_clip")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (ClipL14Frames(),)

    def __call__(self, evidence: Evidence) -> Series:
        weight, bias = _head(weights.path("laion-aesthetic"))
        values = aesthetic(evidence.features["clip-l14 frames"]["embedding"], weight, bias)
        return Series(np.arange(len(values)), values.astype(np.float64))


@lru_cache(maxsize=1)
def _head(path: Path) -> tuple[Any, Any]:
    state = read_state(path)
    try:
        return state["weight"].numpy(), state["bias"].numpy()
    except KeyError as error:
        raise KeepframeError(f"{path} lacks {error}.", "keepframe weights fetch laion-aesthetic --again") from error
