"""A study's data for everybody: votes and events under pseudonyms, with what is needed to rank them again elsewhere.

Names of raters never leave the ledger. Each file says the head of the chain, so that it can be held against the ledger.
"""

import csv
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Column, ColumnElement, Connection, case, func, select

from bench.errors import StoreError
from leaderboard.study import schema
from leaderboard.study.folder import StudyFolder
from leaderboard.study.ledger import Ledger
from leaderboard.study.results import StudyResults, results_of

_VOTES = pa.schema(
    [
        ("seq", pa.int64()),
        ("rater", pa.string()),
        ("kind", pa.string()),
        ("prompt", pa.string()),
        ("left", pa.string()),
        ("right", pa.string()),
        ("left_role", pa.string()),
        ("right_role", pa.string()),
        ("expected", pa.string()),  # the right answer of gold, traps and practice; null for real pairs
        ("repeat", pa.bool_()),
        ("choice", pa.string()),
        ("criteria", pa.string()),
        ("telemetry", pa.string()),
        ("propensity", pa.float64()),
        ("scheduler", pa.string()),
        ("elapsed_ms", pa.int64()),
        ("received_ms", pa.int64()),
        ("simulated", pa.bool_()),
        ("hash", pa.string()),
    ]
)


def _side_of(item: Column) -> ColumnElement[str]:
    return case((schema.vote.c.left_item == item, "left"), else_="right")


_EXPECTED = case(
    (schema.comparison.c.expected.in_(("left", "right")), schema.comparison.c.expected),
    (schema.comparison.c.expected == "a", _side_of(schema.comparison.c.item_a)),
    (schema.comparison.c.expected == "b", _side_of(schema.comparison.c.item_b)),
)


def export(folder: StudyFolder, ledger: Ledger, into: Path) -> dict[str, Any]:
    """Write the files into a new folder; returns what study.json says. Raises `StoreError` for a folder in use."""
    if into.exists() and any(into.iterdir()):
        raise StoreError(f"{into} is not empty.", "Name a new folder.")
    into.mkdir(parents=True, exist_ok=True)
    found = results_of(ledger)
    with ledger.reading() as conn:
        rows = _votes(conn)
    told: dict[str, Any] = {
        "study": found.study_id,
        "config": found.config.model_dump(mode="json"),
        "design_sha256": ledger.design_sha256,
        "head": found.head.hash,
        "rows": found.head.seq,
        "votes": len(rows),
        "simulated": found.simulated,
        "closed": found.closed,
    }
    marked = {b"head": found.head.hash.encode(), b"simulated": str(found.simulated).encode()}
    pq.write_table(pa.Table.from_pylist(rows, schema=_VOTES.with_metadata(marked)), into / "votes.parquet")
    _lines(into / "votes.jsonl", rows)
    _lines(into / "events.jsonl", [event._asdict() for event in found.events])
    _raters(into / "raters.csv", found, rows)
    (into / "study.json").write_text(json.dumps(told, indent=1))
    return told


def _votes(conn: Connection) -> list[dict[str, Any]]:
    left, right = schema.item.alias("l"), schema.item.alias("r")
    left_system, right_system = schema.system.alias("ls"), schema.system.alias("rs")
    vote, assignment = schema.vote, schema.assignment
    asked = (
        select(
            vote.c.seq,
            schema.rater.c.id.label("rater"),
            schema.comparison.c.kind,
            schema.prompt.c.name.label("prompt"),
            left_system.c.name.label("left"),
            right_system.c.name.label("right"),
            left.c.role.label("left_role"),
            right.c.role.label("right_role"),
            _EXPECTED.label("expected"),
            vote.c.repeat_ix.label("repeat"),
            vote.c.choice,
            vote.c.criteria,
            vote.c.telemetry,
            assignment.c.propensity,
            assignment.c.scheduler,
            vote.c.elapsed_ms,
            vote.c.received_ms,
            vote.c.simulated,
            vote.c.hash,
        )
        .join(schema.rater, schema.rater.c.no == vote.c.rater_no)
        .join(assignment, assignment.c.id == vote.c.assignment_id)
        .join(schema.comparison, schema.comparison.c.id == vote.c.comparison_id)
        .join(schema.prompt, schema.prompt.c.id == schema.comparison.c.prompt_id)
        .join(left, left.c.id == vote.c.left_item)
        .join(right, right.c.id == vote.c.right_item)
        .join(left_system, left_system.c.id == left.c.system_id)
        .join(right_system, right_system.c.id == right.c.system_id)
        .order_by(vote.c.seq)
    )
    return [
        dict(row) | {"repeat": bool(row["repeat"]), "simulated": bool(row["simulated"])}
        for row in conn.execute(asked).mappings()
    ]


def _raters(path: Path, found: StudyResults, rows: list[dict[str, Any]]) -> None:
    """Whom to pay: for each pseudonym how many votes, checks right, finished or not, excluded or not."""
    votes = Counter(row["rater"] for row in rows)
    finished = {event.subject for event in found.events if event.kind == "complete"}
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["rater", "votes", "checks", "checks_right", "finished", "excluded"])
        for at, name in enumerate(found.votes.raters):
            mine = found.gold_rater == at
            right = int(found.gold_right[mine].sum())
            table.writerow([name, votes[name], int(mine.sum()), right, name in finished, bool(found.excluded[at])])


def payments(ledger: Ledger, path: Path) -> int:
    """Who is to be paid at their platform: names, completion codes, votes and checks; returns how many.

    This file names people. It is written for its owner alone, and is no part of an export.
    """
    found = results_of(ledger)
    place = {name: at for at, name in enumerate(found.votes.raters)}
    rater, identity, vote = schema.rater, schema.identity, schema.vote
    votes = select(func.count()).where(vote.c.rater_no == rater.c.no).scalar_subquery()
    with ledger.reading() as conn:
        rows = conn.execute(
            select(rater, identity.c.external, votes.label("votes"))
            .join(identity, identity.c.rater_no == rater.c.no)
            .order_by(rater.c.no)
        ).all()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["source", "name", "session", "rater", "code", "votes", "checks", "checks_right", "excluded"])
        for row in rows:
            told, mine = json.loads(row.external), found.gold_rater == place[row.id]
            session = told.get("SESSION_ID") or told.get("assignmentId") or ""
            checks = [int(mine.sum()), int(found.gold_right[mine].sum()), bool(found.excluded[place[row.id]])]
            table.writerow([row.source, told["id"], session, row.id, row.completion_code or "", row.votes, *checks])
    return len(rows)


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
