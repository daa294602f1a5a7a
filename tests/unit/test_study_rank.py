"""From a table of votes to the printed ranking: the verb, its formats, its page, and what they refuse to say."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.preference_studies import study
from unit.store_factory import synthetic_store

from bench.cli import app
from bench.errors import KeepframeError, UsageError
from bench.store import Store
from reports.study import how_ranked, study_grids
from reports.study_formats import render_study
from reports.study_html import headline, write_study
from reports.study_metrics import stored_scores
from suites.preference.findings import Findings, Reading, findings
from suites.preference.record import Record, record
from suites.preference.votes import Vote, Votes, gather
from suites.preference.votes_file import write_votes

NAMES = ("best", "<b>|_second_", "last")
SIMULATED = "simulated raters"


def made(strengths: tuple[float, ...] = (1.2, 0.0, -1.2), **more) -> Record:
    votes = study(np.random.default_rng(0), 24, 16, 40, np.array(strengths), taste=0.3)
    return replace(record("pilot", replace(votes, systems=NAMES)), **more)


@pytest.fixture(scope="module")
def told() -> Findings:
    return findings(made(head="5eed" * 16))


def keepframe(*words: str) -> int:
    code = app()(list(words), result_action="return_value")
    return code if isinstance(code, int) else 0


def test_from_a_table_of_votes_to_the_printed_ranking(tmp_path: Path, capsys) -> None:
    path = tmp_path / "votes.csv"
    write_votes(made(), path)
    assert keepframe("study", "rank", str(path), "-o", str(tmp_path / "page.html"), "--json") == 0
    printed = capsys.readouterr().out
    order = [line.split()[0] for line in printed.splitlines()[3:6]]
    assert order == ["best", "<b>|_second_", "last"]
    assert "960 votes of 24 raters on 16 prompts" in printed and "ties modelled (Davidson)" in printed
    document = json.loads(printed.splitlines()[-1])
    places = document["rankings"][0]["places"]
    assert [place["system"] for place in places] == list(NAMES)
    assert [place["tier"] for place in places] == [1, 2, 3] and places[0]["beats"] == list(NAMES[1:])
    truth = 400 / np.log(10) * 1.2
    assert abs(places[0]["elo"] - 1000 - truth) < 60 and places[0]["interval"][0] < places[0]["elo"]
    assert (tmp_path / "page.html").is_file()


def test_simulated_votes_are_refused_and_then_named_everywhere(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dry.csv"
    write_votes(made(simulated=True), path)
    with pytest.raises(UsageError, match=SIMULATED):
        keepframe("study", "rank", str(path))
    capsys.readouterr()
    assert keepframe("study", "rank", str(path), "--simulated") == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if SIMULATED in line]
    told = findings(made(simulated=True), Reading(simulated=True))
    assert len(titles) >= len(study_grids(told)) >= 4
    assert all(SIMULATED in grid.title for grid in study_grids(told))
    assert json.loads(render_study(told, "json"))["simulated"] is True
    assert all(row["simulated"] == "true" for row in csv.DictReader(io.StringIO(render_study(told, "csv"))))
    text = write_study(told, tmp_path / "page.html").read_text()
    assert "People prefer" not in text and "What people prefer" not in text
    for heading in re.findall(r"<h2[^>]*>([^<]*)", text):
        assert SIMULATED in heading
    assert "no people" in text.split("<main>")[0]


def test_markdown_and_latex_keep_names_as_text(told: Findings) -> None:
    markdown = render_study(told, "markdown")
    assert "&lt;b&gt;\\|\\_second\\_" in markdown and "<b>" not in markdown
    assert r"\_second\_" in render_study(told, "latex")
    with pytest.raises(UsageError, match="markdown"):
        render_study(told, "markdow")


def test_csv_has_all_digits(told: Findings) -> None:
    rows = list(csv.DictReader(io.StringIO(render_study(told, "csv"))))
    assert [float(row["elo"]) for row in rows] == [place.elo for place in told.overall.places]
    assert rows[0]["ledger_head"] == told.head and rows[0]["simulated"] == "false"


class Page(HTMLParser):
    """Tags and the addresses they ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]


def test_the_page_is_whole_and_safe(told: Findings, tmp_path: Path) -> None:
    text = write_study(told, tmp_path / "deep" / "page.html").read_text()
    page = Page(text)
    assert "script" not in page.tags and "b" not in page.tags and not page.asked
    assert page.tags.count("svg") >= 4 and told.head in text
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    assert "39 votes" not in text and f"{told.overall.votes:,}" in text


def test_the_headline_claims_what_the_tests_show(told: Findings) -> None:
    assert headline(told) == "People prefer best to all 2 others"
    equal = findings(made((0.0, 0.0, 0.0)))
    assert "do not tell the 3 systems apart" in headline(equal)


def test_a_top_tier_of_two_is_named(told: Findings) -> None:
    close = findings(made((0.6, 0.6, -1.2)))
    assert headline(close) in (
        "best comes first; <b>|_second_ is not shown to be worse",
        "<b>|_second_ comes first; best is not shown to be worse",
    )


def test_one_prompt_has_no_intervals_and_says_so(tmp_path: Path) -> None:
    rows = (Vote(*pair, o, f"r{r}", "p") for r in range(9) for pair in ("ab", "ba") for o in ("left", "right", "left"))
    told = findings(record("pilot", gather(rows)))
    assert all(place.interval is None for place in told.overall.places)
    assert any("One prompt" in line for line in how_ranked(told, told.overall))
    assert "±" not in write_study(told, tmp_path / "p.html").read_text().split("<tbody>")[1].split("</tbody>")[0]


def test_undefeated_systems_and_islands_have_a_page(tmp_path: Path) -> None:
    pairs = [("a", "b"), ("b", "a")]
    rows = [Vote(*pair, o, f"r{r}", f"p{r % 4}") for r in range(8) for pair in pairs for o in ("left", "right")]
    undefeated = [*rows, *(Vote("z", "a", "left", f"r{r}", f"p{r % 4}") for r in range(8))]
    text = write_study(findings(record("pilot", gather(undefeated))), tmp_path / "a.html").read_text()
    assert "no upper end" in text and "no limit above for z" in text
    islands = [*rows, *(Vote("c", "d", "left", f"r{r}", f"p{r % 4}") for r in range(8))]
    told = findings(record("pilot", gather(islands)))
    text = write_study(told, tmp_path / "b.html").read_text()
    assert "nothing is known across them" in text and "no common scale" in text
    assert json.loads(render_study(told, "json"))["rankings"][0]["places"][0]["elo"] is None


def test_the_plot_is_in_the_order_of_the_ranking_whatever_has_an_interval() -> None:
    """One rater: nobody has an interval, and only the system that never won has an end of its line."""
    from reports.marks import Extent
    from reports.study_charts import both_bad, forest

    pairs = (("a", "b"), ("b", "a"), ("a", "z"), ("b", "z"), ("a", "z"))
    votes = (Vote(*pair, "left", "r", f"p{at}") for at, pair in enumerate(pairs))
    first = findings(record("pilot", gather(votes))).overall
    assert [place.unbounded for place in first.places][-1] == "below"
    for chart in (forest(first, Extent(300, 0)), both_bad(first, Extent(300, 0))):
        drawn = [layer["encoding"]["y"] for layer in chart.to_dict()["layer"] if "y" in layer["encoding"]]
        assert drawn and all(y["scale"]["domain"] == [place.system for place in first.places] for y in drawn)


def test_names_that_shorten_alike_stay_two_rows() -> None:
    from reports.marks import Extent
    from reports.study_charts import both_bad, forest, votes_by_day, wins

    long = tuple(f"the-same-beginning-{letter * 9}-and-the-same-end-of-a-name" for letter in "abc")
    votes = study(np.random.default_rng(0), 14, 12, 30, np.array([0.5, 0.0, -0.5]))
    told = findings(replace(record("pilot", replace(votes, systems=long)), at_s=np.linspace(0, 3e5, len(votes))))

    def rows(chart: Any, layer: int) -> list[dict]:
        spec = chart.to_dict()  # validates against the Vega-Lite schema
        data = spec["layer"][layer].get("data") or spec["data"]
        return spec["datasets"][data["name"]] if "name" in data else data["values"]

    for chart in (forest(told.overall, Extent(300, 0)), both_bad(told.overall, Extent(300, 0))):
        assert sorted(row["system"] for row in rows(chart, -1)) == sorted(long)
    cells = rows(wins(told.overall, 40), 0)
    assert {(row["row"], row["column"]) for row in cells} == {(a, b) for a in long for b in long if a != b}
    bars = rows(votes_by_day(told, Extent(300, 100)), 0)
    assert [bar["day"] for bar in bars] == ["01 Jan 1970", "02 Jan 1970", "03 Jan 1970", "04 Jan 1970"]
    assert sum(bar["votes"] for bar in bars) == len(votes)


def test_stored_scores_are_joined_by_name(tmp_path: Path) -> None:
    store, key = _store(tmp_path)
    results = store.results(key)
    systems = sorted(set(results.planned["system"].to_pylist()))[:3]
    prompts = sorted(set(results.planned["case"].to_pylist()))
    found = stored_scores(results, [*systems, "not in the run"], [*prompts, "another clip"])
    rows = [
        row
        for row in results.scores.select(["system", "case", "metric", "value"]).to_pylist()
        if (row["system"], row["case"], row["metric"]) == (systems[1], prompts[0], "psnr")
    ]
    assert found["psnr"].higher_is_better
    assert found["psnr"].values[1, 0] == pytest.approx(np.mean([row["value"] for row in rows]))
    assert np.isnan(found["psnr"].values[3]).all() and np.isnan(found["psnr"].values[:, -1]).all()
    with pytest.raises(UsageError, match="no score"):
        stored_scores(results, ["x"], ["y"])


def test_the_verb_asks_the_metrics(tmp_path: Path, capsys) -> None:
    store, key = _store(tmp_path)
    results = store.results(key)
    systems = tuple(sorted(set(results.planned["system"].to_pylist()))[:3])
    prompts = tuple(sorted(set(results.planned["case"].to_pylist())))
    votes = study(np.random.default_rng(0), 20, len(prompts), 20, np.array([1.0, 0.0, -1.0]))
    named: Votes = replace(votes, systems=systems, prompts=prompts)
    write_votes(record("pilot", named), tmp_path / "votes.csv")
    words = ("study", "rank", str(tmp_path / "votes.csv"), "--scores", str(store.root), "--run", key[:8])
    assert keepframe(*words, "--format", "markdown") == 0
    assert "Do metrics see what people see?" in capsys.readouterr().out


def test_a_kept_ranking_is_in_the_report_of_its_run(tmp_path: Path, capsys) -> None:
    from reports.html import write_report
    from reports.study_kept import keep, kept

    store, key = _store(tmp_path)
    results = store.results(key)
    systems = tuple(sorted(set(results.planned["system"].to_pylist()))[:3])
    prompts = tuple(sorted(set(results.planned["case"].to_pylist())))
    votes = study(np.random.default_rng(0), 20, len(prompts), 20, np.array([1.0, 0.0, -1.0]))
    write_votes(record("pilot", replace(votes, systems=systems, prompts=prompts)), tmp_path / "votes.csv")
    plain = write_report(store, key, tmp_path / "plain.html").read_text()
    words = ("study", "rank", str(tmp_path / "votes.csv"))
    with pytest.raises(UsageError, match="--scores"):
        keepframe(*words, "--keep")
    assert keepframe(*words, "--scores", str(store.root), "--run", key[:8], "--keep", "--json") == 0
    (told,) = kept(store, key)
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert json.loads(render_study(told, "json")) == printed
    text = write_report(store, key, tmp_path / "with.html").read_text()
    page = Page(text)
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers)) and "script" not in page.tags
    assert all(address.startswith("data:") for address in page.asked)
    assert "Human study votes:" in text and "What people prefer" in text and "Human study" not in plain
    path = keep(told, store, key)
    path.write_text(path.read_text().replace("keepframe.study/1", "keepframe.study/0"))
    with pytest.raises(KeepframeError, match="schema"):
        kept(store, key)


def _store(folder: Path) -> tuple[Store, str]:
    root = folder / "results"
    synthetic_store(root, videos=4, moments=2, size=(64, 48))
    store = Store.existing(root)
    return store, store.find("latest")["key"]


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing at"):
        keepframe("study", "rank", str(tmp_path / "none"))
    with pytest.raises(KeepframeError, match="no study in"):
        keepframe("study", "rank", str(tmp_path))
