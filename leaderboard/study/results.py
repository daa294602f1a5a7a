"""What a study has found so far, read from its ledger: votes as `suites.preference` wants them, and the raw events.

Everything downstream (rank, board, report, export) starts here. Nothing is left out in silence: excluded raters are
marked, not missing; checks of the rater and mirrored repeats stand beside the votes; and `simulated` says whether the
votes are people's at all.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from sqlalchemy import Connection, select

from leaderboard.study.chain import Head, head
from leaderboard.study.config import StudyConfig
from leaderboard.study.ledger import Ledger
from leaderboard.study.schema import CHOICES, comparison, event, item, prompt, rater, system
from suites.preference.votes import Votes

OVERALL = "overall"
_CODE = {choice: code for code, choice in enumerate(CHOICES)}  # in the order of suites.preference.Outcome


class Event(NamedTuple):
    """One event as it stands in the ledger. `subject` is a rater's pseudonym, an assignment or the study."""

    seq: int
    at_ms: int
    kind: str
    subject: str
    body: dict


@dataclass(frozen=True)
class StudyResults:
    """A study at one moment. Arrays over votes follow `votes`; arrays over raters follow `votes.raters`.

    `votes`: every real vote of every rater, on "overall" first, then on each criterion; excluded raters' too.
    `repeats`: the votes on mirrored repeats of a rater's own pair ("overall" only), which do not rank.
    `gold_rater`, `gold_right`: one entry for every gold pair and trap answered, as `screening.screen` takes them.
    `excluded`: raters whose exclusion is in force. `simulated`: these are no people; `rank` must refuse.
    """

    study_id: str
    config: StudyConfig
    votes: Votes
    received_s: Float64[np.ndarray, " vote"]  # since 1970, by the ledger's clock
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

    kind: dict[int, str]  # of each comparison
    expected: dict[int, str]
    items: dict[int, tuple[int, int]]
    system: Int64[np.ndarray, " item"]
    prompt: Int64[np.ndarray, " item"]
    systems: tuple[str, ...]
    prompts: tuple[str, ...]


_COLUMNS = "rater_no, comparison_id, repeat_ix, left_item, right_item, choice, received_ms, criteria"


def _read(conn: Connection, ledger: Ledger) -> StudyResults:
    names = _names(conn)
    raters = conn.execute(select(rater.c.no, rater.c.id, rater.c.simulated).order_by(rater.c.no)).all()
    place = np.full(max((row.no for row in raters), default=0) + 1, -1, np.int64)
    place[[row.no for row in raters]] = np.arange(len(raters))
    # the driver's own cursor: a million rows through SQLAlchemy cost seconds
    raw = conn.exec_driver_sql(f"SELECT {_COLUMNS} FROM vote ORDER BY seq").cursor
    assert raw is not None
    columns = list(zip(*raw.fetchall(), strict=True)) or [()] * 8
    who, pair, again, left, right, received = (np.array(columns[at], np.int64) for at in (0, 1, 2, 3, 4, 6))
    choice = np.fromiter(map(_CODE.__getitem__, columns[5]), np.int64, len(columns[5]))
    check = np.isin(pair, [no for no, kind in names.kind.items() if kind in ("gold", "trap")])
    real = np.isin(pair, [no for no, kind in names.kind.items() if kind == "real"])
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
    on, said = _criteria([columns[7][at] for at in first.tolist()], criteria)
    all_rows = np.concatenate([first, first[on[:, 0]]])
    overall = votes(real & (again == 0))
    both = _joined(overall, on, said)
    gold = np.flatnonzero(check)
    gold_right = np.array([_right(names, int(pair[at]), int(left[at]), int(choice[at])) for at in gold], dtype=bool)
    events = tuple(
        Event(row.seq, row.at_ms, row.kind, row.subject, json.loads(row.body))
        for row in conn.execute(select(event).order_by(event.c.seq))
    )
    out = _excluded(events)
    return StudyResults(
        study_id=ledger.id,
        config=ledger.config,
        votes=both,
        received_s=received[all_rows] / 1e3,
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
    return _Names(
        kind={row.id: row.kind for row in pairs},
        expected={row.id: row.expected for row in pairs if row.expected},
        items={row.id: (row.item_a, row.item_b) for row in pairs},
        system=of_system,
        prompt=of_prompt,
        systems=tuple(row.name for row in systems),
        prompts=tuple(row.name for row in prompts),
    )


def _criteria(
    texts: list[str], criteria: tuple[str, ...]
) -> tuple[Int64[np.ndarray, "answer 2"], Int64[np.ndarray, " answer"]]:
    """(place of the vote, criterion) and the answer, for every criterion that was answered."""
    where, said = [], []
    for at, text in enumerate(texts):
        if text != "{}":
            for name, answer in json.loads(text).items():
                where.append((at, criteria.index(name)))
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


def _excluded(events: tuple[Event, ...]) -> set[str]:
    """Whoever's last word among `exclude` and `include` is an exclusion."""
    last: dict[str, str] = defaultdict(str)
    for entry in events:
        if entry.kind in ("exclude", "include"):
            last[entry.subject] = entry.kind
    return {name for name, kind in last.items() if kind == "exclude"}
