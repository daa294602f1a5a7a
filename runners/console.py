"""What a person sees while a command works: a bar with the time left on a terminal, quiet lines in a log.

All of it goes to stderr; stdout is for results, and its last line is JSON where `--json` asks for it.
"""

import json
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
    "imitate": "imitating",
    "train": "training",
}
LOG_EVERY_S = 10.0

out = Console()
err = Console(stderr=True)


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
    said: dict[str, float] = {}

    def report(stage: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        began.setdefault(stage, now)
        due = now - said.get(stage, -1e9) > LOG_EVERY_S or done == total
        if not total or not due:
            return
        said[stage] = now
        spent = now - began[stage]
        left = f", about {spent / done * (total - done):.0f} s left" if 0 < done < total else ""
        print(f"{STAGES[stage]}: {done}/{total} after {spent:.0f} s{left}; {what}", file=sys.stderr, flush=True)

    yield report


def last_line(document: dict[str, Any]) -> None:
    """One JSON document as the last line of stdout."""
    print(json.dumps(document, sort_keys=True, allow_nan=False), flush=True)
