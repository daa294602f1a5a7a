"""The same system again and again: what differs between two runs of it is noise, and no margin may be smaller.

Each repeat is made from nothing, in a store of its own, since the rows of the first would answer for all others. The
repeats differ in what must not matter: the generator's seed, the number of workers (and so of threads), how many frames
a memory is given at once (its batch, where it puts them through a network), and the device, where several are named.
"""

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.checkpoints.folder import default_device
from bench.errors import UsageError
from bench.spec import Footage, RunSpec
from bench.store import Results, Store
from runners import devices
from runners.session import Report, execute, prepare
from runners.work import FRAMES_AT_ONCE, work

LEAST = 3  # repeats: two runs have one difference, and no telling how large the next is
BATCHES = (FRAMES_AT_ONCE, 7)  # as in every run, and a number that divides nothing


@dataclass(frozen=True)
class How:
    """What differs between repeats."""

    seed: int
    workers: int
    batch: int  # frames that a memory is given at once
    device: str

    @property
    def folder(self) -> str:
        """Of its store: a call that was stopped goes on with those that were done in just this way."""
        return f"seed{self.seed}-workers{self.workers}-batch{self.batch}-{self.device.replace(':', '')}"


@dataclass(frozen=True)
class Vary:
    """What the repeats are spread over. Without `devices`, they run where every run does."""

    workers: int = 1
    batches: tuple[int, ...] = BATCHES
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(batch > 0 for batch in self.batches):
            raise UsageError(f"No memory is given {min(self.batches)} frames at once.", "Take 1 or more.")
        for device in self.devices:
            devices.check(device)

    def hows(self, seed: int, count: int) -> list[How]:
        """One for every repeat. Batches change at half the pace of workers, so that they are not the same thing."""
        where = self.devices or (default_device(),)
        return [
            How(
                seed=seed + i,
                workers=(1, self.workers)[i % 2],
                batch=self.batches[i // 2 % len(self.batches)],
                device=where[i % len(where)],
            )
            for i in range(count)
        ]


@dataclass(frozen=True)
class Repeat:
    """One run of the same systems."""

    how: How
    results: Results


@dataclass(frozen=True)
class Repeats:
    """All of them, and the folder that they lie in until `clear`."""

    runs: tuple[Repeat, ...]
    folder: Path

    def clear(self) -> None:
        """Free the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)


def repeat(spec: RunSpec, root: Path, count: int, vary: Vary, report: Report) -> Repeats:
    """Run the spec `count` times; a call that was stopped goes on where it was.

    Raises UsageError for fewer repeats than 3, or than there are devices, and whatever stops a run.
    """
    least = max(LEAST, 2 * len(vary.devices))
    if count < least:
        raise UsageError(f"{count} repeats show no noise floor.", f"Use {least} or more.")
    plan = prepare(spec, root, report)
    footage = spec.footage
    if footage.procedural is not None and plan.tasks:  # drawn once, for all repeats
        footage = Footage(path=str(plan.tasks[0].case.clip.path.parent.resolve()), limit=footage.limit)
    folder = root / "calibration" / plan.key
    runs = []
    for how in vary.hows(spec.seed, count):
        again = spec.model_copy(update={"seed": how.seed, "footage": footage})
        entry = partial(work, frames_at_once=how.batch)
        with devices.computing_on(how.device) if vary.devices else nullcontext():
            outcome = execute(again, folder / how.folder, workers=how.workers, report=report, entry=entry)
        runs.append(Repeat(how, Store.existing(folder / how.folder).results(outcome.plan.key)))
    return Repeats(tuple(runs), folder)


def spread(hows: Sequence[How]) -> str:
    """What was varied, in words.

    >>> spread([How(0, 1, 32, "cpu"), How(1, 2, 32, "cpu"), How(2, 1, 7, "cpu")])
    'seeds 0, 1, 2; workers 1, 2; frames given at once 32, 7; on cpu'
    """

    def each(values: Sequence[object]) -> str:
        return ", ".join(map(str, dict.fromkeys(values)))

    return (
        f"seeds {each([one.seed for one in hows])}; workers {each([one.workers for one in hows])}; "
        f"frames given at once {each([one.batch for one in hows])}; on {each([one.device for one in hows])}"
    )
