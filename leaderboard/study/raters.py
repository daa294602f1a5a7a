"""Raters in the ledger: how one comes, agrees, gets pairs, cannot play one, is done, is excluded, is forgotten.

Each function is one write (`Ledger.do`). All raise `Refused`, before anything is written, for what is not theirs.
"""

import hashlib
import secrets
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from bench.digest import canonical
from leaderboard.study.config import StudyConfig
from leaderboard.study.deal import session
from leaderboard.study.deck import read_deck
from leaderboard.study.schema import assignment, comparison, event, identity, item, rater
from leaderboard.study.writer import Refused, Transaction

SIMULATED = "simulated"
_CLOSED = select(event.c.seq).where(event.c.kind == "close").limit(1)
AHEAD = 2  # pairs that the page may know: the one on show, and the next to load

# built once: to build a statement takes as long as to run it
_NEXT = (
    select(assignment.c.id)
    .where(assignment.c.rater_no == bindparam("no"), assignment.c.state == "open")
    .order_by(assignment.c.position)
    .limit(AHEAD)
)
_DELIVERED = (
    update(assignment)
    .where(assignment.c.id.in_(bindparam("ids", expanding=True)), assignment.c.delivered_ms.is_(None))
    .values(delivered_ms=bindparam("at_ms"))
)


@dataclass(frozen=True)
class Newcomer:
    """Who asks to take part. `external` is their name at `source` (prolific, mturk, link, …); only its keyed hash
    stays in the ledger once it is erased."""

    source: str
    external: str
    external_hmac: str


def enrol(tx: Transaction, who: Newcomer) -> Row:
    """The rater's row; the same person gets the same row, however often they come."""
    known = tx.conn.execute(
        select(rater).where(rater.c.source == who.source, rater.c.external_hmac == who.external_hmac)
    ).one_or_none()
    if known is not None:
        return known
    simulated = who.source == SIMULATED
    others = tx.conn.scalar(select(func.count()).where(rater.c.simulated != int(simulated)))
    if others:
        kind = "simulated raters" if not simulated else "people"
        raise Refused(403, f"This study's ledger holds {kind}: people and simulated raters are never mixed.")
    if is_closed(tx.conn):
        raise Refused(410, "This study is closed. Thank you.")
    no = (tx.conn.scalar(select(func.max(rater.c.no))) or 0) + 1
    name = f"r-{secrets.token_hex(6)}"
    tx.conn.execute(
        insert(rater).values(
            no=no, id=name, source=who.source, external_hmac=who.external_hmac, simulated=int(simulated),
            enrolled_ms=tx.now_ms,
        )
    )  # fmt: skip
    tx.conn.execute(insert(identity).values(rater_no=no, external=who.external))
    tx.chain.event(tx.now_ms, "enrol", name, source=who.source, simulated=simulated)
    return tx.conn.execute(select(rater).where(rater.c.no == no)).one()


def consent(tx: Transaction, config: StudyConfig, no: int, consent_sha256: str) -> None:
    """Note the consent to this very text, and deal the rater's session. Saying it twice is saying it once."""
    who = _rater(tx, no)
    if consent_sha256 != config.consent_sha256:
        raise Refused(409, "The text that you agreed to is not this study's. Load the page again.")
    if who.consented_ms is not None:
        return
    if is_closed(tx.conn):
        raise Refused(410, "This study is closed. Thank you.")
    deck = read_deck(tx.conn, tx.now_ms, with_votes=config.scheduler == "active")
    seed = hashlib.sha256(f"{config.seed}/{no}".encode()).digest()
    dealt = session(deck, config, np.random.default_rng(int.from_bytes(seed[:8])))
    items = {row.id: (row.item_a, row.item_b) for row in tx.conn.execute(select(comparison))}
    rows = []
    for position, pair in enumerate(dealt):
        chosen = int(deck.ids[pair.comparison])
        first, second = items[chosen] if pair.a_left else items[chosen][::-1]
        rows.append(
            {
                "id": secrets.token_hex(16),
                "rater_no": no,
                "position": position,
                "comparison_id": chosen,
                "repeat_ix": pair.repeat_ix,
                "left_item": first,
                "right_item": second,
                "propensity": pair.propensity,
                "scheduler": config.scheduler,
                "issued_ms": tx.now_ms,
                "state": "open",
            }
        )
    tx.conn.execute(insert(assignment), rows)
    tx.conn.execute(
        update(rater).where(rater.c.no == no).values(consented_ms=tx.now_ms, lease_until_ms=tx.now_ms + config.lease_ms)
    )
    plan = [[row["comparison_id"], row["left_item"], row["propensity"]] for row in rows]
    tx.chain.event(tx.now_ms, "consent", who.id, text_sha256=consent_sha256, dealt=plan, scheduler=config.scheduler)


def deliver(tx: Transaction, no: int) -> None:
    """Start the clock of the pairs that the page is about to get."""
    ids = tx.conn.scalars(_NEXT, {"no": no}).all()
    tx.conn.execute(_DELIVERED, {"ids": ids, "at_ms": tx.now_ms})


def could_not_play(tx: Transaction, no: int, assignment_id: str, reason: str) -> None:
    """A pair that did not play is no vote and no tie: an event, and the next pair."""
    row = tx.conn.execute(select(assignment).where(assignment.c.id == assignment_id)).one_or_none()
    if row is None or row.rater_no != no or row.delivered_ms is None:
        raise Refused(404, "There is no such pair for you.")
    if row.state == "voted":
        raise Refused(409, "You voted on this pair already.")
    if row.state == "skipped":
        return
    tx.conn.execute(update(assignment).where(assignment.c.id == assignment_id).values(state="skipped"))
    body = {"rater": _rater(tx, no).id, "comparison": row.comparison_id, "reason": reason[:300]}
    tx.chain.event(tx.now_ms, "could_not_play", assignment_id, **body)


def complete(tx: Transaction, no: int, code: str) -> None:
    """Note that a rater has answered everything, once."""
    who = _rater(tx, no)
    left = tx.conn.scalar(select(func.count()).where(assignment.c.rater_no == no, assignment.c.state == "open"))
    if left or who.consented_ms is None:
        raise Refused(409, "There are pairs left.")
    if who.completion_code is None:
        tx.conn.execute(update(rater).where(rater.c.no == no).values(completion_code=code))
        tx.chain.event(tx.now_ms, "complete", who.id)


def mark(tx: Transaction, kind: str, rater_id: str, reason: str) -> int:
    """An exclusion or its opposite; the votes stay where they are."""
    if tx.conn.scalar(select(rater.c.no).where(rater.c.id == rater_id)) is None:
        raise Refused(404, f"There is no rater {rater_id}.")
    return tx.chain.event(tx.now_ms, kind, rater_id, reason=reason)


def erase(tx: Transaction, source: str, external_hmac: str) -> str:
    """Forget who a rater is outside the study; returns the pseudonym, under which the votes stay."""
    row = tx.conn.execute(
        select(rater).where(rater.c.source == source, rater.c.external_hmac == external_hmac)
    ).one_or_none()
    if row is None:
        raise Refused(404, "Nobody of that name took part.")
    if tx.conn.execute(delete(identity).where(identity.c.rater_no == row.no)).rowcount:
        tx.chain.event(tx.now_ms, "erase", row.id)
    name: str = row.id
    return name


def close(tx: Transaction, reason: str) -> None:
    """No vote after this. Closing twice is closing once."""
    if not is_closed(tx.conn):
        tx.chain.event(tx.now_ms, "close", "study", reason=reason)


def is_closed(conn: Connection) -> bool:
    """Whether the study was closed."""
    return conn.scalar(_CLOSED) is not None


def _rater(tx: Transaction, no: int) -> Row:
    row = tx.conn.execute(select(rater).where(rater.c.no == no)).one_or_none()
    if row is None:
        raise Refused(404, "This study does not know you. Open your invitation again.")
    return row


def summary(conn: Connection) -> str:
    """Canonical JSON of all that was planned, whose digest is the study's: systems, prompts, items, comparisons."""
    from leaderboard.study.schema import prompt, system

    tables = {
        table.name: [dict(row) for row in conn.execute(select(table).order_by(table.c.id)).mappings()]
        for table in (system, prompt, item, comparison)
    }
    return canonical(tables)
