"""What a person sees while a command works: a bar with the time left on a terminal, quiet lines in a log.

All of it goes to stderr; stdout is for results, and its last line is JSON where `--json` asks for it.
"""

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

STAGES = {
    "render": "drawing footage",
    "probe": "reading footage",
    "measure": "measuring",
    "generate": "generating",
    "decode": "decoding",
    "encode": "encoding latents",
    "guess": "learning to guess",
    "train": "training",
}
LOG_EVERY_S = 10.0
LOG_LEAST_S = 300.0  # in a log, while nothing gets done: each line comes after twice the wait of the one before

out = Console()
err = Console(stderr=True)


def say(line: str, to: Console = out) -> None:
    """A line as it is: brackets are no markup, numbers have no colour, and paths are not broken."""
    to.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Any]:
    """Yields `report(stage, done, total, what)`."""
    with _bars() if err.is_terminal else _lines() as report:
        yield report


@contextmanager
def _bars() -> Iterator[Any]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:>15}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[what]}", markup=True),
    )
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int, what: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES[stage], total=total, what="")
            bars.update(tasks[stage], completed=done, total=total, what=what.replace("[", r"\["))

        yield report


@contextmanager
def _lines() -> Iterator[Any]:
    began: dict[str, float] = {}
    said: dict[str, tuple[float, int, float]] = {}  # when, what was done by then, how long to be quiet if it stays so

    def report(stage: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        began.setdefault(stage, now)
        when, before, quiet_s = said.get(stage, (-math.inf, -1, 0.0))
        quiet_s = quiet_s if done == before else LOG_EVERY_S
        if not total or (now - when < quiet_s and done < total):
            return
        said[stage] = now, done, min(2 * quiet_s, LOG_LEAST_S) if done == before else LOG_EVERY_S
        spent = now - began[stage]
        left = f", about {spent / done * (total - done):.0f} s left" if 0 < done < total else ""
        about = f"; {what}" if what else ""
        print(f"{STAGES[stage]}: {done}/{total} after {spent:.0f} s{left}{about}", file=sys.stderr, flush=True)

    yield report


def last_line(document: dict[str, Any]) -> None:
    """One JSON document as the last line of stdout."""
    print(json.dumps(document, sort_keys=True, allow_nan=False), flush=True)
