"""A small study without videos, for the tests of the ledger and of what reads it."""

import itertools
from pathlib import Path

from sqlalchemy import Row, select

from bench.digest import digest_bytes
from leaderboard.study import raters
from leaderboard.study.cast import Ballot
from leaderboard.study.clock import ManualClock
from leaderboard.study.config import StudyConfig
from leaderboard.study.design import Check, Clip, Design, write_design
from leaderboard.study.folder import StudyFolder
from leaderboard.study.ledger import Ledger
from leaderboard.study.schema import assignment

DURATION_MS = 2000
CONFIG = StudyConfig(criteria=("motion",), raters=4, per_rater=6, gold=1, repeats=1, traps=1, lease_hours=1.0)
WATCHED = {"watched_left": 1.0, "watched_right": 1.0}


def design(systems: int = 3, prompts: int = 4) -> Design:
    """Every system on every prompt, a gold pair and a trap for each prompt, one practice pair."""
    names, keys = [f"sys{n}" for n in range(systems)], [f"p{n}" for n in range(prompts)]
    clips = [_clip(system, prompt, "clip") for system, prompt in itertools.product(names, keys)]
    clips += [_clip(names[0], prompt, role) for prompt, role in itertools.product(keys, ("spoilt", "card-a", "card-b"))]
    checks = [Check("gold", _media(names[0], key, "clip"), _media(names[0], key, "spoilt"), "a") for key in keys]
    checks += [Check("trap", _media(names[0], k, "card-a"), _media(names[0], k, "card-b"), "left") for k in keys]
    checks.append(Check("practice", _media(names[1], "p0", "clip"), _media(names[0], "p0", "spoilt"), "a"))
    return Design({key: f"A video of {key}" for key in keys}, tuple(clips), tuple(checks))


def study(root: Path, config: StudyConfig = CONFIG, url: str = "", size: tuple[int, int] = (3, 4)) -> StudyFolder:
    """A study folder whose media are named but not there."""
    root.mkdir(parents=True, exist_ok=True)
    folder = StudyFolder.create(root, url)
    write_design(folder.url, config, design(*size), now_ms=1_700_000_000_000)
    folder.new_secret()
    return folder


def enter(ledger: Ledger, name: str, source: str = "link") -> Row:
    """A rater who has agreed; their row."""
    who = ledger.do(lambda tx: raters.enrol(tx, raters.Newcomer(source, name, f"hmac of {name}"))).result()
    agreed = ledger.config.consent_sha256
    ledger.do(lambda tx: raters.consent(tx, ledger.config, who.no, agreed)).result()
    return who


def open_pairs(ledger: Ledger, no: int) -> list[Row]:
    """The rater's open pairs in order, delivered as far as the page would have them."""
    ledger.do(lambda tx: raters.deliver(tx, no)).result()
    with ledger.reading() as conn:
        chosen = select(assignment).where(assignment.c.rater_no == no, assignment.c.state == "open")
        return list(conn.execute(chosen.order_by(assignment.c.position)).all())


def answer_all(ledger: Ledger, clock: ManualClock, no: int, choice: str = "left") -> list[str]:
    """Vote on every open pair as the page would; the assignments' ids."""
    done = []
    while pairs := open_pairs(ledger, no):
        clock.advance(DURATION_MS)
        ledger.vote(Ballot(pairs[0].id, no, choice, {"motion": "tie"}, WATCHED)).result()
        done.append(pairs[0].id)
    return done


def _clip(system: str, prompt: str, role: str) -> Clip:
    return Clip(system, prompt, _media(system, prompt, role), "0" * 64, DURATION_MS, 24.0, role)


def _media(system: str, prompt: str, role: str) -> str:
    return digest_bytes(f"{system} {prompt} {role}".encode())[:32] + ".mp4"
