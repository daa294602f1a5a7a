"""A ceiling bounds what is read through it: it is shown as such everywhere, and is a contender nowhere."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import UsageError
from bench.spec import System, parse
from bench.store import Results
from reports.charts import rate_quality as draw_rates
from reports.compare import compare
from reports.comparison import MetricInfo
from reports.cost_pareto import pareto, priced
from reports.curves import rate_quality
from reports.formats import render
from reports.grids import CEILING_NOTE
from reports.look import looks
from reports.marks import Extent
from reports.selection import representatives
from reports.verdict import findings, headline
from tests.unit.board import opener, table
from tests.unit.store_factory import SYSTEMS, Made, synthetic_store
from tests.unit.tables import Made as Scores

PSNR = MetricInfo("psnr", "1", "dB", "higher")
SPEC = {
    "systems": [
        {"name": "roof", "memory": "./vae.py:Vae", "role": "ceiling"},
        {"name": "good", "memory": "./mine.py:Mine"},
        {"name": "floor mean", "memory": "mean-frame", "baseline": True},
    ]
}


@pytest.fixture(scope="module")
def results() -> Results:
    draw = np.random.default_rng(5)
    video = draw.normal(0, 4, (12, 1))
    means = {"roof": 34.0, "good": 29.0, "floor mean": 20.0}
    values = {name: mean + video + draw.normal(0, 0.3, (12, 4)) for name, mean in means.items()}
    rates = {"roof": 64_000.0, "good": 6_000.0, "floor mean": 600.0}
    made = Scores({"psnr": values}, bytes_per_s=rates).results()
    return replace(made, run={**made.run, "spec": SPEC})


def system(**entry: Any) -> System:
    return System.model_validate({"name": "x", "memory": "m:M", **entry})


def test_a_spec_says_what_part_a_system_plays() -> None:
    assert [system().role, system(baseline=True).role, system(role="ceiling").role] == ["tested", "baseline", "ceiling"]
    assert system(memory="latents").role == "ceiling"  # whoever forgets to say so
    assert system(memory="latents", role="tested").role == "tested"
    assert system(baseline=False).role == "tested"
    assert "baseline" not in system(baseline=True).model_dump()
    with pytest.raises(UsageError, match="cannot both be"):
        entry = {"memory": "constant", "baseline": True, "role": "ceiling"}
        parse({"footage": {"path": "."}, "systems": [entry]}, source="spec.toml", folder=Path())
    with pytest.raises(UsageError, match="true or false"):
        entry = {"memory": "constant", "baseline": "yes"}
        parse({"footage": {"path": "."}, "systems": [entry]}, source="spec.toml", folder=Path())


def test_it_has_no_rank_and_leaves_the_first_one_free(results: Results) -> None:
    found = compare(results)
    assert [row.name for row in found.systems] == ["roof", "good", "floor mean"]  # in its place in the table
    assert found.cell("roof", "psnr").ranks is None and not found.cell("roof", "psnr").top
    assert found.cell("good", "psnr").ranks == (1, 1)
    row = found.systems[0]
    assert row.ceiling and not row.tested
    text = render(found, "markdown")
    assert "| *roof* | *512* | *" in text and "*ceiling* |" in text and CEILING_NOTE in text


def test_being_above_others_is_no_merit(results: Results) -> None:
    found = compare(results, baseline="good")
    (line,) = [row for row in render(found, "markdown").splitlines() if row.startswith("| *roof* | *better*")]
    assert "**" not in line


def test_what_is_said_names_a_contender_as_best_and_how_far_it_is_below(results: Results) -> None:
    found = compare(results)
    assert headline(found, PSNR).startswith("good recalls best")
    said = findings(results, found, PSNR, looks(SPEC))
    (about,) = [sentence for sentence in said if "ceiling" in sentence]
    assert about.startswith("The ceiling, roof, scores") and " below it, paired by video." in about
    assert not any("roof" in sentence for sentence in said if sentence != about)


def test_charts_draw_it_and_keep_it_off_the_frontier(results: Results) -> None:
    found, colours = compare(results), looks(SPEC)
    rows = priced(found, PSNR, "bytes_per_s")
    assert {one.system: one.on_frontier for one in rows} == {"floor mean": True, "good": True, "roof": False}
    chart = pareto(rows, PSNR, "bytes_per_s", colours, Extent(300, 200)).to_dict()
    named = {row["text"] for data in chart["datasets"].values() for row in data if "text" in row}
    assert "roof (ceiling)" in named
    drawn = draw_rates(rate_quality(results, "psnr"), PSNR, colours, Extent(600, 300)).to_dict()
    lines = [row for data in drawn["datasets"].values() for row in data if "end" in row]
    across = next(row for row in lines if row["series"] == "roof")
    floor = next(row for row in lines if row["series"] == "floor mean")
    assert across["dash"] == "dash-dot" and across["colour"] != floor["colour"]
    assert across["x"] <= floor["x"] and across["end"] == floor["end"]
    assert across["end"] < 64_000  # its own rate does not stretch the plot
    assert "roof" in representatives(found, PSNR, colours)


def test_a_run_without_any_contender_still_says_what_it_scored() -> None:
    made = Scores({"psnr": {"roof": np.full((12, 2), 30.0) + np.arange(12)[:, None]}}).results()
    found = compare(replace(made, run={**made.run, "spec": {"systems": SPEC["systems"][:1]}}))
    assert headline(found, PSNR).startswith("roof recalls with")


def test_the_board_shows_it_and_every_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roof = Made(system(name="roof", memory="latents"), 500.0, tokens=9000, encode_ms=300.0, block=2)
    synthetic_store(tmp_path / "r", videos=4, moments=2, made=(*SYSTEMS[-1:], roof, *SYSTEMS[7:9]), size=(64, 48))
    app = opener(monkeypatch)(tmp_path / "r")
    (row,) = [row for row in table(app, "Kind") if row["System"] == "roof"]
    assert (row["Kind"], row["Rank"], row["Top"]) == ("ceiling", "ceiling", "")
    assert "Quality against cost" in [head.value for head in app.subheader]
