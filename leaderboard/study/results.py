"""What a study has found so far, read from its ledger: votes as `suites.preference` wants them, and the raw events.

Everything downstream (rank, board, report, export) starts here. Nothing is left out in silence: excluded raters are
marked, not missing; checks of the rater and mirrored repeats stand beside the votes; and `simulated` says whether the
votes are people's at all.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from sqlalchemy import Connection, select

from leaderboard.study.chain import Head, head
from leaderboard.study.config import StudyConfig
from leaderboard.study.ledger import Ledger
from leaderboard.study.schema import CHOICES, comparison, event, item, prompt, rater, system, vote
from suites.preference.votes import Votes

OVERALL = "overall"
_CODE = {choice: code for code, choice in enumerate(CHOICES)}  # in the order of suites.preference.Outcome


class Event(NamedTuple):
    """One event as it stands in the ledger. `subject` is a rater's pseudonym, an assignment or the study."""

    seq: int
    at_ms: int
    kind: str
    subject: str
    body: dict[str, Any]


@dataclass(frozen=True)
class StudyResults:
    """A study at one moment. Arrays over votes follow `votes`; arrays over raters follow `votes.raters`.

    `votes`: every real vote of every rater, on "overall" first, then on each criterion; excluded raters' too.
    `propensity`: of the two systems in this order, where the pair was chosen actively; NaN where it was dealt evenly.
    `repeats`: the votes on mirrored repeats of a rater's own pair ("overall" only), which do not rank.
    `gold_rater`, `gold_right`: one entry for every gold pair and trap answered, as `screening.screen` takes them.
    `excluded`: raters whose exclusion is in force. `simulated`: these are no people; `rank` must refuse.
    """

    study_id: str
    config: StudyConfig
    votes: Votes
    received_s: Float64[np.ndarray, " vote"]  # since 1970, by the ledger's clock
    propensity: Float64[np.ndarray, " vote"]
    excluded: Bool[np.ndarray, " rater"]
    simulated: bool
    repeats: Votes
    gold_rater: Int64[np.ndarray, " gold"]
    gold_right: Bool[np.ndarray, " gold"]
    events: tuple[Event, ...]
    head: Head
    closed: bool

    @property
    def counted(self) -> Votes:
        """The votes without those of excluded raters."""
        return self.votes.where(~self.excluded[self.votes.rater])


def read_results(folder: Path) -> StudyResults:
    """The results of the study in this folder. Raises `StoreError` when there is none."""
    from leaderboard.study.folder import StudyFolder

    with StudyFolder.existing(folder).ledger() as ledger:
        return results_of(ledger)


def results_of(ledger: Ledger) -> StudyResults:
    """The results of an open ledger, all from one moment."""
    with ledger.reading() as conn:
        return _read(conn, ledger)


@dataclass(frozen=True)
class _Names:
    """What the integers of a vote's row mean."""

    expected: dict[int, str]  # of the comparisons whose answer is known
    items: dict[int, tuple[int, int]]
    sum_of_items: Int64[np.ndarray, " comparison"]  # less the left one is the right one
    is_real: Bool[np.ndarray, " comparison"]
    is_check: Bool[np.ndarray, " comparison"]
    system: Int64[np.ndarray, " item"]
    prompt: Int64[np.ndarray, " item"]
    systems: tuple[str, ...]
    prompts: tuple[str, ...]


# A million rows of eight columns cost four seconds as Python objects. Three whole numbers a row cost less than one, and
# go into an array as they come.
_PACKED = """
    SELECT (rater_no << 32) | (left_item << 3) | CASE choice {codes} END,
           (seq << 32) | (comparison_id << 1) | repeat_ix,
           received_ms
    FROM vote ORDER BY seq
""".format(codes=" ".join(f"WHEN '{choice}' THEN {code}" for choice, code in _CODE.items()))
_LOW = (1 << 32) - 1


def _read(conn: Connection, ledger: Ledger) -> StudyResults:
    names = _names(conn)
    raters = conn.execute(select(rater.c.no, rater.c.id, rater.c.simulated).order_by(rater.c.no)).all()
    place = np.full(max((row.no for row in raters), default=0) + 1, -1, np.int64)
    place[[row.no for row in raters]] = np.arange(len(raters))
    cursor: Any = conn.exec_driver_sql(_PACKED).cursor

    shown, which, received = np.fromiter(chain.from_iterable(cursor), np.int64).reshape(-1, 3).T
    who, left, choice = shown >> 32, (shown & _LOW) >> 3, shown & 7
    seq, pair, again = which >> 32, (which & _LOW) >> 1, which & 1
    right = names.sum_of_items[pair] - left
    check, real = names.is_check[pair], names.is_real[pair]
    criteria = (OVERALL, *ledger.config.criteria)

    def votes(kept: Bool[np.ndarray, " row"]) -> Votes:
        return Votes(
            left=names.system[left[kept]],
            right=names.system[right[kept]],
            outcome=choice[kept],
            rater=place[who[kept]],
            prompt=names.prompt[left[kept]],
            criterion=np.zeros(int(kept.sum()), np.int64),
            systems=names.systems,
            raters=tuple(row.id for row in raters),
            prompts=names.prompts,
            criteria=criteria,
        )

    first = np.flatnonzero(real & (again == 0))
    overall = votes(real & (again == 0))
    on, said = _criteria(conn, seq[first], criteria)
    all_rows = np.concatenate([first, first[on[:, 0]]])
    both = _joined(overall, on, said)
    gold = np.flatnonzero(check)
    gold_right = np.array([_right(names, int(pair[at]), int(left[at]), int(choice[at])) for at in gold], dtype=bool)
    events = tuple(
        Event(row.seq, row.at_ms, row.kind, row.subject, json.loads(row.body))
        for row in conn.execute(select(event).order_by(event.c.seq))
    )
    out = _excluded(events)
    chance = _propensity(events, {row.id: row.no for row in raters}, (who[first], pair[first], left[first]))
    return StudyResults(
        study_id=ledger.id,
        config=ledger.config,
        votes=both,
        received_s=received[all_rows] / 1e3,
        propensity=np.concatenate([chance, chance[on[:, 0]]]),
        excluded=np.array([row.id in out for row in raters], dtype=bool),
        simulated=any(row.simulated for row in raters),
        repeats=votes(real & (again > 0)),
        gold_rater=place[who[gold]],
        gold_right=gold_right,
        events=events,
        head=head(conn),
        closed=any(entry.kind == "close" for entry in events),
    )


def _names(conn: Connection) -> _Names:
    systems = conn.execute(select(system).order_by(system.c.id)).all()
    prompts = conn.execute(select(prompt).order_by(prompt.c.id)).all()
    items = conn.execute(select(item)).all()
    of_system, of_prompt = np.zeros((2, max(row.id for row in items) + 1), np.int64)
    for row in items:
        of_system[row.id], of_prompt[row.id] = row.system_id - 1, row.prompt_id - 1  # ids count from 1
    pairs = conn.execute(select(comparison)).all()
    sums = np.zeros(max((row.id for row in pairs), default=0) + 1, np.int64)
    is_real, is_check = np.zeros((2, len(sums)), bool)
    for row in pairs:
        sums[row.id] = row.item_a + row.item_b
        is_real[row.id], is_check[row.id] = row.kind == "real", row.kind in ("gold", "trap")
    return _Names(
        expected={row.id: row.expected for row in pairs if row.expected},
        items={row.id: (row.item_a, row.item_b) for row in pairs},
        sum_of_items=sums,
        is_real=is_real,
        is_check=is_check,
        system=of_system,
        prompt=of_prompt,
        systems=tuple(row.name for row in systems),
        prompts=tuple(row.name for row in prompts),
    )


def _criteria(
    conn: Connection, seq: Int64[np.ndarray, " vote"], criteria: tuple[str, ...]
) -> tuple[Int64[np.ndarray, "answer 2"], Int64[np.ndarray, " answer"]]:
    """(place among the votes `seq`, criterion) and the answer, for every criterion that was answered."""
    place = {number: at for at, number in enumerate(seq.tolist())} if len(criteria) > 1 else {}
    where, said = [], []
    if place:
        asked = select(vote.c.seq, vote.c.criteria).where(vote.c.criteria != "{}").order_by(vote.c.seq)
        for number, text in conn.execute(asked):
            for name, answer in json.loads(text).items() if number in place else ():
                where.append((place[number], criteria.index(name)))
                said.append(_CODE[answer])
    return np.array(where, np.int64).reshape(-1, 2), np.array(said, np.int64)


def _joined(overall: Votes, on: Int64[np.ndarray, "answer 2"], said: Int64[np.ndarray, " answer"]) -> Votes:
    """The overall votes, followed by the answers on criteria."""
    at = on[:, 0]
    columns = {name: getattr(overall, name) for name in ("left", "right", "rater", "prompt")}
    return Votes(
        **{name: np.concatenate([values, values[at]]) for name, values in columns.items()},
        outcome=np.concatenate([overall.outcome, said]),
        criterion=np.concatenate([overall.criterion, on[:, 1]]),
        systems=overall.systems,
        raters=overall.raters,
        prompts=overall.prompts,
        criteria=overall.criteria,
    )


def _right(names: _Names, pair: int, left: int, choice: int) -> bool:
    expected = names.expected[pair]
    if expected in ("a", "b"):
        wanted = names.items[pair][expected == "b"]
        expected = "left" if wanted == left else "right"
    return CHOICES[choice] == expected


def _propensity(
    events: tuple[Event, ...], number: dict[str, int], shown: tuple[Int64[np.ndarray, " vote"], ...]
) -> Float64[np.ndarray, " vote"]:
    """For each first vote (rater, comparison, left item), as the chain has it since the rater agreed."""
    chosen = {
        (number[entry.subject], pair, left): chance
        for entry in events
        if entry.kind == "consent" and entry.body["scheduler"] == "active"
        for pair, left, chance in entry.body["dealt"]
    }
    if not chosen:
        return np.full(len(shown[0]), np.nan)
    rows = zip(*(column.tolist() for column in shown), strict=True)
    return np.array([chosen.get(row, np.nan) for row in rows], dtype=np.float64)


def _excluded(events: tuple[Event, ...]) -> set[str]:
    """Whoever's last word among `exclude` and `include` is an exclusion."""
    last: dict[str, str] = defaultdict(str)
    for entry in events:
        if entry.kind in ("exclude", "include"):
            last[entry.subject] = entry.kind
    return {name for name, kind in last.items() if kind == "exclude"}
