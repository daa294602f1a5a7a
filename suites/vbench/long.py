"""VBench-Long from the features of the whole video: nothing is cut into files, nothing encoded again.

VBench-Long writes a video as two-second clips, which is lossy, and scores those. The same frames have the same
features whichever file they are in, so here the clips are slices. The numbers differ from the official ones by what
the second encoding loses, and the names say `_long` and not more.

What VBench-Long calls in-clip is here, and how it joins that with its other branch; the other branch itself, which
needs DINOv2 and DreamSim, is in `long_fused.py`.
"""

import csv
from collections.abc import Sequence
from fractions import Fraction
from importlib.resources import files
from typing import Literal

import numpy as np
from jaxtyping import Float

from bench.types import Prompt
from suites.features.differences import FrameDifferences
from suites.features.protocols import Evidence, Feature, Series
from suites.vbench.aesthetic import AestheticQuality
from suites.vbench.consistency import BackgroundConsistency, SubjectConsistency, consistency
from suites.viclip.alignment import OverallConsistency
from suites.viclip.windows import Stretch

CLIP_S = 2  # of VBench-Long's own input; its standard prompts take 10 s for what is judged by a text
TEXT_CLIP_S = 10


def clips(frames: int, fps: Fraction | float, seconds: int = CLIP_S) -> list[Stretch]:
    """VBench-Long's clips as frame ranges: side by side, the last reaching back so that it is as long as the others.

    The rate is cut to whole frames a second, as there. A video shorter than a clip is one clip.

    Source: `split_video_into_clips` in `vbench2_beta_long/utils.py` of VBench 45e79ec1.

    >>> clips(100, 24), clips(96, 24), clips(30, 24)
    ([(0, 48), (48, 96), (52, 100)], [(0, 48), (48, 96)], [(0, 30)])
    """
    length = int(fps) * seconds
    if length == 0 or frames < length:
        return [(0, frames)]
    found = [(first, first + length) for first in range(0, frames - length + 1, length)]
    if found[-1][1] < frames:
        found.append((frames - length, frames))
    return found


def fused(
    in_clip: float, clip_to_clip: float, table: tuple[Sequence[float], Sequence[float]], weight: float = 0.5
) -> float:
    """VBench-Long's joint score: the clip-to-clip score read off its table, then `weight` parts of either.

    `table` holds the scores 0.00, 0.01, …, 1.00 and what they are worth, as in `subject_mapping_table.yaml`.

    >>> fused(0.9, 0.25, ([0.0, 0.5, 1.0], [0.0, 0.9, 1.0]))
    0.675
    """
    mapped = float(np.interp(clip_to_clip, *table))
    return (1 - weight) * in_clip + weight * mapped if mapped != 0.0 else in_clip


def mapping(kind: Literal["subject", "background"]) -> tuple[list[float], list[float]]:
    """The published table for `fused`: what clip-to-clip scores of 0.00 to 1.00 are worth.

    Source: `configs/subject_mapping_table.yaml` and `background_mapping_table.yaml` of VBench-Long (Apache-2.0).

    >>> scores, worth = mapping("subject")
    >>> len(scores), round(worth[50], 4), round(fused(0.9, 0.5, mapping("background")), 4)
    (101, 0.9327, 0.923)
    """
    text = files("suites.vbench").joinpath("long_tables.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return [float(row["clip_to_clip"]) for row in rows], [float(row[kind]) for row in rows]


def clip_to_clip(embeddings: Float[np.ndarray, "frame channel"], stretches: Sequence[Stretch]) -> float:
    """The recurrence over the first frames of the clips.

    Raises KeepframeError for a single clip: there is nothing to compare.
    """
    return float(consistency(embeddings[[first for first, _ in stretches]]).mean())


class SubjectConsistencyLong(SubjectConsistency):
    """subject_consistency within clips of two seconds, each begun anew. One value a clip."""

    name = "subject_consistency_long"

    def __call__(self, evidence: Evidence) -> Series:
        return _in_clip(evidence, evidence.features[self.feature.name]["embedding"])


class BackgroundConsistencyLong(BackgroundConsistency):
    """background_consistency within clips of two seconds, each begun anew. One value a clip."""

    name = "background_consistency_long"

    def __call__(self, evidence: Evidence) -> Series:
        return _in_clip(evidence, evidence.features[self.feature.name]["embedding"])


class TemporalFlickeringLong:
    """temporal_flickering within clips of two seconds: the step from clip to clip is left out. One value a clip."""

    name = "temporal_flickering_long"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (FrameDifferences(),)

    def __call__(self, evidence: Evidence) -> Series:
        steps = (255.0 - evidence.features["frame_differences"]["mean"]) / 255.0
        found = clips(evidence.clip.frames, evidence.clip.fps)
        return _series(found, [steps[first : end - 1].mean() for first, end in found])


class AestheticQualityLong(AestheticQuality):
    """aesthetic_quality as the mean of its means over clips of two seconds. One value a clip."""

    name = "aesthetic_quality_long"

    def __call__(self, evidence: Evidence) -> Series:
        values = super().__call__(evidence).values
        found = clips(evidence.clip.frames, evidence.clip.fps)
        return _series(found, [values[first:end].mean() for first, end in found])


class OverallConsistencyLong(OverallConsistency):
    """overall_consistency of clips of ten seconds with the one prompt. One value a clip."""

    name = "overall_consistency_long"

    def lines(self, evidence: Evidence) -> list[tuple[Prompt, Stretch]]:
        ((line, _),) = super().lines(evidence)
        return [(line, stretch) for stretch in clips(evidence.clip.frames, evidence.clip.fps, TEXT_CLIP_S)]


def _in_clip(evidence: Evidence, embeddings: Float[np.ndarray, "frame channel"]) -> Series:
    found = clips(evidence.clip.frames, evidence.clip.fps)
    return _series(found, [consistency(embeddings[first:end]).mean() for first, end in found])


def _series(stretches: Sequence[Stretch], values: Sequence[float]) -> Series:
    return Series(np.array([first for first, _ in stretches], np.int64), np.array(values, np.float64))
