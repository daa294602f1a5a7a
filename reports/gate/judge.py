"""From paired differences to verdicts: the only statistics that the gate adds to `bench.stats`.

With m the mean of a metric's differences over videos (+ is better), [low, high] its Student-t interval at the look's
alpha (two-sided), and M the margin:

    pass          low >= -M: a loss of the margin or more is excluded (a non-inferiority test)
    regressed     m <= -M, and shown to be below 0 after Holm's correction over the family
    improved      pass, and shown to be above 0 after Holm's correction
    inconclusive  anything else

Why so: "no significant loss" would pass a real loss of 0.3 standard deviations one time in three at 50 videos, only
because there are too few. Passing is not corrected for the number of metrics, since all of them have to pass: the
chance that all do although one has lost its margin is at most alpha / 2, however many there are (Berger, 1982).
Flagging is corrected, since any one would do.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from bench.stats import Interval, exact_mean, holm, t_test
from reports.gate.verdicts import Verdict

POWER = 0.8  # of the number of videos that is foretold
MOST_VIDEOS = 10_000  # more than that are not foretold: the difference is the margin, near enough


@dataclass(frozen=True)
class Answer:
    """What the differences of one metric show. Numbers are None where there are too few videos for them."""

    verdict: Verdict
    mean: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None
    videos: int
    needed: int | None


def judge(
    differences: Float64[np.ndarray, "metric video"],
    margins: Sequence[float],
    families: Sequence[str],
    *,
    alpha: float,
    minimum_videos: int,
) -> tuple[Answer, ...]:
    """The verdict of each metric. `differences` are per video, + for better, NaN where there is no pair.

    A metric whose family is the same as another's shares Holm's correction with it. Below `minimum_videos` nothing is
    concluded: t intervals are proved from 10 videos on.

    >>> gaps = np.random.default_rng(0).normal([[0.0], [-1.0]], 0.4, (2, 50))
    >>> [a.verdict for a in judge(gaps, [0.25, 0.25], ["gate", "gate"], alpha=0.05, minimum_videos=10)]
    ['pass', 'regressed']
    """
    test = t_test(differences, 1 - alpha)
    adjusted = np.full(len(margins), np.nan)
    sizes = np.ones(len(margins), dtype=np.int64)
    for family in set(families):
        members = np.asarray(families) == family
        adjusted[members] = holm(test.p[members])
        sizes[members] = max(1, int((~np.isnan(test.p[members])).sum()))
    answers = []
    for i, margin in enumerate(margins):
        values = differences[i][~np.isnan(differences[i])]
        n = len(values)
        mean = exact_mean(values.tolist()) if n else None
        if mean is None or n < 2:
            answers.append(Answer("inconclusive", mean, None, None, None, n, minimum_videos))
            continue
        half = float(test.half_width[i])
        interval = Interval(mean - half, mean + half)
        verdict: Verdict = "inconclusive"
        if n >= minimum_videos:
            verdict = _verdict(mean, interval, margin, float(adjusted[i]), alpha)
        needed = None
        if verdict == "inconclusive":
            spread = float(values.std(ddof=1))
            first = max(n + 1, minimum_videos)
            needed = videos_needed(mean, spread, margin, alpha=alpha, family=int(sizes[i]), first=first)
        answers.append(Answer(verdict, mean, interval, float(test.p[i]), float(adjusted[i]), n, needed))
    return tuple(answers)


def _verdict(mean: float, interval: Interval, margin: float, p_holm: float, alpha: float) -> Verdict:
    if interval.low >= -margin:
        return "improved" if mean > 0 and p_holm <= alpha else "pass"
    return "regressed" if mean <= -margin and p_holm <= alpha else "inconclusive"


def videos_needed(
    mean: float, spread: float, margin: float, *, alpha: float, family: int = 1, first: int = 2
) -> int | None:
    """How many videos in all, at least `first`, give a verdict with a probability of 80 % if more videos go on like
    these: mean difference `mean`, standard deviation over videos `spread`. Holm's correction is counted in full.

    None where more than 10,000 would be needed: the difference then is about as large as the margin.

    >>> videos_needed(0.0, 1.0, 0.5, alpha=0.05), videos_needed(-0.6, 1.0, 0.5, alpha=0.05)
    (34, 71)
    >>> videos_needed(-0.5, 1.0, 0.5, alpha=0.05) is None
    True
    """
    from scipy.special import ndtri, stdtrit

    power = float(ndtri(POWER))

    def settled(n: int) -> bool:
        """Grows with n: once true, it stays."""
        error = max(spread, 1e-300) / math.sqrt(n)
        if mean > -margin:
            return bool((mean + margin) / error >= stdtrit(n - 1, 1 - alpha / 2) + power)
        shown = -mean / error >= stdtrit(n - 1, 1 - alpha / (2 * family)) + power
        return bool(shown and (-mean - margin) / error >= power)

    tried = range(max(first, 2), MOST_VIDEOS + 1)
    place = bisect_left(tried, True, key=settled)
    return tried[place] if place < len(tried) else None
