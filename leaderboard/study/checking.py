"""Everything that `verify` looks at: the chain, the design, what votes and pairs say of each other, and the clips."""

import json
from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import Connection, Text, cast, func, select

from leaderboard.study import schema
from leaderboard.study.chain import problems as chain_problems
from leaderboard.study.design import design_digest
from leaderboard.study.folder import StudyFolder
from leaderboard.study.ledger import Ledger
from leaderboard.study.serve import changed_media


def problems(folder: StudyFolder, ledger: Ledger, known_head: str = "") -> list[str]:
    """What is wrong with a study, in words; nothing when all is well."""
    with ledger.reading() as conn:
        found = [*chain_problems(conn, known_head), *_design(conn, ledger), *_pairs(conn), *_dealt(conn)]
    return found + [f"clip {name} is missing or changed" for name in changed_media(ledger, folder)]


def _design(conn: Connection, ledger: Ledger) -> Iterator[str]:
    first = conn.scalar(select(schema.event.c.body).where(schema.event.c.seq == 1)) or ""
    now = design_digest(conn, conn.scalars(select(schema.study.c.config)).one())
    if now != ledger.design_sha256 or now not in first:
        yield "systems, prompts, clips, comparisons or terms were changed after the study was made"


def _pairs(conn: Connection) -> Iterator[str]:
    """Votes must be on the pair that was given out, by whom it was given to."""
    vote, assignment, rater = schema.vote, schema.assignment, schema.rater
    columns = ("rater_no", "comparison_id", "repeat_ix", "left_item", "right_item")
    off = [vote.c[name] != assignment.c[name] for name in columns] + [assignment.c.state != "voted"]
    joined = select(vote.c.seq).join(assignment, assignment.c.id == vote.c.assignment_id)
    for condition in off:
        for seq in conn.scalars(joined.where(condition)):
            yield f"vote {seq} and the pair that was given out differ"
    simulated = select(vote.c.seq).join(rater, rater.c.no == vote.c.rater_no)
    for seq in conn.scalars(simulated.where(vote.c.simulated != rater.c.simulated)):
        yield f"vote {seq} and its rater differ in being simulated"
    votes = conn.scalar(select(func.count()).select_from(vote))
    marked = conn.scalar(select(func.count()).where(assignment.c.state == "voted"))
    if votes != marked:
        yield f"{marked} pairs are marked as voted on, but there are {votes} votes"
    enrolled = select(func.count()).where(schema.event.c.kind == "enrol")
    people = enrolled.where(cast(schema.event.c.body, Text).like('%"simulated":false%'))
    if conn.scalar(people) != conn.scalar(select(func.count()).where(rater.c.simulated == 0)):
        yield "raters are labelled as people who enrolled as simulated, or the other way round"


def _dealt(conn: Connection) -> Iterator[str]:
    """Pairs and their propensities must be those that went into the chain when the rater agreed."""
    agreed = select(schema.event.c.subject, schema.event.c.body).where(schema.event.c.kind == "consent")
    told = {row.subject: json.loads(row.body) for row in conn.execute(agreed)}
    assignment, rater = schema.assignment, schema.rater
    columns = (assignment.c.comparison_id, assignment.c.left_item, assignment.c.propensity, assignment.c.scheduler)
    asked = select(rater.c.id, *columns).join(rater, rater.c.no == assignment.c.rater_no)
    rows = conn.execute(asked.order_by(assignment.c.rater_no, assignment.c.position))
    for name, own in groupby(rows, key=lambda row: str(row.id)):
        held = [(row.scheduler, [row.comparison_id, row.left_item, row.propensity]) for row in own]
        if held != [(told[name]["scheduler"], pair) for pair in told[name]["dealt"]]:
            yield f"the pairs of rater {name} are not those that were dealt"
