"""Pairs that are chosen actively: drawn by the chances that are written down, and ranked by them."""

import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from leaderboard.ranking import ranked, record_at, record_of
from leaderboard.study import schema
from leaderboard.study.cast import Ballot
from leaderboard.study.checking import problems
from leaderboard.study.clock import ManualClock
from leaderboard.study.deal import Deck, session
from leaderboard.study.deck import read_deck
from leaderboard.study.export import export
from leaderboard.study.folder import StudyFolder
from suites.preference.findings import Reading
from suites.preference.scheduling import chances, weights
from tests.unit.study_ledger import CONFIG, DURATION_MS, WATCHED, enter, open_pairs, study

ACTIVE = CONFIG.model_copy(update={"scheduler": "active"})
SYSTEMS = 3
CLOSE = np.zeros((SYSTEMS, SYSTEMS, 3))  # 0 and 1 are close, 2 is far behind
CLOSE[0, 1] = CLOSE[1, 0] = [30, 30, 10]
CLOSE[0, 2], CLOSE[2, 0] = [69, 1, 0], [1, 69, 0]
CLOSE[1, 2], CLOSE[2, 1] = [69, 1, 0], [1, 69, 0]


def deck(prompts: int, votes: np.ndarray | None = CLOSE) -> Deck:
    """All pairs of three systems on every prompt, nothing shown yet."""
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    count = len(pairs) * prompts
    return Deck(
        ids=np.arange(count),
        kind=("real",) * count,
        systems=np.repeat(pairs, prompts, axis=0),
        pair=np.repeat(np.arange(3), prompts),
        prompt=np.tile(np.arange(prompts), 3),
        shown=np.zeros((count, 2), np.int64),
        votes=votes,
    )


def test_pairs_are_drawn_by_the_chances_that_are_written_down() -> None:
    dealt, terms = deck(prompts=40), ACTIVE.model_copy(update={"per_rater": 20, "repeats": 0})
    wanted, seen = chances(CLOSE), Counter[tuple[int, int]]()
    for seed in range(50):
        for one in session(dealt, terms, np.random.default_rng(seed)):
            left, right = dealt.systems[one.comparison][:: 1 if one.a_left else -1].tolist()
            assert one.propensity == wanted[left, right]
            seen[left, right] += 1
    off = ~np.eye(SYSTEMS, dtype=bool)
    found = np.array([[seen[i, j] for j in range(SYSTEMS)] for i in range(SYSTEMS)]) / seen.total()
    assert found[off] == pytest.approx(wanted[off], abs=0.05)
    assert wanted[off].min() >= 0.3 / 6, "the balanced share"


def test_when_a_pair_has_no_prompt_left_the_others_take_its_share() -> None:
    dealt, terms = deck(prompts=2), ACTIVE.model_copy(update={"per_rater": 6, "repeats": 0})
    shown = session(dealt, terms, np.random.default_rng(0))
    assert sorted(one.comparison for one in shown) == list(range(6)), "every comparison, none twice"
    assert shown[-1].propensity == pytest.approx(0.5), "one pair was left, on either side"
    prompts = Counter(int(dealt.prompt[one.comparison]) for one in shown[:4])
    assert set(prompts.values()) == {2}, "prompts are spread within a session"


def test_without_votes_the_draw_is_even() -> None:
    shown = session(deck(prompts=9, votes=np.zeros((3, 3, 3))), ACTIVE, np.random.default_rng(0))
    assert [one.propensity for one in shown] == pytest.approx([1 / 6] * len(shown))
    with pytest.raises(ValueError, match="votes so far"):
        session(deck(prompts=9, votes=None), ACTIVE, np.random.default_rng(0))


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Eight raters one after the other, who prefer sys0 to sys1 to sys2, with doubts about the first two."""
    folder, clock = study(tmp_path_factory.mktemp("active") / "study", ACTIVE, size=(3, 6)), ManualClock()
    draw = np.random.default_rng(3)
    with folder.ledger(write=True, clock=clock) as ledger:
        with ledger.reading() as conn:
            system = dict(conn.execute(select(schema.item.c.id, schema.item.c.system_id)).all())
        for number in range(8):
            who = enter(ledger, f"rater {number}")
            while pairs := open_pairs(ledger, who.no):
                clock.advance(DURATION_MS)
                better = system[pairs[0].left_item] < system[pairs[0].right_item]
                near = {system[pairs[0].left_item], system[pairs[0].right_item]} == {1, 2}
                choice = "left" if better != (draw.random() < (0.4 if near else 0.1)) else "right"
                choice = "both_bad" if draw.random() < 0.1 else choice
                ledger.vote(Ballot(pairs[0].id, who.no, choice, {"motion": "tie"}, WATCHED)).result()
    return folder


def test_the_ledger_keeps_scheduler_and_propensity_and_later_raters_get_what_tells_more(voted: StudyFolder) -> None:
    with voted.ledger() as ledger, ledger.reading() as conn:
        rows = conn.execute(select(schema.assignment)).all()
        found = read_deck(conn, 0, with_votes=True)
        assert all(one.startswith("clip ") for one in problems(voted, ledger)), "only that there are no clips here"
    assert {row.scheduler for row in rows} == {"active"}
    assert found.votes is not None and found.votes.sum() == 8 * ACTIVE.per_rater
    assert found.votes[..., 2].sum() > 0, "both bad counts as a tie"
    first = {row.propensity for row in rows if row.rater_no == 1}
    last = {row.propensity for row in rows if row.rater_no == 8}
    assert sorted(first) == pytest.approx([1 / 6, 1.0]), "nothing is known yet; checks are sure"
    assert len(last) > 2, "something is known"


def test_the_ranking_counts_votes_by_inverse_propensity(voted: StudyFolder, tmp_path: Path) -> None:
    record = record_of(voted.root)
    assert not np.isnan(record.propensity).any() and len(record.propensity) == len(record.votes)
    overall, motion = (record.votes.criterion == at for at in (0, 1))
    assert record.propensity[overall].tolist() == record.propensity[motion].tolist(), "criteria go with their vote"
    weighed = weights(record.propensity, SYSTEMS)
    assert weighed.min() < 1 < weighed.max() <= 1 / 0.3
    found = ranked(record, Reading())
    plain = record_of(voted.root)
    plain.propensity[:] = np.nan
    apart = {place.system: place.elo for place in found.overall.places}
    assert any(apart[place.system] != place.elo for place in ranked(plain, Reading()).overall.places)
    with voted.ledger() as ledger:
        export(voted, ledger, tmp_path / "data")
    again = record_at(tmp_path / "data")
    assert sorted(again.propensity.tolist()) == sorted(record.propensity.tolist()), "an export is ranked alike"


def test_a_changed_propensity_is_found(voted: StudyFolder) -> None:
    with sqlite3.connect(voted.root / "ledger.sqlite") as conn:
        conn.execute("UPDATE assignment SET propensity = propensity / 2 WHERE rater_no = 3 AND position = 2")
    with voted.ledger() as ledger:
        said = [one for one in problems(voted, ledger) if "not those that were dealt" in one]
    assert len(said) == 1
