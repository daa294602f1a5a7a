"""`keepframe study simulate`: a dry run of a whole study, through the same HTTP addresses that people use.

It never touches the study itself. It makes a copy, and every rater and every vote of the copy is labelled as simulated
in the ledger's chain: the copy admits no people, the study admits no simulated raters, and `rank` refuses the copy
unless it is asked for it.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from sqlalchemy import select

from bench.errors import KeepframeError, StoreError
from leaderboard.study import raters, schema
from leaderboard.study.app import create_app
from leaderboard.study.clock import ManualClock
from leaderboard.study.design import copy_design
from leaderboard.study.folder import StudyFolder
from leaderboard.study.inprocess import Answer, Visitor
from leaderboard.study.ledger import Ledger
from leaderboard.study.limits import Limits, Rate
from leaderboard.study.links import Links
from leaderboard.study.raters import Newcomer
from runners.console import last_line, say

_NO_LIMIT = Rate(1e9, 1e9)


@dataclass(frozen=True)
class Tastes:
    """What the simulated raters are like. All strengths in logits; a tie rate of ν / (2 + ν) between equals."""

    strengths: dict[str, float]
    taste: float = 0.5  # sd of each rater's and of each prompt's own opinion of a system
    side: float = 0.15  # in favour of the left
    ties: float = 0.6  # Davidson's ν
    careless: float = 0.1  # share of raters who choose at random
    bad: float = 0.1  # share of ties that are called bad on both sides
    lost: float = 0.01  # share of pairs that cannot be judged
    criteria: float = 0.7  # share of the optional questions that are answered


def simulate(
    folder: Annotated[Path, Parameter(help="The study to try.")],
    into: Annotated[Path | None, Parameter(help="The copy; default: the folder's name with -simulated.")] = None,
    *,
    raters: Annotated[int | None, Parameter(help="How many; default: as planned.")] = None,
    spread: Annotated[float, Parameter(help="Elo points between the best and the worst system.")] = 200.0,
    seed: Annotated[int, Parameter(help="Of the raters' tastes and answers.")] = 0,
) -> int:
    """Try a copy of a study with simulated raters. Nothing they say can pass as what people said.

    Example: keepframe study simulate mystudy
    """
    source = StudyFolder.existing(folder)
    target = into or folder.with_name(folder.name + "-simulated")
    copy = _copied(source, target)
    clock = ManualClock()
    with copy.ledger(write=True, clock=clock) as ledger:
        with ledger.reading() as conn:
            systems = list(conn.scalars(select(schema.system.c.name).order_by(schema.system.c.id)))
        logits = np.linspace(0.5, -0.5, len(systems)) * spread / (400 / np.log(10))
        tastes = Tastes(dict(zip(systems, logits.tolist(), strict=True)))
        count = raters or ledger.config.raters
        votes = asyncio.run(_everyone(copy, ledger, clock, tastes, count, seed))
        head = ledger.head()
    say(f"{count} SIMULATED raters cast {votes} votes in {target}.")
    say("They are labelled as simulated in its ledger; the study itself is as it was.")
    last_line({"study": str(target), "simulated": True, "raters": count, "votes": votes, "head": head.hash})
    return 0


def _copied(source: StudyFolder, target: Path) -> StudyFolder:
    """The same design and clips in a new folder with an empty ledger and a secret of its own."""
    if target.exists():
        raise StoreError(f"{target} exists.", "Delete it, or name another folder for the copy.")
    (target / "media").mkdir(parents=True)
    for clip in source.media.iterdir():
        try:
            os.link(clip, target / "media" / clip.name)
        except OSError:  # another disk
            shutil.copy2(clip, target / "media" / clip.name)
    copy = StudyFolder(target, f"sqlite:///{(target / 'ledger.sqlite').absolute()}")
    with source.ledger() as ledger:
        copy_design(ledger.url, copy.url, ledger.clock.now_ms())
    copy.new_secret()
    return StudyFolder.create(target)


async def _everyone(
    folder: StudyFolder, ledger: Ledger, clock: ManualClock, tastes: Tastes, count: int, seed: int
) -> int:
    app = create_app(folder, ledger, limits=Limits(_NO_LIMIT, _NO_LIMIT, _NO_LIMIT))
    links = Links(folder.key(), ledger.id)
    judge = _Judge(ledger, tastes, seed)
    votes = 0
    for number in range(count):
        name = f"simulated-{number}"
        who = Newcomer(raters.SIMULATED, name, folder.key().sign("external", raters.SIMULATED, name))
        row = await asyncio.wrap_future(ledger.do(lambda tx, who=who: raters.enrol(tx, who)))  # type: ignore[misc]
        visitor = Visitor(app, cookies={f"keepframe_{ledger.id}": links.session(row.no)})
        votes += await _one(visitor, clock, judge, number)
    return votes


async def _one(visitor: Visitor, clock: ManualClock, judge: "_Judge", number: int) -> int:
    """One rater's way from the consent to the code; how many votes."""
    told = _good(await visitor.get("/api/state"))
    told = _good(await visitor.post("/api/consent", {"consent_sha256": told["consent_sha256"]}))
    careless = judge.is_careless(number)
    votes = 0
    while told["stage"] == "rating":
        pair = told["pairs"][0]
        clock.advance(pair["duration_ms"] + 1500)
        asked = [] if pair["practice"] else [criterion["name"] for criterion in told["criteria"]]
        vote = {
            "assignment": pair["id"],
            "choice": judge.choice(pair["id"], number, careless),
            "criteria": judge.criteria(pair["id"], number, careless, asked),
            "telemetry": {"watched_left": 1.0, "watched_right": 1.0, "simulated": True},
        }
        _good(await visitor.post("/api/vote", vote))
        votes += 1
        told = _good(await visitor.get("/api/state"))
    return votes


def _good(answer: Answer) -> Any:
    if answer.status != 200:
        raise KeepframeError(f"The study answered {answer.status}: {answer.body[:200]!r}.", "This is a bug: report it.")
    return answer.told


class _Judge:
    """Knows what the page does not: which systems are on show, and what each rater thinks of them."""

    def __init__(self, ledger: Ledger, tastes: Tastes, seed: int) -> None:
        self._tastes = tastes
        self._draw = np.random.default_rng(seed)
        self._seed = seed
        self._ledger = ledger
        with ledger.reading() as conn:
            systems = {row.id: row.name for row in conn.execute(select(schema.system))}
            self._items = {
                row.id: (systems[row.system_id], row.prompt_id, row.role) for row in conn.execute(select(schema.item))
            }
            self._expected = {row.id: (row.item_a, row.expected) for row in conn.execute(select(schema.comparison))}

    def is_careless(self, number: int) -> bool:
        """Whether this rater chooses at random."""
        return bool(np.random.default_rng([self._seed, number]).random() < self._tastes.careless)

    def choice(self, assignment_id: str, number: int, careless: bool) -> str:
        """What the rater says of this pair."""
        told = self._compared(assignment_id, number, careless)
        if self._draw.random() < self._tastes.lost:
            return "cannot_judge"
        return "both_bad" if told == "tie" and self._draw.random() < self._tastes.bad else told

    def criteria(self, assignment_id: str, number: int, careless: bool, asked: list[str]) -> dict[str, str]:
        """What the rater says beside that: the same taste, asked again for each question that is not left out."""
        answered = [name for name in asked if self._draw.random() < self._tastes.criteria]
        return {name: self._compared(assignment_id, number, careless) for name in answered}

    def _compared(self, assignment_id: str, number: int, careless: bool) -> str:
        with self._ledger.reading() as conn:
            row = conn.execute(select(schema.assignment).where(schema.assignment.c.id == assignment_id)).one()
        if careless:
            return str(self._draw.choice(["left", "right", "tie"]))
        item_a, expected = self._expected[row.comparison_id]
        if expected in ("left", "right"):
            return str(expected)
        if expected:
            return "left" if (row.left_item == item_a) == (expected == "a") else "right"
        d = self._worth(row.left_item, number) - self._worth(row.right_item, number) + self._tastes.side
        chances = np.array([np.exp(d / 2), np.exp(-d / 2), self._tastes.ties])
        return str(self._draw.choice(["left", "right", "tie"], p=chances / chances.sum()))

    def _worth(self, item: int, number: int) -> float:
        system, prompt, _ = self._items[item]
        own = [
            np.random.default_rng([self._seed, kind, who, *system.encode()]) for kind, who in ((1, number), (2, prompt))
        ]
        return self._tastes.strengths[system] + sum(float(draw.normal(0, self._tastes.taste)) for draw in own)
