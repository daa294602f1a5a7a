"""The same system again and again: what differs between two runs of it is noise, and no margin may be smaller.

Each repeat is made from nothing, in a store of its own, since the rows of the first would answer for all others. The
repeats differ in what must not matter: the generator's seed, and the number of workers (and so of threads). Run on
another machine or device, they say what that changes.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UsageError
from bench.spec import Footage, RunSpec
from bench.store import Results, Store
from runners.session import Report, execute, prepare

LEAST = 3  # repeats: two runs have one difference, and no telling how large the next is


@dataclass(frozen=True)
class Repeat:
    """One run of the same systems."""

    seed: int
    workers: int
    results: Results


@dataclass(frozen=True)
class Repeats:
    """All of them, and the folder that they lie in until `clear`."""

    runs: tuple[Repeat, ...]
    folder: Path

    def clear(self) -> None:
        """Free the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)


def repeat(spec: RunSpec, root: Path, count: int, *, workers: int, report: Report) -> Repeats:
    """Run the spec `count` times; a call that was stopped goes on where it was.

    Raises UsageError for fewer than 3 repeats, and whatever stops a run.
    """
    if count < LEAST:
        raise UsageError(f"{count} repeats show no noise floor.", f"Use {LEAST} or more.")
    plan = prepare(spec, root, report)
    footage = spec.footage
    if footage.procedural is not None and plan.tasks:  # drawn once, for all repeats
        footage = Footage(path=str(plan.tasks[0].case.clip.path.parent.resolve()), limit=footage.limit)
    folder = root / "calibration" / plan.key
    runs = []
    for i in range(count):
        again = spec.model_copy(update={"seed": spec.seed + i, "footage": footage})
        used = (1, workers)[i % 2]
        outcome = execute(again, folder / str(i), workers=used, report=report)
        runs.append(Repeat(again.seed, used, Store.existing(folder / str(i)).results(outcome.plan.key)))
    return Repeats(tuple(runs), folder)
