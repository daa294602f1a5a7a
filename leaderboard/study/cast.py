"""Votes into the ledger, many at once: one query, one insert and one update for all that share a commit.

The rules of a vote are here and nowhere else. The page asks for the same, but a page can be rewritten by whoever reads
it.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from bench.digest import digest_bytes
from leaderboard.study.chain import canonical_json
from leaderboard.study.config import StudyConfig
from leaderboard.study.raters import is_closed
from leaderboard.study.schema import CHOICES, assignment, item, rater, vote
from leaderboard.study.writer import Refused, Transaction

_SLACK_MS = 250  # between what two clocks and a video's last frame call the end
MOST_TELEMETRY = 4096  # characters of JSON


@dataclass(frozen=True)
class Ballot:
    """What the page sends. `assignment` is also the key that makes sending it twice harmless."""

    assignment: str
    rater_no: int
    choice: str
    criteria: dict[str, str] = field(default_factory=dict)
    telemetry: dict[str, Any] = field(default_factory=dict)
    app_version: str = ""

    @cached_property
    def criteria_json(self) -> str:
        return canonical_json(self.criteria)

    @cached_property
    def telemetry_json(self) -> str:
        return canonical_json(self.telemetry)

    @cached_property
    def sha256(self) -> str:
        """The digest of what was said; of the measurements too, so that a request is the same only if all of it is."""
        choice = canonical_json(self.choice)
        said = f'{{"choice":{choice},"criteria":{self.criteria_json},"telemetry":{self.telemetry_json}}}'
        return digest_bytes(said.encode())


@dataclass(frozen=True)
class Receipt:
    """A committed vote. `replayed`: it was there already."""

    seq: int
    choice: str
    replayed: bool


_ASKED = (
    select(
        assignment,
        item.c.duration_ms,
        rater.c.simulated,
        rater.c.last_vote_ms,
        vote.c.seq,
        vote.c.choice,
        vote.c.request_sha256,
    )
    .join(item, item.c.id == assignment.c.left_item)
    .join(rater, rater.c.no == assignment.c.rater_no)
    .outerjoin(vote, vote.c.assignment_id == assignment.c.id)
    .where(assignment.c.id.in_(bindparam("ids", expanding=True)))
)
_DONE = update(assignment).where(assignment.c.id == bindparam("this")).values(state="voted")
_SEEN = (
    update(rater)
    .where(rater.c.no == bindparam("this"))
    .values(last_vote_ms=bindparam("at_ms"), lease_until_ms=bindparam("until_ms"))
)


def cast(tx: Transaction, config: StudyConfig, ballots: list[Ballot]) -> list[Receipt | Refused]:
    """One answer a ballot, in order. A `Refused` among them changes nothing for the others."""
    found = {row.id: row for row in tx.conn.execute(_ASKED, {"ids": sorted({b.assignment for b in ballots})})}
    closed = is_closed(tx.conn)
    digests = {row.id: (row.seq, row.choice, row.request_sha256) for row in found.values() if row.seq is not None}
    last_ms = {row.rater_no: row.last_vote_ms or 0 for row in found.values()}
    rows: list[dict[str, Any]] = []
    answers: list[Receipt | Refused | int] = []
    for ballot in ballots:
        row = found.get(ballot.assignment)
        stored = digests.get(ballot.assignment)
        if row is None or row.rater_no != ballot.rater_no:
            answers.append(Refused(404, "There is no such pair for you."))
        elif stored is not None:
            answers.append(_again(ballot, stored))
        elif (refused := _refusal(ballot, row, config, closed)) is not None:
            answers.append(refused)
        elif (elapsed_ms := tx.now_ms - max(row.delivered_ms, last_ms[row.rater_no])) < _least_ms(row, config):
            wait_ms = _least_ms(row, config) - elapsed_ms
            answers.append(Refused(425, "Watch both videos to the end first.", wait_ms=wait_ms))
        else:
            last_ms[row.rater_no] = tx.now_ms
            digests[row.id] = (-len(rows) - 1, ballot.choice, ballot.sha256)  # its number is not known yet
            answers.append(len(rows))
            rows.append(_vote(tx, ballot, row, elapsed_ms))
    if not rows:
        return [answer for answer in answers if not isinstance(answer, int)]
    numbers = tx.chain.extend("vote", rows)
    voters = sorted({row["rater_no"] for row in rows})
    until_ms = tx.now_ms + config.lease_ms
    tx.conn.execute(_DONE, [{"this": row["assignment_id"]} for row in rows])
    tx.conn.execute(_SEEN, [{"this": no, "at_ms": tx.now_ms, "until_ms": until_ms} for no in voters])
    return [_numbered(answer, numbers, rows) for answer in answers]


def _again(ballot: Ballot, stored: tuple[int, str, str]) -> Receipt | Refused:
    seq, choice, sha256 = stored
    if sha256 != ballot.sha256:
        return Refused(409, "You voted on this pair already.", choice=choice)
    return Receipt(seq, choice, replayed=True)


def _refusal(ballot: Ballot, row: Row, config: StudyConfig, closed: bool) -> Refused | None:
    """Why this ballot cannot be a vote, apart from its time."""
    if closed:
        return Refused(410, "This study is closed. Thank you.")
    if row.state == "skipped":
        return Refused(409, "You said that this pair could not be played.", choice="skipped")
    if row.delivered_ms is None:
        return Refused(409, "This pair was not shown to you yet.")
    unknown = set(ballot.criteria) - set(config.criteria)
    if ballot.choice not in CHOICES or unknown or not set(ballot.criteria.values()) <= {"left", "right", "tie"}:
        return Refused(422, "This is not an answer to what was asked.")
    if len(ballot.telemetry_json) > MOST_TELEMETRY:
        return Refused(422, "The measurements are too long.")
    watched = [ballot.telemetry.get(name, 0) for name in ("watched_left", "watched_right")]
    if not all(isinstance(share, int | float) and share >= config.min_watch - 0.02 for share in watched):
        return Refused(425, "Watch both videos to the end first.", wait_ms=0)
    return None


def _least_ms(row: Row, config: StudyConfig) -> int:
    """The shortest time in which a rater can have watched: both clips play at once, no faster than the page can."""
    duration_ms: int = row.duration_ms
    return max(0, round(config.min_watch * duration_ms / config.max_speed) - _SLACK_MS)


def _vote(tx: Transaction, ballot: Ballot, row: Row, elapsed_ms: int) -> dict[str, Any]:
    return {
        "assignment_id": row.id,
        "rater_no": row.rater_no,
        "comparison_id": row.comparison_id,
        "repeat_ix": row.repeat_ix,
        "left_item": row.left_item,
        "right_item": row.right_item,
        "choice": ballot.choice,
        "criteria": ballot.criteria_json,
        "telemetry": ballot.telemetry_json,
        "request_sha256": ballot.sha256,
        "elapsed_ms": elapsed_ms,
        "received_ms": tx.now_ms,
        "simulated": row.simulated,
        "app_version": ballot.app_version,
    }


def _numbered(answer: Receipt | Refused | int, numbers: list[int], rows: list[dict[str, Any]]) -> Receipt | Refused:
    if isinstance(answer, int):
        return Receipt(numbers[answer], rows[answer]["choice"], replayed=False)
    if isinstance(answer, Receipt) and answer.seq < 0:  # a double click within one commit
        return Receipt(numbers[-answer.seq - 1], answer.choice, replayed=True)
    return answer
