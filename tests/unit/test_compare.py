"""Comparisons of made results: hand-computed numbers, refusals, and what is missing is said."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats

from bench.errors import KeepframeError, NotComparableError, StoreError, UsageError
from reports.compare import compare
from reports.comparison import Comparison, Difference
from reports.videos import case_scores, per_video, read_plan
from tests.unit.tables import Made, sweep

DRAW = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def drawn_anew() -> None:
    """The same draws in every test, whatever ran before it."""
    DRAW.bit_generator.state = np.random.default_rng(11).bit_generator.state


def two(a: np.ndarray, b: np.ndarray, metric: str = "psnr", **more: object) -> Made:
    return Made({metric: {"A": a, "B": b}}, **more)  # type: ignore[arg-type]


def only(comparison: Comparison) -> Difference:
    (difference,) = comparison.differences
    return difference


def test_every_number_by_hand() -> None:
    a, b = DRAW.normal(30, 3, (12, 5)), DRAW.normal(31, 3, (12, 5))
    c = compare(two(a, b).results(), baseline="A")
    d, cell = only(c), c.cell("B", "psnr")
    theirs = scipy.stats.ttest_rel(b.mean(1), a.mean(1))
    assert d.mean == pytest.approx((b - a).mean())
    assert d.p == pytest.approx(theirs.pvalue) == d.p_holm
    assert d.interval == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert cell.mean == pytest.approx(b.mean())
    assert cell.interval == pytest.approx(scipy.stats.t.interval(0.95, 11, b.mean(), scipy.stats.sem(b.mean(1))))
    assert (cell.videos, cell.cases, cell.planned, d.videos, d.left_out) == (12, 12, 12, 12, 0)


def test_the_video_is_the_unit_and_weighs_the_same_however_many_cases_it_has() -> None:
    values = np.array([[1.0, 3.0], [5.0, 5.0], [10.0, 10.0], [20.0, 20.0]])
    made = two(values, values + 1, video_of=np.array([0, 0, 0, 1]))
    results = made.results()
    plan = read_plan(results)
    assert per_video(case_scores(results, plan).means, plan)[0, 0].tolist() == [(2 + 5 + 10) / 3, 20.0]
    c = compare(results, baseline="A")
    assert c.videos == 2 and c.cell("A", "psnr").mean == pytest.approx(((2 + 5 + 10) / 3 + 20) / 2)
    assert only(c).videos == 2


def test_lower_is_better_turns_the_sign() -> None:
    a = DRAW.uniform(0.3, 0.5, (12, 3))
    d = only(compare(two(a, a - 0.1 - 0.01 * DRAW.random((12, 1)), "lpips").results(), baseline="A"))
    assert d.mean is not None and 0.1 < d.mean < 0.11 and d.verdict == "better"


def test_a_neutral_metric_has_a_mean_and_no_verdict_and_no_rank() -> None:
    a = DRAW.normal(size=(12, 3))
    c = compare(two(a, a + 5, "hue").results(), baseline="A")
    assert c.differences == () and c.cell("A", "hue").ranks is None
    assert c.cell("B", "hue").mean == pytest.approx(a.mean() + 5)


def test_the_order_of_the_rows_changes_nothing() -> None:
    made = sweep()
    expected = compare(made.results(), baseline="h264 1")
    for seed in range(3):
        assert compare(dataclasses.replace(made, shuffle=seed).results(), baseline="h264 1") == expected


def test_another_system_in_the_run_changes_no_mean_and_no_difference() -> None:
    results = sweep().results()
    few = compare(results, baseline="h264 1", systems=["av1 1"])
    all_of_them = compare(results, baseline="h264 1")
    assert few.cell("av1 1", "psnr").mean == all_of_them.cell("av1 1", "psnr").mean
    one, other = (next(d for d in c.differences if d.system == "av1 1") for c in (few, all_of_them))
    assert (one.mean, one.interval, one.p) == (other.mean, other.interval, other.p)
    assert one.p_holm is not None and other.p_holm is not None and one.p_holm <= other.p_holm


def test_a_missing_case_is_left_out_on_both_sides_and_said() -> None:
    a = DRAW.normal(30, 3, (12, 4))
    b = a + 1 + 0.1 * DRAW.normal(size=(12, 1))
    whole = only(compare(two(a, b).results(), baseline="A"))
    holes = b.copy()
    holes[3] = np.nan
    c = compare(two(a, holes).results(), baseline="A")
    d = only(c)
    assert (d.videos, d.left_out) == (11, 1)
    assert d.mean == pytest.approx(np.delete(b - a, 3, axis=0).mean()) and d.mean != whole.mean
    assert c.cell("B", "psnr").cases == 11 and c.cell("B", "psnr").planned == 12
    assert any("11 of 12 cases" in w and "(B)" in w for w in c.warnings)
    assert any("leave out 1" in w for w in c.warnings)


def test_within_a_video_only_common_cases_are_paired() -> None:
    hard, easy = np.full((6, 2), 10.0), np.full((6, 2), 40.0)
    a = np.concatenate([hard, easy])
    b = a + 1.0
    b[0] = np.nan  # the hard case of video 0: B's mean of that video rises, the pair must not
    c = compare(two(a, b, video_of=np.tile(np.arange(6), 2)).results(), baseline="A")
    assert only(c).mean == 1.0 and only(c).left_out == 1 and only(c).videos == 6


def test_cases_with_other_numbers_of_moments_are_not_paired() -> None:
    a = DRAW.normal(30, 3, (12, 4))
    b = a + 1.0
    b[5, 2] = np.nan
    assert (only(compare(two(a, b).results(), baseline="A")).videos) == 11


def test_one_video_has_no_interval_no_p_and_a_verdict_that_says_so() -> None:
    c = compare(two(np.full((1, 3), 30.0), np.full((1, 3), 31.0)).results(), baseline="A")
    d = only(c)
    assert (d.mean, d.interval, d.p, d.p_sign_flip, d.p_holm, d.verdict) == (
        1.0,
        None,
        None,
        None,
        None,
        "too few videos",
    )
    assert c.cell("A", "psnr").interval is None and c.cell("A", "psnr").ranks == (1, 2)
    assert any("Only 1 video:" in w for w in c.warnings)


def test_a_system_compared_with_its_copy_ties() -> None:
    a = DRAW.normal(30, 3, (12, 4))
    c = compare(two(a, a.copy()).results(), baseline="A")
    assert only(c).verdict == "no difference shown" and only(c).mean == 0.0
    assert [cell.ranks for cell in c.cells] == [(1, 2), (1, 2)] and all(cell.top for cell in c.cells)


def test_verdicts_answer_for_the_whole_table() -> None:
    """One of 30 harmless systems is lucky at 5 %; Holm does not call it better."""
    draw = np.random.default_rng(0)
    base = draw.normal(30, 3, (20, 2))
    systems = {"base": base} | {f"s{i:02d}": base + draw.normal(0, 0.3, (20, 1)) for i in range(30)}
    c = compare(Made({"psnr": systems}).results(), baseline="base")
    assert min(d.p for d in c.differences if d.p is not None) < 0.05
    assert {d.verdict for d in c.differences} == {"no difference shown"}
    assert all(cell.ranks == (1, 31) for cell in c.cells)


def test_the_note_says_where_the_tests_disagree() -> None:
    b = np.full((4, 2), 1.0) + 0.05 * np.arange(4)[:, None]
    d = only(compare(two(np.zeros((4, 2)), b).results(), baseline="A"))
    assert d.verdict == "better" and d.p_sign_flip == 2 / 16 and "sign-flip" in d.note


def test_systems_come_best_first_and_floors_are_marked() -> None:
    c = compare(sweep().results())
    means = [c.cell(row.name, "psnr").mean for row in c.systems]
    assert means == sorted(means, reverse=True)  # type: ignore[type-var]
    assert [row.name for row in c.systems if not row.tested] == ["floor mean"]
    assert c.differences == () and c.bd == () and c.baseline is None


def test_costs_are_per_second_of_history() -> None:
    made = two(
        np.ones((2, 3)), np.ones((2, 3)), bytes_per_s={"A": np.array([100.0, 300.0])}, horizons_s=np.array([20.0, 60.0])
    )
    costs = next(row.costs for row in compare(made.results()).systems if row.name == "A")
    assert costs.bytes_per_s == 200.0 and costs.kbit_per_s == 1.6
    assert costs.tokens_per_s == pytest.approx((1560 / 20 + 1560 / 60) / 2)
    assert costs.encode_ms_per_s == pytest.approx(41.0) and costs.recall_ms == 90.0
    floor = next(row.costs for row in compare(sweep().results()).systems if not row.tested)
    assert floor.tokens_per_s is None


def test_exact_hits_are_counted_once_not_once_a_metric() -> None:
    row = compare(sweep(videos=12, moments=8).results()).systems[0]
    assert (row.exact, row.answers) == (12, 96)


def test_bd_rates_against_the_baselines_sweep() -> None:
    c = compare(sweep(videos=20).results(), baseline="h264 2")
    assert c.baseline_curve == "h264" and [(r.curve, r.metric) for r in c.bd] == [
        ("av1", m) for m in ("psnr", "ssim", "lpips")
    ]
    for row in c.bd:
        assert row.bd.rate.value is not None and -60 < row.bd.rate.value < 0 and row.bd.rate.interval is not None
        assert row.bd.rate.shared is not None and 0 < row.bd.rate.shared.low < row.bd.rate.shared.high
    assert compare(sweep().results(), baseline="floor mean").bd == ()


def test_slices_by_tag_and_history() -> None:
    made = sweep(videos=12)
    made.horizons_s = np.where(np.arange(12) < 4, 60.0, 20.0)
    c = compare(made.results(), baseline="h264 1")
    assert [(s.name, s.videos) for s in c.slices] == [("tag fast", 4), ("history 20 s", 8), ("history 60 s", 4)]
    fast = made.values["psnr"]["av1 1"][::3]
    cell = next(x for x in c.slices[0].cells if (x.system, x.metric) == ("av1 1", "psnr"))
    assert cell.mean == pytest.approx(fast.mean()) and cell.planned == 4 and cell.ranks is None


def test_a_metric_that_nobody_could_score_is_an_empty_column() -> None:
    values = DRAW.normal(size=(12, 2))
    nothing = np.full((12, 2), math.nan)
    failures = [
        {
            "system": s,
            "case": f"case-{i:04d}",
            "metric": "lpips",
            "stage": "metric",
            "error": "UnavailableError",
            "message": "no weights",
        }
        for s in "AB"
        for i in range(12)
    ]
    made = Made({"psnr": {"A": values, "B": values}, "lpips": {"A": nothing, "B": nothing}}, failures=failures)
    c = compare(made.results(), baseline="A")
    assert c.cell("A", "lpips") == dataclasses.replace(c.cell("A", "lpips"), mean=None, cases=0, planned=12, ranks=None)
    assert "lpips: 0 of 12 cases scored (all systems)." in c.warnings
    assert [(f.system, f.metric, len(f.cases)) for f in c.failures] == [("A", "lpips", 12), ("B", "lpips", 12)]
    assert {d.verdict for d in c.differences if d.metric == "lpips"} == {"too few videos"}


@pytest.mark.parametrize("bad", [math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused_by_name(bad: float) -> None:
    a = DRAW.normal(size=(3, 2))
    a[1, 1] = bad
    with pytest.raises(KeepframeError, match=r"psnr of 'A' on case 'case-0001' is -?inf"):
        compare(two(a, a).results())


def test_nan_scores_are_refused() -> None:
    results = two(np.ones((3, 2)), np.ones((3, 2))).results()
    column = pa.array([math.nan, *results.scores["value"].to_pylist()[1:]])
    place = results.scores.column_names.index("value")
    broken = dataclasses.replace(results, scores=results.scores.set_column(place, "value", column))
    with pytest.raises(KeepframeError, match="is nan"):
        compare(broken)


def test_a_moment_scored_twice_is_refused() -> None:
    results = two(np.ones((3, 2)), np.ones((3, 2))).results()
    with pytest.raises(StoreError, match="two scores"):
        compare(dataclasses.replace(results, scores=pa.concat_tables([results.scores, results.scores.slice(0, 1)])))


def test_other_metric_versions_are_not_comparable() -> None:
    a = np.ones((3, 2))
    results = two(a, a, versions={("B", "psnr"): "2"}).results()
    with pytest.raises(NotComparableError, match="versions of psnr: 1 and 2"):
        compare(results)
    assert compare(results, systems=["B"]).metrics[0].version == "2"


def test_nothing_in_common_is_not_comparable() -> None:
    a, b = np.ones((4, 2)), np.ones((4, 2))
    a[:2], b[2:] = np.nan, np.nan
    with pytest.raises(NotComparableError, match="no case in common"):
        compare(two(a, b).results(), baseline="A")


def test_a_case_that_means_two_things_is_not_comparable() -> None:
    results = two(np.ones((2, 2)), np.ones((2, 2))).results()
    rows = results.planned.to_pylist()
    rows[1]["case_key"] = "another clip"
    with pytest.raises(NotComparableError, match="not the same for all systems"):
        compare(dataclasses.replace(results, planned=pa.Table.from_pylist(rows, schema=results.planned.schema)))


@pytest.mark.parametrize("arguments", [{"baseline": "h265 1"}, {"systems": ["h265 1"]}])
def test_a_wrong_name_gets_a_hint(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="Did you mean 'h264 1'"):
        compare(sweep().results(), **arguments)  # type: ignore[arg-type]


def test_an_empty_run_says_so() -> None:
    results = two(np.ones((1, 1)), np.ones((1, 1))).results()
    empty = dataclasses.replace(results, planned=results.planned.slice(0, 0))
    with pytest.raises(StoreError, match="planned no case"):
        compare(empty)


def test_it_reads_a_real_store(tmp_path: Path) -> None:
    from tests.unit.store_factory import synthetic_store

    store, key = synthetic_store(tmp_path / "store", frames=False)
    c = compare(store.results(key), baseline="codec h264,bitrate_kbps=50")
    assert [m.name for m in c.metrics] == ["psnr", "ssim", "lpips_alex"]
    assert c.cell("history 4x4x4", "psnr").cases == 11
    assert {row.curve for row in c.bd} == {"codec av1", "keyframes"}
    assert [(f.system, f.metric, len(f.cases)) for f in c.failures] == [("history 4x4x4", None, 1)]
    assert any("lpips_alex is unavailable" in w and "keepframe weights fetch" in w for w in c.warnings)
    assert not any("lpips_alex: 0 of" in w for w in c.warnings)
    running, key = synthetic_store(tmp_path / "running", frames=False, state="running")
    assert any("0 of 12" in w for w in compare(running.results(key)).warnings)
