"""The board's study page, and the ledger behind it: it shows what the ranking says, and never passes programs off as
people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.preference_studies import study as simulated_study

from bench.errors import UsageError
from leaderboard.ranking import record_at, record_of
from leaderboard.study.clock import ManualClock
from suites.preference.findings import Reading, findings
from suites.preference.record import Record, record
from suites.preference.votes_file import write_votes
from tests.unit.board import Open, opener, said, table
from tests.unit.study_ledger import answer_all, enter, study

NAMES = ("![](https://evil.example/x.png)", "**bold**", "plain")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    monkeypatch.setenv("KEEPFRAME_STUDIES", str(tmp_path / "votes.csv"))
    return opener(monkeypatch)


def made(**more) -> Record:
    votes = simulated_study(np.random.default_rng(0), 16, 14, 30, np.array([0.8, 0.0, -0.8]))
    return replace(record("votes", replace(votes, systems=NAMES)), **more)


def test_the_page_shows_the_ranking(opened: Open, tmp_path: Path) -> None:
    write_votes(made(), tmp_path / "votes.csv")
    told = findings(made())
    app = opened(tmp_path / "no store", "study")
    rows = table(app, "Tier")
    assert [row["System"] for row in rows] == [place.system for place in told.overall.places]
    assert [row["Tier"] for row in rows] == [place.tier for place in told.overall.places]
    assert "16 raters" in said(app) and len(app.get("vega_lite_chart")) == 4
    assert not [one for one in app.markdown if "evil" in one.value], "names are text, never markup"


def test_an_anchor_from_the_url(opened: Open, tmp_path: Path) -> None:
    write_votes(made(), tmp_path / "votes.csv")
    rows = table(opened(tmp_path, "study", anchor="plain"), "Tier")
    assert [row["Elo"] for row in rows if row["System"] == "plain"] == ["1000"]


def test_simulated_votes_hide_until_asked_for(opened: Open, tmp_path: Path) -> None:
    write_votes(made(simulated=True), tmp_path / "votes.csv")
    app = opened(tmp_path, "study")
    assert not app.dataframe and "say nothing about people" in said(app)
    app.toggle[0].set_value(True).run()
    assert table(app, "Tier") and "programs voted here" in said(app)
    assert not [one for one in app.subheader if "prefer" in one.value]


def test_nothing_to_rank_yet_has_a_sentence(opened: Open, tmp_path: Path) -> None:
    ties = made()
    write_votes(replace(ties, votes=replace(ties.votes, outcome=np.full(len(ties.votes), 2))), tmp_path / "votes.csv")
    assert "no vote has a winner" in said(opened(tmp_path, "study"))
    (tmp_path / "votes.csv").unlink()
    assert "nothing at" in said(opened(tmp_path, "study"))


def test_a_board_without_studies_has_no_such_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KEEPFRAME_STUDIES", raising=False)
    assert "no result" in said(opener(monkeypatch)(tmp_path / "none")).lower()


def test_a_ledger_is_read_with_all_that_must_be_said(tmp_path: Path) -> None:
    folder = study(tmp_path / "mystudy")
    clock = ManualClock(1_700_000_100_000)
    with folder.ledger(write=True, clock=clock) as ledger:
        people = [enter(ledger, f"person{at}") for at in range(3)]
        for at, who in enumerate(people):
            answer_all(ledger, clock, who.no, ("left", "right", "both_bad")[at])
        ledger.exclude(people[2].id, "did not look")
        head = ledger.head().hash
    found = record_of(folder.root)
    assert found.title == "mystudy" and found.head == head and not found.simulated
    assert found.excluded == {people[2].id: "did not look"}
    overall = found.votes.on("overall")
    assert len(overall) == 3 * 6 and set(found.votes.criteria) == {"overall", "motion"}
    assert len(found.repeats) == 3 and len(found.check_right) == 6
    assert np.diff(found.at_s[: len(overall)]).min() > 0 and found.at_s[0] > 1.7e9
    told = findings(found, Reading())
    assert told.overall.votes == 12 and told.overall.raters == 2 and told.raters == 3
    assert [one.excluded for one in told.flagged if one.excluded] == ["did not look"]
    assert told.unranked == (("motion", "no vote has a winner: there is nothing to rank"),)
    assert sum(votes for _, votes in told.daily) == 18

    from leaderboard.study.export import export

    with folder.ledger() as ledger:
        export(folder, ledger, tmp_path / "export")
    again = findings(record_at(tmp_path / "export"))
    for ours, theirs in zip(told.overall.places, again.overall.places, strict=True):
        assert (theirs.system, theirs.votes, theirs.ranks) == (ours.system, ours.votes, ours.ranks)
        assert theirs.elo == pytest.approx(ours.elo) and theirs.both_bad.mean == ours.both_bad.mean
    assert (again.head, again.repeats, again.daily) == (told.head, told.repeats, told.daily)
    assert [one.excluded for one in again.flagged if one.excluded] == ["did not look"]
    checks = record_at(tmp_path / "export")
    assert [checks.votes.raters[at] for at in checks.check_rater] == [
        found.votes.raters[at] for at in found.check_rater
    ]
    assert checks.check_right.tolist() == found.check_right.tolist(), "gold and traps"
    (tmp_path / "export" / "events.jsonl").unlink()
    with pytest.raises(UsageError, match="as an export"):
        record_at(tmp_path / "export")
