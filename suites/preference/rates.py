"""Shares with honest intervals: how often a system was called bad, how often a metric agrees with a vote.

"Both bad" is a tie for the ranking, but it says something that no ranking can: that the best of the field may still be
unacceptable. It gets a column of its own. The interval knows, as the ranking's does, that votes of one rater or on one
prompt go together.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from bench.stats import CONFIDENCE, Interval
from suites.preference.votes import Outcome, Votes, numbered


@dataclass(frozen=True)
class Rate:
    """A mean over `votes` votes. None: no vote (`mean`), or fewer than two raters or prompts (`interval`)."""

    mean: float | None
    interval: Interval | None
    votes: int


def clustered_mean(
    values: Float64[np.ndarray, " vote"],
    rater: Int64[np.ndarray, " vote"],
    prompt: Int64[np.ndarray, " vote"],
    confidence: float = CONFIDENCE,
) -> Rate:
    """The mean of a number per vote, with the guarded two-way clustered t interval of `intervals.py`.

    Where all votes have one value, nothing in them shows the spread: then there is no interval, not one of width 0.

    >>> each = np.repeat(np.arange(4), 4)
    >>> rate = clustered_mean((each > 0).astype(float), rater=each, prompt=np.tile(np.arange(4), 4))
    >>> rate.mean, [round(end, 3) for end in rate.interval]
    (0.75, [-0.046, 1.546])
    """
    from scipy.special import stdtrit

    if not len(values):
        return Rate(None, None, 0)
    mean = float(values.mean())
    off = (values - mean) / len(values)
    width = int(prompt.max()) + 1
    cell = numbered(rater * width + prompt, (int(rater.max()) + 1) * width)
    raters, prompts = (int(np.count_nonzero(np.bincount(index))) for index in (rater, prompt))
    if min(raters, prompts) < 2 or not off.any():
        return Rate(mean, None, len(values))
    by_rater, by_prompt, by_cell = (float((np.bincount(cluster, off) ** 2).sum()) for cluster in (rater, prompt, cell))
    by_rater, by_prompt = by_rater * raters / (raters - 1), by_prompt * prompts / (prompts - 1)
    error = float(np.sqrt(max((off**2).sum(), by_rater, by_prompt, by_rater + by_prompt - by_cell)))
    half = error * float(stdtrit(min(raters, prompts) - 1, 0.5 + confidence / 2))
    return Rate(mean, Interval(mean - half, mean + half), len(values))


def both_bad(votes: Votes) -> list[Rate]:
    """How often each system was in a pair that was called "both bad", among its votes that could be judged.

    >>> from suites.preference.votes import Vote, gather
    >>> votes = gather([Vote("a", "b", "both_bad", "r", "p"), Vote("a", "c", "left", "r", "p")])
    >>> [rate.mean for rate in both_bad(votes)]
    [0.5, 1.0, 0.0]
    """
    judged = votes.where(votes.outcome != Outcome.CANNOT_JUDGE)
    bad = (judged.outcome == Outcome.BOTH_BAD).astype(np.float64)
    shown = [(judged.left == system) | (judged.right == system) for system in range(len(votes.systems))]
    return [clustered_mean(bad[mine], judged.rater[mine], judged.prompt[mine]) for mine in shown]
