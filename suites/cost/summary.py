"""What samples of time and memory allow to be said: percentiles with enough of them, drift, slopes, two versions.

Pure functions of numbers. What too few samples cannot support is None, never an extrapolation.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from bench.stats import CONFIDENCE, Interval, t_test

LEAST = {95: 59, 99: 299}
"""Samples from which the largest of them lies above a percentile with 95 % confidence: 0.95 ** 59 < 0.05."""

SETTLED_WINDOW, SETTLED_WITHIN = 3, 0.02
MINIMUM_EFFECT = 0.05
MOST_ROUNDS = 200  # of a comparison; where more are needed, the machine is the problem


def settled(times_ms: Sequence[float]) -> bool:
    """Whether a warm-up is over: the medians of the last three times and of the three that ended one before agree
    within 2 %.

    >>> settled([90.0, 31.0, 30.0]), settled([90.0, 30.2, 30.1, 30.0])
    (False, True)
    """
    if len(times_ms) <= SETTLED_WINDOW:
        return False
    now, before = median(times_ms[-SETTLED_WINDOW:]), median(times_ms[-SETTLED_WINDOW - 1 : -1])
    return abs(now - before) <= SETTLED_WITHIN * before


def percentile(samples: Sequence[float], percent: int) -> float | None:
    """The percentile (nearest rank), or None with fewer samples than support it: 59 for p95, 299 for p99.

    >>> percentile(list(range(100)), 95), percentile(list(range(58)), 95)
    (94.0, None)
    """
    if len(samples) < LEAST[percent]:
        return None
    return float(sorted(samples)[math.ceil(percent / 100 * len(samples)) - 1])


def drift(samples: Sequence[float]) -> float | None:
    """The median of the last tenth over the median of the first: 1 is steady. None with fewer than 10 samples.

    >>> drift([100.0] * 10 + [110.0] * 10)
    1.1
    """
    if len(samples) < 10:
        return None
    tenth = math.ceil(len(samples) / 10)
    return median(samples[-tenth:]) / median(samples[:tenth])


class Slope(NamedTuple):
    """A straight line through points, and the interval of its slope; None with fewer than three points."""

    per_x: float
    at_zero: float
    interval: Interval | None


def slope(x: Sequence[float], y: Sequence[float], confidence: float = CONFIDENCE) -> Slope | None:
    """Least squares of `y` on `x`, its slope with Student's t interval. None with fewer than two different `x`.

    >>> slope([5.0, 10.0, 20.0], [7.0, 12.0, 22.0])
    Slope(per_x=1.0, at_zero=2.0, interval=Interval(low=1.0, high=1.0))
    """
    from scipy.special import stdtrit

    if len(set(x)) < 2:
        return None
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    around = xs - xs.mean()
    spread = float((around**2).sum())
    per_x = float((around * (ys - ys.mean())).sum()) / spread
    at_zero = float(ys.mean() - per_x * xs.mean())
    if len(xs) < 3:
        return Slope(per_x, at_zero, None)
    residual = float(((ys - at_zero - per_x * xs) ** 2).sum()) / (len(xs) - 2)
    half = float(stdtrit(len(xs) - 2, 0.5 + confidence / 2)) * math.sqrt(residual / spread)
    return Slope(per_x, at_zero, Interval(per_x - half, per_x + half))


class Ratio(NamedTuple):
    """How a candidate's time compares with a baseline's. `interval` is None with fewer than two rounds."""

    ratio: float
    interval: Interval | None
    rounds: int
    verdict: Literal["slower", "faster", "no relevant difference", "inconclusive"]


def compared(log_ratios: Sequence[float], minimum: float = MINIMUM_EFFECT, confidence: float = CONFIDENCE) -> Ratio:
    """The mean log ratio over rounds, one number per round (the process is the unit), by Student's t.

    A difference counts when it is shown to be larger than `minimum` (a share: 0.05 is 5 %), equality when it is shown
    to be smaller; else `inconclusive`. Raises ValueError without a round.

    >>> compared([0.20, 0.22, 0.19, 0.21]).verdict, compared([0.001, -0.002, 0.001]).verdict
    ('slower', 'no relevant difference')
    >>> compared([0.1, -0.1, 0.05]).verdict
    'inconclusive'
    """
    if not log_ratios:
        raise ValueError("a ratio needs at least one round")
    test = t_test(np.asarray(log_ratios, float), confidence)
    mean, half = float(test.mean), float(test.half_width)
    if math.isnan(half):
        return Ratio(math.exp(mean), None, len(log_ratios), "inconclusive")
    low, high = math.exp(mean - half), math.exp(mean + half)
    verdict: Literal["slower", "faster", "no relevant difference", "inconclusive"] = "inconclusive"
    if low > 1 + minimum:
        verdict = "slower"
    elif high < 1 / (1 + minimum):
        verdict = "faster"
    elif low > 1 / (1 + minimum) and high < 1 + minimum:
        verdict = "no relevant difference"
    return Ratio(math.exp(mean), Interval(low, high), len(log_ratios), verdict)


def rounds_needed(log_ratios: Sequence[float], minimum: float = MINIMUM_EFFECT) -> int | None:
    """How many rounds in all would decide, if mean and spread stay as they are; None for more than `MOST_ROUNDS`, or
    with fewer than two.

    >>> rounds_needed([0.05, -0.05, 0.05, -0.05]), rounds_needed([0.05, -0.5, 0.6])
    (8, None)
    """
    from scipy.special import stdtrit

    logs, edge = np.asarray(log_ratios, float), math.log(1 + minimum)
    if len(logs) < 2:
        return None
    room = abs(abs(float(logs.mean())) - edge)  # to the nearest line between two verdicts
    rounds = np.arange(len(logs), MOST_ROUNDS + 1)
    half = stdtrit(rounds - 1, 0.5 + CONFIDENCE / 2) * float(logs.std(ddof=1)) / np.sqrt(rounds)
    enough = rounds[half < room]
    return int(enough[0]) if len(enough) else None
