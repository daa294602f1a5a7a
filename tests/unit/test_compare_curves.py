"""Curves: points by hand, bins, bands, and what has no point."""

import dataclasses

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats import mean_interval
from reports.curves import MOTION_BINS, POSITION_BINS, rate_quality, recall_curves
from tests.unit.tables import Made, sweep


def test_rate_quality_points_are_means_over_videos() -> None:
    made = sweep(videos=15)
    curves = {c.name: c for c in rate_quality(made.results(), "psnr")}
    assert set(curves) == {"h264", "av1", "floor mean"}
    assert [p.label for p in curves["av1"].points] == [f"av1 {k}" for k in range(4)]
    assert [c.tested for c in curves.values()] == [name != "floor mean" for name in curves]
    point = curves["av1"].points[2]
    values = made.values["psnr"]["av1 2"].mean(axis=1)
    assert point.mean == pytest.approx(values.mean()) and point.videos == 15
    assert point.x == pytest.approx(np.mean(made.bytes_per_s["av1 2"]), rel=1e-3)  # whole bytes are stored
    students = mean_interval(values).interval
    assert point.interval is not None and students is not None
    assert point.interval == pytest.approx(students, abs=0.15 * (students.high - students.low))
    assert point.x_interval is not None and point.x_interval.low < point.x < point.x_interval.high


def test_a_curve_uses_the_videos_that_all_its_settings_have() -> None:
    made = sweep(videos=12)
    made.values["psnr"]["av1 0"][4] = np.nan
    curves = {c.name: c for c in rate_quality(made.results(), "psnr")}
    assert {p.videos for p in curves["av1"].points} == {11}
    assert {p.videos for p in curves["h264"].points} == {12}


def test_recall_against_position_by_hand() -> None:
    made = sweep(videos=12, moments=40)
    results = made.results()
    (curve,) = recall_curves(results, "psnr", "position", systems=["av1 1"])
    frame = results.scores.to_pandas().query("system == 'av1 1' and metric == 'psnr'")
    in_bin = frame[(frame.position >= 0.3) & (frame.position < 0.4)]
    point = next(p for p in curve.points if p.label == "0.3 to 0.4")
    assert point.mean == pytest.approx(in_bin.groupby("group").value.mean().mean())
    assert point.x == pytest.approx(in_bin.position.mean())
    assert point.videos == in_bin.group.nunique()
    assert len(curve.points) == POSITION_BINS


def test_motion_bins_hold_equal_shares_and_cuts_may_be_unknown() -> None:
    results = sweep(videos=20, moments=20).results()
    motion = recall_curves(results, "psnr", "motion")
    assert {len(c.points) for c in motion} == {MOTION_BINS}
    cut = recall_curves(results, "psnr", "since_cut_s", systems=["av1 1"])[0]
    assert max(p.videos for p in cut.points) == 16  # every fifth video of the factory has no cut
    assert cut.points[0].label == "0 to 0.5"
    assert all(a.x < b.x for a, b in zip(cut.points, cut.points[1:], strict=False))


def test_one_video_in_a_bin_has_no_band() -> None:
    made = Made({"psnr": {"A": np.arange(6.0).reshape(1, 6)}})
    points = recall_curves(made.results(), "psnr", "position")[0].points
    assert points and all(p.interval is None and p.videos == 1 for p in points)
    assert rate_quality(made.results(), "psnr")[0].points[0].interval is None


def test_curves_do_not_depend_on_the_order_of_rows_and_repeat() -> None:
    made = sweep()
    shuffled = dataclasses.replace(made, shuffle=3)
    for axis in ("position", "since_cut_s", "motion"):
        expected = recall_curves(made.results(), "psnr", axis, seed=4)
        assert recall_curves(shuffled.results(), "psnr", axis, seed=4) == expected
    assert rate_quality(shuffled.results(), "ssim") == rate_quality(made.results(), "ssim")


def test_a_wrong_metric_gets_a_hint() -> None:
    with pytest.raises(UsageError, match="Did you mean 'psnr'"):
        rate_quality(sweep().results(), "pnsr")
    with pytest.raises(UsageError, match="Did you mean 'psnr'"):
        recall_curves(sweep().results(), "pnsr", "position")


def test_bands_cover_the_truth_point_by_point() -> None:
    """95 % bands of 20 videos with strong video effects and unequal numbers of moments in the bins."""
    hits, points = 0, 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        values = draw.normal(0, 2.0, (20, 1)) + draw.normal(0, 1.0, (20, 12))
        for point in recall_curves(Made({"psnr": {"A": values}}).results(), "psnr", "position", seed=seed)[0].points:
            assert point.interval is not None
            hits, points = hits + (point.interval.low <= 0 <= point.interval.high), points + 1
    assert 0.91 <= hits / points <= 0.98  # points of one curve rise and fall together: 60 studies, not 600
