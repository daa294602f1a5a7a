"""VBench's totals against sums done by hand, and never a number where a dimension is missing."""

import numpy as np
import pytest

from bench.errors import KeepframeError
from suites.vbench.leaderboard import DIMENSIONS, aggregate, stretched, totals

QUALITY = {
    "subject_consistency": 0.95,
    "background_consistency": 0.96,
    "temporal_flickering": 0.98,
    "motion_smoothness": 0.99,
    "dynamic_degree": 0.6,
    "aesthetic_quality": 0.61,
    "imaging_quality": 0.66,
}
SEMANTIC = {
    "object_class": 0.9,
    "multiple_objects": 0.7,
    "human_action": 0.95,
    "color": 0.88,
    "spatial_relationship": 0.72,
    "scene": 0.55,
    "appearance_style": 0.24,
    "temporal_style": 0.25,
    "overall_consistency": 0.27,
}


def test_totals_of_a_whole_table() -> None:
    quality = (
        (0.95 - 0.1462) / (1 - 0.1462)
        + (0.96 - 0.2615) / (1 - 0.2615)
        + (0.98 - 0.6293) / (1 - 0.6293)
        + (0.99 - 0.706) / (0.9975 - 0.706)
        + 0.5 * 0.6
        + 0.61
        + 0.66
    ) / 6.5
    semantic = (
        0.9 + 0.7 + 0.95 + 0.88 + 0.72 + 0.55 / 0.8222 + (0.24 - 0.0009) / (0.2855 - 0.0009) + 0.25 / 0.364
        + 0.27 / 0.364
    ) / 9  # fmt: skip
    found = totals(QUALITY | SEMANTIC | {"something_else": 5.0})
    assert found.quality == pytest.approx(quality) and found.semantic == pytest.approx(semantic)
    assert found.total == pytest.approx((4 * quality + semantic) / 5)
    assert found.missing == ()


def test_a_missing_dimension_leaves_no_total() -> None:
    raw = QUALITY | SEMANTIC
    for name in DIMENSIONS:
        found = totals({other: value for other, value in raw.items() if other != name})
        assert found.total is None and found.missing == (name,)
        assert (found.quality is None) == (name in QUALITY) and (found.semantic is None) == (name in SEMANTIC)
        assert found.measured is not None
    assert totals({}).measured is None


def test_the_measured_mean_weighs_as_the_leaderboard_does() -> None:
    found = totals({"dynamic_degree": 1.0, "aesthetic_quality": 0.4})
    assert found.measured == pytest.approx((0.5 * 1.0 + 0.4) / 1.5)


def test_aggregates_weigh_frames_or_videos_as_published() -> None:
    videos = [np.array([0.2] * 9), np.array([0.8])]
    assert aggregate("background_consistency", videos) == pytest.approx((9 * 0.2 + 0.8) / 10)
    assert aggregate("temporal_flickering", videos) == pytest.approx(0.5)
    assert aggregate("imaging_quality", [np.array([50.0, 70.0])]) == pytest.approx(0.6)
    with pytest.raises(KeepframeError, match="No video"):
        aggregate("scene", [])


def test_the_scale_is_not_cut_off() -> None:
    assert stretched("subject_consistency", 0.1462) == 0.0 and stretched("subject_consistency", 0.0) < 0.0
    assert stretched("motion_smoothness", 1.0) > 1.0
