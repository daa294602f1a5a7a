"""The frontier against its definition, and a chart and a report that show it."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.store import Results, Store
from reports.compare import compare
from reports.comparison import MetricInfo
from reports.cost_pareto import AXES, frontier, pareto, peaks_mb, priced
from reports.look import looks
from reports.marks import Extent
from runners.meter_store import save
from suites.cost.profile import profile
from tests.unit.store_factory import synthetic_store

PSNR = MetricInfo("psnr", "1", "dB", "higher")
NUMBERS = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0])


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Results]:
    store, key = synthetic_store(tmp_path_factory.mktemp("pareto") / "r", videos=3, moments=2, frames=False)
    return store, store.results(key)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12))
def test_the_frontier_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    def dominated(one: tuple[float, float]) -> bool:
        return any(o[0] <= one[0] and o[1] >= one[1] and o != one for o in points)

    assert frontier(points) == {i for i, one in enumerate(points) if not dominated(one)}


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "peak_mb"])
def test_a_chart_shows_every_priced_system_and_names_the_frontier(opened: tuple[Store, Results], axis: str) -> None:
    results = opened[1]
    comparison = compare(results)
    rows = priced(comparison, PSNR, axis)
    chart = pareto(rows, PSNR, axis, looks(results.run["spec"]), Extent(300, 200)).to_dict()
    shown = {row["system"] for data in chart["datasets"].values() for row in data if "system" in row}
    named = {row["text"] for data in chart["datasets"].values() for row in data if "text" in row}
    assert shown == {one.system for one in rows}
    assert len(named) == (sum(one.on_frontier for one in rows) or 1)
    for cheap, dear in itertools.pairwise([one for one in rows if one.on_frontier]):
        assert cheap.cost <= dear.cost and cheap.score <= dear.score


def test_peaks_come_from_whole_models_measured_at_the_nearest_history(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")

    def kept(peak: int, **asked: float) -> None:
        memory = {"pass": "memory", "outcome": "done", "environment": {}, "memory": {"peak": {"host": peak}}}
        save(store, profile("nano", **asked), {"memory": memory})

    kept(10_000_000, history_s=20.0)
    kept(30_000_000, history_s=60.0)
    kept(99_000_000, history_s=20.0, layers=1)
    spec = {"systems": [{"name": "ours", "memory": "history", "args": {}}, {"name": "still", "memory": "mean-frame"}]}
    assert peaks_mb(store, spec, 20.0) == {"ours": 10.0}
    assert peaks_mb(store, spec, 50.0) == {"ours": 30.0}
