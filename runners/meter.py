"""Meters: one for time and one for memory, because each disturbs what the other measures.

A time meter waits for the GPU at both ends of a stage, so that its work is counted where it was asked for. A memory
meter resets the marks of the process and of the GPU before a stage, and reads them after it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from runners.meter_memory import Marks
from suites.cost.scenario import LEAVES, Phase


@dataclass(frozen=True)
class Sample:
    """One call of a stage. Its label is what the store's `timings` have as their stage."""

    phase: Phase
    section: int
    stage: str
    wall_ms: float
    cpu_ms: float

    @property
    def label(self) -> str:
        """`warm/3/compress`."""
        return f"{self.phase}/{self.section}/{self.stage}"


@dataclass
class TimeMeter:
    """Wall and processor time of every call of every stage. `counter` is the card's energy in millijoules, read at both
    ends of the warm sections."""

    device: str
    counter: Callable[[], int | None] = field(default=lambda: None)
    phase: Phase = "cold"
    section: int = 0
    energy: list[tuple[float, int | None]] = field(default_factory=list)  # seconds, millijoules
    samples: list[Sample] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what happens inside. A call that fails leaves no sample, and its name in `inside`."""
        self.inside.append(name)
        wait_for(self.device)
        if (name, self.phase, self.section) == ("section", "warm", 0):
            self.energy.append((time.perf_counter(), self.counter()))
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wait_for(self.device)
        spent = (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3
        self.samples.append(Sample(self.phase, self.section, name, *spent))
        if (name, self.phase) == ("section", "warm"):
            self.energy.append((time.perf_counter(), self.counter()))
        self.inside.pop()

    def last_ms(self, name: str) -> float:
        """Wall time of the last call of that stage."""
        return next(one.wall_ms for one in reversed(self.samples) if one.stage == name)


@dataclass
class MemoryMeter:
    """The highest marks of every stage, over all its calls, in bytes. Times are kept for the warm-up rule alone."""

    device: str
    phase: Phase = "cold"
    section: int = 0
    peaks: dict[str, dict[str, int]] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)
    _last_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.marks = Marks(self.device)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Reset the marks, and read them at the end. Stages that span others only pass the time."""
        self.inside.append(name)
        began = time.perf_counter()
        if name in LEAVES:
            self.marks.reset()
        yield
        wait_for(self.device)
        if name in LEAVES:
            before = self.peaks.setdefault(name, {})
            for what, value in self.marks.read().items():
                before[what] = max(value, before.get(what, 0))
        self._last_ms[name] = (time.perf_counter() - began) * 1e3
        self.inside.pop()

    def last_ms(self, name: str) -> float:
        """Wall time of the last call of that stage; not for publication."""
        return self._last_ms[name]

    def document(self) -> dict[str, Any]:
        """The peaks by stage, the whole peak, and where the figures come from."""
        whole: dict[str, int] = {}
        for peaks in self.peaks.values():
            for what, value in peaks.items():
                whole[what] = max(value, whole.get(what, 0))
        return {"stages": self.peaks, "peak": whole, "sources": self.marks.sources}


def wait_for(device: str) -> None:
    """Until the GPU has done what was asked of it."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)
