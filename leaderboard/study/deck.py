"""The counts that dealing goes by, read in the transaction that deals: what was shown, and what was said of it."""

import numpy as np
from jaxtyping import Float64
from sqlalchemy import Connection, and_, func, or_, select

from leaderboard.study.deal import Deck
from leaderboard.study.schema import CHOICES, assignment, comparison, item, rater, system, vote
from suites.preference.votes import Outcome


def read_deck(conn: Connection, now_ms: int, *, with_votes: bool = False) -> Deck:
    """All comparisons, and how often each was voted on or is out with a rater whose lease runs.

    `with_votes`: with the votes so far too, for `deal.session` to choose by. Everybody's, excluded raters' among them:
    which pairs are asked decides how fast a study learns, not what it learns.
    """
    a, b = item.alias("a"), item.alias("b")
    rows = conn.execute(
        select(comparison, a.c.system_id.label("system_a"), b.c.system_id.label("system_b"))
        .join(a, a.c.id == comparison.c.item_a)
        .join(b, b.c.id == comparison.c.item_b)
        .order_by(comparison.c.id)
    ).all()
    place = {row.id: at for at, row in enumerate(rows)}
    systems = np.array([(row.system_a - 1, row.system_b - 1) for row in rows], dtype=np.int64)  # ids count from 1
    shown = np.zeros((len(rows), 2), np.int64)
    out = and_(assignment.c.state == "open", rater.c.lease_until_ms > now_ms)
    counted = (
        select(assignment.c.comparison_id, assignment.c.left_item, func.count())
        .join(rater, rater.c.no == assignment.c.rater_no)
        .where(or_(assignment.c.state == "voted", out), assignment.c.repeat_ix == 0)
        .group_by(assignment.c.comparison_id, assignment.c.left_item)
    )
    for chosen, left_item, times in conn.execute(counted):
        shown[place[chosen], 0 if left_item == rows[place[chosen]].item_a else 1] += times
    return Deck(
        ids=np.array([row.id for row in rows], dtype=np.int64),
        kind=tuple(row.kind for row in rows),
        systems=systems,
        pair=np.unique(systems, axis=0, return_inverse=True)[1].reshape(-1),
        prompt=np.array([row.prompt_id for row in rows], dtype=np.int64),
        shown=shown,
        votes=_votes(conn) if with_votes else None,
    )


def _votes(conn: Connection) -> Float64[np.ndarray, "system system 3"]:
    """First answers on real pairs, by the system on the left, the one on the right, and left, right or tie."""
    size = conn.scalar(select(func.count()).select_from(system)) or 0
    table = np.zeros((size, size, len(CHOICES)))
    left, right = item.alias("l"), item.alias("r")
    asked = (
        select(left.c.system_id, right.c.system_id, vote.c.choice, func.count())
        .join(comparison, comparison.c.id == vote.c.comparison_id)
        .join(left, left.c.id == vote.c.left_item)
        .join(right, right.c.id == vote.c.right_item)
        .where(comparison.c.kind == "real", vote.c.repeat_ix == 0)
        .group_by(left.c.system_id, right.c.system_id, vote.c.choice)
    )
    for first, second, choice, times in conn.execute(asked):
        table[first - 1, second - 1, CHOICES.index(choice)] += times
    table[..., Outcome.TIE] += table[..., Outcome.BOTH_BAD]
    return table[..., : Outcome.TIE + 1]
