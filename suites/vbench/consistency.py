"""VBench's subject_consistency and background_consistency: each frame against the first and the one before.

Both are one recurrence, over DINO's features and over CLIP's. The value of frame t (from the second on) is the mean
of its two cosines, each cut off at 0. VBench averages over all frames of all videos for its total, so long videos
count more there; here the video is the unit, and `leaderboard` (suites/vbench/leaderboard.py) does as VBench does.
"""

from importlib.util import find_spec
from typing import Literal

import numpy as np
from jaxtyping import Float

from bench import weights
from bench.errors import KeepframeError
from suites.features.protocols import Evidence, Feature, Series
from suites.vbench.embeddings import ClipB32Frames, DinoFrames, unit


def consistency(embeddings: Float[np.ndarray, "frame channel"]) -> Float[np.ndarray, " frame-1"]:
    """Mean of the cosines to the first frame and to the one before, each at least 0, for frames 1, 2, ….

    Source: `subject_consistency` in VBench 45e79ec1.

    >>> consistency(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])).tolist()
    [0.0, 0.5]
    """
    if len(embeddings) < 2:
        raise KeepframeError(f"Consistency needs two frames or more, not {len(embeddings)}.", "Give a longer video.")
    seen = unit(embeddings.astype(np.float64))
    before = np.maximum((seen[1:] * seen[:-1]).sum(axis=1), 0.0)
    first = np.maximum(seen[1:] @ seen[0], 0.0)
    return np.asarray((before + first) / 2)


def missing(needs: tuple[str, ...], *packages: str) -> str | None:
    """None when these weights and packages are here, else what is missing and the command that fetches it."""
    absent = [package for package in ("torch", *packages) if find_spec(package) is None]
    if absent:
        return f"It needs the packages {' and '.join(absent)}.\n  pip install 'keepframe[vbench]'"
    return weights.missing(needs)


class _Consistency:
    name: str
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()
    feature: type[DinoFrames] | type[ClipB32Frames]

    def available(self) -> str | None:
        return missing(self.feature.weights, "open_clip")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (self.feature(),)

    def __call__(self, evidence: Evidence) -> Series:
        values = consistency(evidence.features[self.feature.name]["embedding"])
        return Series(np.arange(1, len(values) + 1), values)


class SubjectConsistency(_Consistency):
    """How much every frame's DINO features stay those of the first frame and of the one before. 1 is a still."""

    name = "subject_consistency"
    feature = DinoFrames


class BackgroundConsistency(_Consistency):
    """How much every frame's CLIP features stay those of the first frame and of the one before. 1 is a still."""

    name = "background_consistency"
    feature = ClipB32Frames
