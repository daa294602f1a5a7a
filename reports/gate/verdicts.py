"""The nouns of a check: what `reports.gate.decide` finds out and the formats write down.

Plain frozen data, as in `reports.comparison`. Differences are candidate less baseline, + for better, whatever way
the metric's own numbers go. None means that there is no such number.
"""

from dataclasses import dataclass
from typing import Any, Literal

from bench.stats import Interval
from reports.comparison import MetricInfo
from reports.gate.policy import Role

Verdict = Literal["pass", "improved", "inconclusive", "regressed", "missing", "not comparable"]
EXIT_CODES: dict[Verdict, int] = {
    "pass": 0,
    "improved": 0,
    "regressed": 3,
    "missing": 3,  # what was measured before and is not measured now is a regression
    "inconclusive": 4,
    "not comparable": 5,
}


@dataclass(frozen=True)
class Side:
    """One of the two: the reference as it was typed, the run and system it stands for, and the sha256 of the weights
    that its memory is made with, by name, as far as they are known."""

    reference: str
    run: str
    system: str
    weights: dict[str, str]
    environment: dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One of at most `of` looks at growing footage; `alpha` is this look's share."""

    number: int
    of: int
    alpha: float
    earlier: tuple[str, ...]  # what the looks before this one found


@dataclass(frozen=True)
class MetricVerdict:
    """One metric's answer.

    `interval` has the look's confidence, 1 - alpha; `p_holm` answers for all metrics of the family at once. `needed`
    is how many videos in all would settle an inconclusive answer, None where nothing can be foreseen. `lost` are cases
    that the baseline answered and the candidate did not.
    """

    metric: MetricInfo
    role: Role
    family: str
    verdict: Verdict
    shown: Verdict  # by the differences alone, whatever was lost
    margin: float | None  # in the metric's unit
    margin_as: str  # as the policy has it
    noise_floor: float | None
    baseline_mean: float | None
    candidate_mean: float | None
    mean: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None
    videos: int
    needed: int | None
    lost: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class SliceRow:
    """A difference on part of the cases or moments. To look at: it never decides. `p_holm` is over all slice rows, and
    `worse` says that a loss is shown at the look's alpha."""

    name: str
    metric: str
    videos: int
    mean: float
    interval: Interval
    p_holm: float
    worse: bool


@dataclass(frozen=True)
class Worst:
    """A video on which the candidate lost most, and its worst moment there."""

    video: str
    case: str
    moment: int
    at_s: float
    difference: float  # of the video
    baseline: float  # scores of the moment
    candidate: float


@dataclass(frozen=True)
class Lost:
    """A case that the baseline answered and the candidate did not, and why."""

    case: str
    metric: str | None  # None: the whole answer
    why: str


@dataclass(frozen=True)
class Check:
    """The answer of one check. `metrics` is empty where nothing could be compared; `reasons` says why the verdict."""

    verdict: Verdict
    reasons: tuple[str, ...]
    baseline: Side
    candidate: Side
    look: Look | None
    videos: int
    metrics: tuple[MetricVerdict, ...]
    lost: tuple[Lost, ...]
    slices: tuple[SliceRow, ...]
    worst_by: str | None  # the metric that `worst` goes by
    worst: tuple[Worst, ...]
    warnings: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """What the command exits with."""
        return EXIT_CODES[self.verdict]

    @property
    def needed(self) -> int | None:
        """Videos in all that would settle every metric that gates and is open; None where that cannot be foreseen."""
        still_open = [m.needed for m in self.metrics if m.role == "gate" and m.verdict == "inconclusive"]
        known = [n for n in still_open if n is not None]
        return max(known) if known and len(known) == len(still_open) else None


def overall(found: set[Verdict]) -> Verdict:
    """The worst of the verdicts of the metrics that gate; `improved` where one is and none is worse than passing.
    Nothing was compared where no metric gates.

    >>> overall({"pass", "inconclusive", "missing"}), overall({"pass", "improved"}), overall(set())
    ('regressed', 'improved', 'not comparable')
    """
    if not found:
        return "not comparable"
    order: tuple[Verdict, ...] = ("regressed", "missing", "not comparable", "inconclusive", "improved")
    worst: Verdict = next((verdict for verdict in order if verdict in found), "pass")
    return "regressed" if worst == "missing" else worst
