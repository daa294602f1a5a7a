"""VBench's leaderboard: how raw dimensions become a total, with what is missing shown as missing.

The leaderboard stretches every dimension to a range of its own, weighs them, and fills what was not measured with a
raw 0, which can make it negative. Here a total is a number only when every dimension of it was measured; until then
the mean of those that were is given under another name, since it does not compare with any published total.

Source: `scripts/constant.py` and the dimensions' own totals in VBench 45e79ec1.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from bench.errors import KeepframeError

Part = Literal["quality", "semantic"]


class Stretch(NamedTuple):
    """Raw values `low` and `high` become 0 and 1, not cut off; the result counts `weight` times."""

    part: Part
    low: float = 0.0
    high: float = 1.0
    weight: float = 1.0


DIMENSIONS: dict[str, Stretch] = {
    "subject_consistency": Stretch("quality", 0.1462),
    "background_consistency": Stretch("quality", 0.2615),
    "temporal_flickering": Stretch("quality", 0.6293),
    "motion_smoothness": Stretch("quality", 0.706, 0.9975),
    "dynamic_degree": Stretch("quality", weight=0.5),
    "aesthetic_quality": Stretch("quality"),
    "imaging_quality": Stretch("quality"),
    "object_class": Stretch("semantic"),
    "multiple_objects": Stretch("semantic"),
    "human_action": Stretch("semantic"),
    "color": Stretch("semantic"),
    "spatial_relationship": Stretch("semantic"),
    "scene": Stretch("semantic", 0.0, 0.8222),
    "appearance_style": Stretch("semantic", 0.0009, 0.2855),
    "temporal_style": Stretch("semantic", 0.0, 0.364),
    "overall_consistency": Stretch("semantic", 0.0, 0.364),
}

FRAME_WEIGHTED = frozenset({"subject_consistency", "background_consistency", "appearance_style"})
"""Their dataset value is the mean over all frames of all videos; the others' is the mean of the videos' means."""

PERCENT = frozenset({"imaging_quality"})
"""0 to 100 for a video, divided by 100 for the dataset."""

QUALITY_WEIGHT, SEMANTIC_WEIGHT = 4.0, 1.0


class Totals(NamedTuple):
    """The leaderboard's three figures, None while a dimension is missing.

    `measured` is the weighted mean of the stretched dimensions of both parts that are there: no VBench score.
    """

    quality: float | None
    semantic: float | None
    total: float | None
    measured: float | None
    missing: tuple[str, ...]


def aggregate(dimension: str, videos: Sequence[np.ndarray]) -> float:
    """A dimension's value over videos, each given by its values (a frame's, or one for the video), as VBench adds up.

    >>> aggregate("subject_consistency", [np.array([1.0, 1.0, 1.0]), np.array([0.0])])
    0.75
    >>> aggregate("aesthetic_quality", [np.array([1.0, 1.0, 1.0]), np.array([0.0])])
    0.5
    """
    if not videos:
        raise KeepframeError(f"No video has a value of {dimension}.", "Look at the failures of the run.")
    if dimension in FRAME_WEIGHTED:
        value = math.fsum(math.fsum(one) for one in videos) / sum(len(one) for one in videos)
    else:
        value = math.fsum(math.fsum(one) / len(one) for one in videos) / len(videos)
    return value / 100.0 if dimension in PERCENT else value


def stretched(dimension: str, raw: float) -> float:
    """A dimension on the leaderboard's scale, before its weight.

    >>> stretched("dynamic_degree", 0.5), round(stretched("temporal_style", 0.182), 12)
    (0.5, 0.5)
    """
    about = DIMENSIONS[dimension]
    return (raw - about.low) / (about.high - about.low)


def totals(raw: Mapping[str, float]) -> Totals:
    """Quality, semantic and total score of raw dataset values by dimension; other names are ignored.

    >>> totals({"dynamic_degree": 0.5}).total is None, totals({"dynamic_degree": 0.5}).measured
    (True, 0.5)
    """
    parts: dict[Part, float | None] = {}
    for part in ("quality", "semantic"):
        members = [name for name, about in DIMENSIONS.items() if about.part == part]
        parts[part] = _mean(raw, members) if all(name in raw for name in members) else None
    quality, semantic = parts["quality"], parts["semantic"]
    whole = SEMANTIC_WEIGHT + QUALITY_WEIGHT
    both = None
    if quality is not None and semantic is not None:
        both = (QUALITY_WEIGHT * quality + SEMANTIC_WEIGHT * semantic) / whole
    there = [name for name in DIMENSIONS if name in raw]
    missing = tuple(name for name in DIMENSIONS if name not in raw)
    return Totals(quality, semantic, both, _mean(raw, there) if there else None, missing)


def _mean(raw: Mapping[str, float], names: Sequence[str]) -> float:
    weights = [DIMENSIONS[name].weight for name in names]
    values = [stretched(name, raw[name]) for name in names]
    return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)
