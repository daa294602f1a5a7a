"""The nouns of a comparison: what `reports.compare` finds out and `reports.formats` writes down.

Plain frozen data, in a fixed order, so that equal stores give equal text. None means that there is no such
number (one video has no interval, a codec has no tokens); it is never 0.
"""

from dataclasses import dataclass
from typing import Literal

from bench.bd_rate import Bjontegaard
from bench.stats import Interval
from suites.judging.protocol import DroppedOut

Verdict = Literal["better", "worse", "no difference shown", "too few videos"]


@dataclass(frozen=True)
class MetricInfo:
    """What a metric is called, how it is counted, and which way is up."""

    name: str
    version: str
    unit: str
    better: Literal["higher", "lower", "neutral"]

    @property
    def sign(self) -> int:
        """Multiplied with this, more is better. 0 for a neutral metric, which has no ranks and no verdicts."""
        return {"higher": 1, "lower": -1, "neutral": 0}[self.better]


@dataclass(frozen=True)
class Costs:
    """What a memory costs: means over videos, per second of history where the name says so."""

    bytes_per_s: float | None
    tokens_per_s: float | None
    floats_per_s: float | None
    encode_ms_per_s: float | None
    recall_ms: float | None  # to answer one case, all its moments

    @property
    def kbit_per_s(self) -> float | None:
        """`bytes_per_s` in the unit of bitrates."""
        return None if self.bytes_per_s is None else self.bytes_per_s * 8 / 1000


@dataclass(frozen=True)
class SystemRow:
    """A system; `tested` unless the spec calls it a baseline, which is there to be beaten, or a `ceiling`, which bounds
    what is read through it and has no rank.

    Of its `answers` (frames asked and scored), `exact` hit a frame that the memory keeps as it was.
    """

    name: str
    curve: str
    tested: bool
    ceiling: bool
    costs: Costs
    exact: int
    answers: int


@dataclass(frozen=True)
class Cell:
    """One system's score on one metric. `cases` of `planned` have a value; the others failed or are not done.

    `ranks` is the best and the worst rank that the tests of all pairs leave open; None without data, without a
    direction, and for a ceiling.
    """

    system: str
    metric: str
    mean: float | None
    interval: Interval | None
    videos: int
    cases: int
    planned: int
    ranks: tuple[int, int] | None

    @property
    def top(self) -> bool:
        """No system is shown to be better: the cell belongs to the top tie group."""
        return self.ranks is not None and self.ranks[0] == 1


@dataclass(frozen=True)
class Difference:
    """A system against the baseline on the videos that both have, + for better.

    `interval` is this difference's own; `verdict` goes by `p_holm`, which answers for all differences of the table.
    `left_out` counts cases that only one of the two has.
    """

    system: str
    metric: str
    mean: float | None
    interval: Interval | None
    p: float | None
    p_sign_flip: float | None
    p_holm: float | None
    verdict: Verdict
    videos: int
    left_out: int
    note: str


@dataclass(frozen=True)
class BDRow:
    """A rate sweep against the baseline's sweep, by one metric."""

    curve: str
    metric: str
    bd: Bjontegaard


@dataclass(frozen=True)
class Slice:
    """Scores and, where there is a baseline, differences on the cases with one tag or of one history length.

    To look at, not to conclude from: no ranks, no sign-flip tests, and p is not corrected for the number of slices.
    """

    name: str
    videos: int
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class FailureGroup:
    """Cases that one system lost for one reason. `metric` is None when nothing of the case could be scored.

    `dropped`: the metric does not apply to them, which is no failure. The message says why, without the case's name.
    """

    system: str
    metric: str | None
    stage: str
    error: str
    message: str
    cases: tuple[str, ...]

    @property
    def dropped(self) -> bool:
        return self.error == DroppedOut.__name__


@dataclass(frozen=True)
class Comparison:
    """Everything that a table needs. Systems come best first by the first metric, ceilings among them."""

    run: str
    confidence: float
    baseline: str | None
    baseline_curve: str | None
    videos: int
    metrics: tuple[MetricInfo, ...]
    systems: tuple[SystemRow, ...]
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    bd: tuple[BDRow, ...]
    slices: tuple[Slice, ...]
    failures: tuple[FailureGroup, ...]
    warnings: tuple[str, ...]

    def cell(self, system: str, metric: str) -> Cell:
        """The cell of this system and metric."""
        return next(c for c in self.cells if (c.system, c.metric) == (system, metric))
