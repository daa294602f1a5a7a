"""VBench's temporal_flickering: how still a video is that should be still. Needs no weights."""

from typing import Literal

import numpy as np

from suites.features.differences import FrameDifferences
from suites.features.protocols import Evidence, Feature, Series


class TemporalFlickering:
    """1 less the mean absolute difference of consecutive frames, in parts of 255. 1 is a frozen picture.

    VBench asks it only of videos of still scenes, after its static filter (`suites/dynamics`): on others it rewards
    the absence of motion. The value of frame t is about frames t and t + 1; their mean is VBench's score.

    Source: `vbench/temporal_flickering.py` of VBench 45e79ec1.
    """

    name = "temporal_flickering"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (FrameDifferences(),)

    def __call__(self, evidence: Evidence) -> Series:
        differences = evidence.features["frame_differences"]["mean"]
        return Series(np.arange(len(differences)), (255.0 - differences) / 255.0)
