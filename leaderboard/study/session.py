"""What the page needs to know of a rater's session, and nothing more: no system, no item, no kind of check."""

from typing import Any

from sqlalchemy import Connection, bindparam, select

from leaderboard.study.config import CRITERIA
from leaderboard.study.ledger import Ledger
from leaderboard.study.links import Links
from leaderboard.study.raters import AHEAD, is_closed
from leaderboard.study.schema import assignment, comparison, item, prompt, rater
from leaderboard.study.writer import Refused

_DAY_MS = 86_400_000

# built once: to build a statement takes as long as to run it
_WHO = select(rater).where(rater.c.no == bindparam("no"))
_PAIRS = (
    select(
        assignment.c.id,
        assignment.c.state,
        assignment.c.delivered_ms,
        comparison.c.kind,
        prompt.c.text,
        item.c.duration_ms,
        item.c.fps,
    )
    .join(comparison, comparison.c.id == assignment.c.comparison_id)
    .join(prompt, prompt.c.id == comparison.c.prompt_id)
    .join(item, item.c.id == assignment.c.left_item)
    .where(assignment.c.rater_no == bindparam("no"))
    .order_by(assignment.c.position)
)
_CLIP = {
    side: select(item.c.media)
    .join(assignment, item.c.id == assignment.c[f"{side}_item"])
    .where(assignment.c.id == bindparam("id"), assignment.c.delivered_ms.is_not(None))
    for side in ("left", "right")
}


def state(conn: Connection, ledger: Ledger, links: Links, no: int) -> dict[str, Any]:
    """The session as the page shows it. `deliver` is True when a pair in it was never sent before, `complete` when
    the rater has just finished: then the caller writes that down.
    """
    who = conn.execute(_WHO, {"no": no}).one_or_none()
    if who is None:
        raise Refused(401, "Open the link of your invitation to take part.")
    config = ledger.config
    told: dict[str, Any] = {
        "title": config.title,
        "question": config.question,
        "simulated": bool(who.simulated),
        "deliver": False,
        "complete": False,
    }
    if who.consented_ms is None:
        if is_closed(conn):
            raise Refused(410, "This study is closed. Thank you.")
        return told | {"stage": "consent", "consent": config.consent, "consent_sha256": config.consent_sha256}
    rows = conn.execute(_PAIRS, {"no": no}).all()
    left = [row for row in rows if row.state == "open"]
    counted = [row for row in rows if row.kind != "practice"]
    told |= {"done": sum(row.state != "open" for row in counted), "total": len(counted)}
    if not left:
        back = {"prolific": f"https://app.prolific.com/submissions/complete?cc={config.prolific_code}"}
        return told | {
            "stage": "done",
            "code": links.completion_code(no),
            "return_to": back.get(who.source, "") if config.prolific_code else "",
            "complete": who.completion_code is None,
        }
    if is_closed(conn):
        raise Refused(410, "This study is closed. Thank you.")
    until_ms = (ledger.clock.now_ms() // _DAY_MS + 2) * _DAY_MS  # the same all day, so what was loaded is found again
    return told | {
        "stage": "rating",
        "criteria": [{"name": name, "question": CRITERIA[name]} for name in config.criteria],
        "min_watch": config.min_watch,
        "max_speed": config.max_speed,
        "deliver": any(row.delivered_ms is None for row in left[:AHEAD]),
        "pairs": [
            {
                "id": row.id,
                "text": row.text,
                "practice": row.kind == "practice",
                "duration_ms": row.duration_ms,
                "fps": row.fps,
                "left": f"media/{links.clip(row.id, 'left', until_ms)}",
                "right": f"media/{links.clip(row.id, 'right', until_ms)}",
            }
            for row in left[:AHEAD]
        ],
    }


def clip_of(conn: Connection, assignment_id: str, side: str) -> str:
    """The file name of the clip on one side of a pair that was delivered. Raises `Refused`."""
    name = conn.scalar(_CLIP[side], {"id": assignment_id})
    if name is None:
        raise Refused(404, "There is no such clip.")
    return str(name)


def practice_answer(conn: Connection, assignment_id: str) -> str | None:
    """For a practice pair the side that is right, so that the page can say so; None for all other pairs."""
    row = conn.execute(
        select(assignment.c.left_item, comparison)
        .join(comparison, comparison.c.id == assignment.c.comparison_id)
        .where(assignment.c.id == assignment_id)
    ).one()
    if row.kind != "practice":
        return None
    wanted = row.item_a if row.expected == "a" else row.item_b
    return "left" if wanted == row.left_item else "right"
