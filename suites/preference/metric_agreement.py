"""Does a metric see what people see? A metric that agrees with votes no better than a coin is no stand-in for them.

Two questions, not one: does the metric pick the clip that a person picked (per pair, hard), and does its mean order the
systems as people do (easy, and with few systems nearly free: five systems have only 120 orders).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from suites.preference.rates import Rate, clustered_mean
from suites.preference.votes import Outcome, Votes


@dataclass(frozen=True)
class MetricAgreement:
    """`accuracy`: share of decisive votes in which the metric's better clip won; 0.5 is a coin, and a draw of the
    metric counts half. `kendall` and `spearman` correlate the systems' means with their strengths; None below three
    systems, or where one side is constant. `unscored`: decisive votes on clips that the metric has no value for."""

    accuracy: Rate
    kendall: float | None
    spearman: float | None
    unscored: int


def metric_agreement(
    votes: Votes,
    strengths: Float64[np.ndarray, " system"],
    scores: Float64[np.ndarray, "system prompt"],
    higher_is_better: bool = True,
) -> MetricAgreement:
    """Compares a metric's `scores` (NaN: none) with the votes and with the `strengths` fitted to them.

    A prompt counts for the systems' means only if every system was scored on it: else a system that failed on the hard
    prompts would look good. Kendall's tau-b and Spearman's rho are SciPy's.

    >>> from suites.preference.votes import Vote, gather
    >>> said = [("a", "b", "left"), ("c", "a", "right"), ("b", "c", "tie")]
    >>> votes = gather(Vote(*sides, "rater", "prompt") for sides in said)
    >>> found = metric_agreement(votes, np.array([1.0, -0.5, -0.4]), np.array([[30.0], [20.0], [25.0]]))
    >>> found.accuracy.mean, found.kendall, found.unscored
    (1.0, 1.0, 0)
    """
    from scipy.stats import kendalltau, spearmanr

    values = scores if higher_is_better else -scores
    decisive = votes.where((votes.outcome == Outcome.LEFT) | (votes.outcome == Outcome.RIGHT))
    ahead = values[decisive.left, decisive.prompt] - values[decisive.right, decisive.prompt]
    scored = ~np.isnan(ahead)
    agrees = np.sign(ahead) * np.where(decisive.outcome == Outcome.LEFT, 1.0, -1.0)
    kept = decisive.where(scored)
    accuracy = clustered_mean((1 + agrees[scored]) / 2, kept.rater, kept.prompt)
    shared = ~np.isnan(values).any(axis=0)
    means = values[:, shared].mean(axis=1) if shared.any() else np.zeros(len(strengths))
    if len(strengths) < 3 or not np.ptp(means) or not np.ptp(strengths):
        return MetricAgreement(accuracy, None, None, int((~scored).sum()))
    kendall, spearman = (float(test(means, strengths).statistic) for test in (kendalltau, spearmanr))
    return MetricAgreement(accuracy, kendall, spearman, int((~scored).sum()))
