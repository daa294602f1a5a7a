"""Drift: how far the end of a video has moved from its beginning, by any figure that is known of each frame.

The measure that autoregressive video papers report: the absolute difference of a figure's mean over the first 15 %
of the frames and over the last 15 %. It says nothing of why: a sunset drifts too, so compare with real footage.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from bench.errors import KeepframeError
from suites.dynamics.degree import FlowSpeed
from suites.features.looks import Looks
from suites.features.protocols import Evidence, Feature, Series
from suites.vbench.aesthetic import AestheticQuality
from suites.vbench.consistency import BackgroundConsistency, SubjectConsistency
from suites.vbench.flickering import TemporalFlickering
from suites.vbench.imaging import ImagingQuality

PART = 0.15


def drift(values: Float64[np.ndarray, " frame"], part: float = PART) -> float:
    """|mean of the first part - mean of the last part|, each at least one value.

    Raises KeepframeError for fewer than two values: the parts would be the same.

    >>> drift(np.array([1.0, 1.0, 5.0, 2.0, 2.0, 2.0]))
    1.0
    """
    if len(values) < 2:
        raise KeepframeError(f"Drift needs two frames or more, not {len(values)}.", "Give a longer video.")
    count = max(1, round(part * len(values)))
    return abs(float(values[:count].mean()) - float(values[-count:].mean()))


class _LookDrift:
    """Drift of one of the figures of `suites/features/looks.py`."""

    name: str
    look: str
    unit = ""
    version = "1"
    better: Literal["higher", "lower", "neutral"] = "lower"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Looks(),)

    def __call__(self, evidence: Evidence) -> Series:
        return Series.one(drift(evidence.features["looks"][self.look]))


class BrightnessDrift(_LookDrift):
    """How much brighter or darker a video ends than it began, in parts of 255."""

    name = "drift_brightness"
    look = "brightness"


class ContrastDrift(_LookDrift):
    """How much contrast (standard deviation of luma, in parts of 255) a video gains or loses."""

    name = "drift_contrast"
    look = "contrast"


class ColourDrift(_LookDrift):
    """How much colourfulness (Hasler and Süsstrunk) a video gains or loses."""

    name = "drift_colour"
    look = "colourfulness"


class SharpnessDrift(_LookDrift):
    """How much sharpness (standard deviation of the Laplacian, grey levels) a video gains or loses."""

    name = "drift_sharpness"
    look = "sharpness"
    unit = "levels"


class _Drift:
    """Stands before a metric among the bases of a class: how far that metric's values drift, and not their mean."""

    better: Literal["higher", "lower", "neutral"] = "lower"

    def __call__(self, evidence: Evidence) -> Series:
        found: Series = super().__call__(evidence)  # type: ignore[misc]  # the metric's
        return Series.one(drift(found.values))


class FlickeringDrift(_Drift, TemporalFlickering):
    """How much VBench's temporal_flickering rises or falls: a rollout that freezes, or begins to boil."""

    name = "drift_flickering"


class MotionDrift(_Drift, FlowSpeed):
    """How much faster or slower (in `flow_speed`, 256ths of the short side) a video ends than it began."""

    name = "drift_motion"


class SubjectDrift(_Drift, SubjectConsistency):
    """How much VBench's subject_consistency rises or falls from the beginning of a video to its end."""

    name = "drift_subject"


class BackgroundDrift(_Drift, BackgroundConsistency):
    """How much VBench's background_consistency rises or falls from the beginning of a video to its end."""

    name = "drift_background"


class AestheticDrift(_Drift, AestheticQuality):
    """How much VBench's aesthetic_quality rises or falls from the beginning of a video to its end."""

    name = "drift_aesthetic"


class ImagingDrift(_Drift, ImagingQuality):
    """How much VBench's imaging_quality (0 to 100) rises or falls from the beginning of a video to its end."""

    name = "drift_imaging"
