"""What may be compared, what a baseline's lock file holds, and how noise is measured."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bench import baselines
from bench.baselines import Baseline, Promotion
from bench.errors import NotComparableError, StoreError, UsageError
from bench.store import Results
from reports.gate.noise import Floor, floor, floors_of, repeatability
from reports.gate.pair import pair, without_nan
from reports.gate.subject import weights_of
from tests.unit.gate_tables import scores
from tests.unit.tables import Made

RUN = {"name": "r", "spec": {"decode": {"width": 416}, "suite": {"name": "retrieval", "args": {"moments": 4}}}}


def made(shift: float = 0.0, **kwargs: object) -> Results:
    """A run with one system, `mine`."""
    values = scores(shift, videos=12)
    results = Made({"psnr": {"mine": values["candidate"]}}, **kwargs).results()  # type: ignore[arg-type]
    sessions = [{"environment": {"python": "3.11"}}]
    return replace(results, run={**results.run, **RUN, "sessions": sessions})


def changed(results: Results, column: str, old: str, new: str) -> Results:
    values = [new if value == old else value for value in results.planned[column].to_pylist()]
    place = results.planned.schema.get_field_index(column)
    return replace(results, planned=results.planned.set_column(place, column, pa.array(values, pa.string())))


# -- what may be compared --------------------------------------------------------------------------------------


def test_two_runs_become_one_table_of_baseline_and_candidate() -> None:
    joined = pair((made(0.0), "mine"), (made(1.0), "mine"))
    assert (
        set(joined.planned["system"].to_pylist())
        == {"baseline", "candidate"}
        == set(joined.scores["system"].to_pylist())
    )
    assert joined.scores.num_rows == 2 * 12 * 4


def test_other_clips_under_the_same_names_are_refused() -> None:
    other = changed(made(), "case_key", "key of case-0003", "another clip")
    with pytest.raises(NotComparableError, match=r"1 case not the same .*case-0003"):
        pair((made(), "mine"), (other, "mine"))


def test_settings_that_differ_are_named() -> None:
    other = changed(made(), "case_key", "key of case-0003", "another")
    narrow = replace(other, run={**other.run, "spec": {**RUN["spec"], "decode": {"width": 320}}})
    with pytest.raises(NotComparableError, match="differ in decode: width 416 and 320"):
        pair((made(), "mine"), (narrow, "mine"))


def test_another_version_of_a_metric_is_refused() -> None:
    other = made(versions={("mine", "psnr"): "2"})
    with pytest.raises(NotComparableError, match="different versions of psnr: metric_version '1' and '2'"):
        pair((made(), "mine"), (other, "mine"))


def test_a_system_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Did you mean 'mine'"):
        pair((made(), "mime"), (made(), "mine"))


def test_scores_that_are_no_numbers_are_taken_out_and_counted() -> None:
    joined = pair((made(), "mine"), (made(), "mine"))
    values = joined.scores["value"].to_pylist()
    systems = joined.scores["system"].to_pylist()
    values[systems.index("candidate")] = float("-inf")
    values[systems.index("baseline")] = float("nan")
    place = joined.scores.schema.get_field_index("value")
    broken = replace(joined, scores=joined.scores.set_column(place, "value", pa.array(values, pa.float64())))
    clean, lost = without_nan(broken)
    assert (clean.scores.num_rows, lost) == (2 * 12 * 4 - 2, 1)


# -- the lock file ---------------------------------------------------------------------------------------------

ENTRY = Baseline(
    run="a" * 32,
    system="mine",
    suite="retrieval",
    videos=12,
    cases="c" * 32,
    checkpoints={},
    metrics={"psnr": "1"},
    weights={},
    noise={"psnr": 0.1},
    environment={"python": "3.11"},
    promotions=(Promotion(run="a" * 32, by="me", at="2026-03-01T12:00:00Z", reason="first"),),
)


def test_the_lock_file_keeps_every_promotion_and_every_name(tmp_path: Path) -> None:
    path = tmp_path / "baselines.lock.json"
    baselines.promote(path, "main", ENTRY)
    baselines.promote(path, "small", ENTRY)
    later = ENTRY.model_copy(
        update={"run": "b" * 32, "promotions": (ENTRY.promotions[0].model_copy(update={"reason": "better"}),)}
    )
    baselines.promote(path, "main", later)
    lock = baselines.load(path)
    assert lock.get("main").run == "b" * 32
    assert [one.reason for one in lock.get("main").promotions] == ["first", "better"]
    assert list(json.loads(path.read_text())["baselines"]) == ["main", "small"]
    with pytest.raises(UsageError, match="Did you mean 'main'"):
        lock.get("mian")


def test_a_lock_file_of_another_schema_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baselines.lock.json"
    path.write_text('{"schema": 2, "baselines": {}}')
    with pytest.raises(NotComparableError, match="schema 2"):
        baselines.load(path)
    for text in ("{", "[]", '{"schema": 1, "baselines": {"main": {"run": 3}}}'):
        path.write_text(text)
        with pytest.raises(StoreError, match="damaged"):
            baselines.load(path)


def test_a_promotion_has_a_reason() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        Promotion(run="a", by="me", at="now", reason="")


def test_weights_of_metrics_are_those_of_the_catalogue() -> None:
    assert set(weights_of({"lpips_alex": "1", "psnr": "1"})) >= {"alexnet"}
    assert weights_of({"psnr": "1"}) == {}


# -- the noise floor -------------------------------------------------------------------------------------------


def test_the_floor_holds_95_of_100_differences_of_two_further_runs() -> None:
    """By simulation, with the 5 runs that calibrate does by default."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(4000):
        runs = draw.normal(0.0, 0.3, 7)
        held += abs(runs[5] - runs[6]) <= repeatability(runs[:5].tolist())
    assert 0.94 <= held / 4000 <= 0.96


def test_the_floor_of_runs_is_over_the_cases_that_all_answered() -> None:
    runs = [made(shift) for shift in (0.0, 0.1, -0.1)]
    gone = runs[1].scores.filter(pa.compute.not_equal(runs[1].scores["case"], "case-0002"))
    found = floor([runs[0], replace(runs[1], scores=gone), runs[2]], "mine", [{"seed": 0, "workers": 1}] * 3)
    means = found.means["psnr"]
    assert np.diff(means) == pytest.approx([0.1, -0.2])
    assert found.metrics["psnr"] == pytest.approx(4.303 * np.sqrt(2) * np.std(means, ddof=1), rel=1e-3)


def test_a_floor_counts_for_the_version_that_it_was_measured_with() -> None:
    def of(value: float, version: str) -> Floor:
        return Floor("s", {"psnr": value}, {"psnr": version}, {}, 10, 5, [], {})

    assert floors_of([of(0.1, "1"), None, of(0.3, "1"), of(9.0, "0")], {"psnr": "1"}) == {"psnr": 0.3}
