"""How little would change the answer? A ranking that turns over when ties are read another way, when one rater is left
out, or when two votes are dropped, should say so beside the first place.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float64

from suites.preference.fit import Fit, fit
from suites.preference.intervals import cluster_scores, gauge
from suites.preference.models import MODELS
from suites.preference.refit import refit
from suites.preference.votes import Votes, cells, count, ranked, tables


class Flip(NamedTuple):
    """The first place goes to `rival` when these `votes` votes are dropped."""

    rival: int
    votes: int


def by_model(votes: Votes) -> dict[str, Fit]:
    """The same votes with ties modelled, halved, dropped and under a threshold, by the model's name.

    >>> from suites.preference.votes import Vote, gather
    >>> sides = [("a", "b", "left"), ("b", "a", "left"), ("a", "b", "tie"), ("b", "a", "right")]
    >>> list(by_model(gather(Vote(*side, "r", "p") for side in sides)))
    ['davidson', 'half-ties', 'decisive', 'rao-kupper']
    """
    counts = count(votes)
    return {name: fit(counts, model) for name, model in MODELS.items()}


def without_each(votes: Votes, fitted: Fit, by: Literal["rater", "prompt"]) -> Float64[np.ndarray, "cluster system"]:
    """Strengths in logits when the votes of one rater, or on one prompt, are left out, refitted exactly; a row each, in
    the order of their names.

    NaN where nothing is left to rank.

    >>> from suites.preference.votes import Vote, gather
    >>> both = [Vote(*side, o, "r", p) for side in ("ab", "ba") for o in ("left", "right") for p in "xy"]
    >>> votes = gather([*both, Vote("a", "b", "left", "fan", "x")])
    >>> np.abs(without_each(votes, fit(count(votes)), "rater")[0]).max().round(6)  # without the fan, a and b are equal
    np.float64(0.0)
    """
    return refit(count(votes) - tables(votes, by), fitted)


def votes_to_flip(votes: Votes, fitted: Fit) -> Flip | None:
    """The fewest dropped votes found that take the first place from the system that has it; None: no number found.

    An upper bound: votes are dropped in the order of their influence on the gap (gᵀ H⁻¹ c at the estimate), and the
    smallest count is bisected with exact refits. On Chatbot Arena's data, 2 of 57,477 votes are enough.

    >>> from suites.preference.votes import Vote, gather
    >>> sides = [("ab", "left")] * 5 + [("ba", "right")] * 5 + [("ab", "right")] * 4 + [("ba", "left")] * 4
    >>> votes = gather(Vote(*pair, outcome, f"r{at}", "p") for at, (pair, outcome) in enumerate(sides))
    >>> votes_to_flip(votes, fit(count(votes)))
    Flip(rival=1, votes=2)
    """
    counts, used = count(votes), ranked(votes)
    if not fitted.model.counts_ties:
        used = used.where(used.outcome < 2)
    kinds, kind, same = np.unique(cells(used), return_inverse=True, return_counts=True)
    scores = cluster_scores(used, fitted, kind.astype(np.int64)) / same[:, None]
    bread = fitted.information + gauge(fitted)
    first = int(np.argmax(fitted.strengths))
    best: Flip | None = None
    for rival in np.argsort(-fitted.strengths, kind="stable")[1:].tolist():
        gap = np.zeros(len(bread))
        gap[first], gap[rival] = 1.0, -1.0
        influence = scores @ np.linalg.solve(bread, gap)
        helpful = np.argsort(-influence, kind="stable")[: int((influence > 0).sum())]
        order = np.repeat(kinds[helpful], same[helpful])
        low, high = 0, len(order) if best is None else min(len(order), best.votes - 1)
        if not _flips(counts, fitted, order[:high], (first, rival)):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _flips(counts, fitted, order[:middle], (first, rival)) else (middle, high)
        best = Flip(rival, high)
    return best


def _flips(counts: np.ndarray, fitted: Fit, dropped: np.ndarray, places: tuple[int, int]) -> bool:
    """Whether the second of `places` is at least level with the first once these kinds of votes are dropped."""
    rest = counts - np.bincount(dropped, minlength=counts.size).reshape(counts.shape)
    if not rest[..., :2].any():
        return False
    strengths = fit(rest, fitted.model, fitted.side is not None).strengths
    return bool(strengths[places[1]] >= strengths[places[0]] - 1e-9)
