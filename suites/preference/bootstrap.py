"""The ranking of other raters: whole raters are drawn again, with all their votes, and every draw is fitted anew.

The intervals that are published are those of `intervals.py`, which know about prompts too. Resampling answers what
they do not: in how many of the panels that we might have asked would this system be first?
"""

import numpy as np
from jaxtyping import Float64

from suites.preference.fit import Fit
from suites.preference.refit import refit
from suites.preference.votes import Votes, tables

ROUNDS = 1_000


def bootstrap(votes: Votes, fitted: Fit, rounds: int = ROUNDS, seed: int = 0) -> Float64[np.ndarray, "round system"]:
    """Strengths (logits, mean 0) in each of `rounds` panels of as many raters, drawn with replacement.

    `fitted` is the fit of these very votes; its model is fitted again. NaN: nobody drawn preferred anything.

    >>> from suites.preference.fit import fit
    >>> from suites.preference.votes import Vote, count, gather
    >>> votes = gather(
    ...     Vote(*sides, outcome, f"r{rater}", "p")
    ...     for rater in range(8) for sides in ("ab", "ba") for outcome in ("left", "left", "right")
    ... )
    >>> bootstrap(votes, fit(count(votes)), rounds=3).round(6).tolist()  # raters who are all alike
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    by_rater = tables(votes, "rater")
    present = np.flatnonzero(by_rater.any(axis=(1, 2, 3)))
    cells = np.flatnonzero(by_rater.any(axis=0))
    each = by_rater.reshape(len(by_rater), -1)[np.ix_(present, cells)]
    draw = np.random.default_rng(seed)
    drawn = draw.integers(len(present), size=(rounds, len(present))) + len(present) * np.arange(rounds)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=rounds * len(present)).reshape(rounds, len(present))
    panels = np.zeros((rounds, by_rater[0].size))
    panels[:, cells] = weights.astype(np.float64) @ each
    return refit(panels.reshape(rounds, *by_rater.shape[1:]), fitted)


def first_share(strengths: Float64[np.ndarray, "round system"]) -> Float64[np.ndarray, " system"]:
    """In what share of the rounds each system was first. NaN where no round could be fitted.

    >>> first_share(np.array([[1.0, -1.0], [0.5, -0.5], [-0.2, 0.2], [np.nan, np.nan]])).round(3).tolist()
    [0.667, 0.333]
    """
    fitted = strengths[~np.isnan(strengths).any(axis=1)]
    if not len(fitted):
        return np.full(strengths.shape[1], np.nan)
    return np.bincount(fitted.argmax(axis=1), minlength=strengths.shape[1]) / len(fitted)
