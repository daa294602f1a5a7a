"""Which pair next? Where the votes so far leave the order open: fewer votes then settle who is better than whom.

Balanced pairs (`planner.plan`) are the default. Choosing pairs by what they tell looks harder at neighbours and has two
dangers. Pairs chosen by early accidents are never looked at again: so a share of at least 30 % is drawn evenly. And
chance is fed back: a system that was lucky early meets others than one that was not, and the plain estimates spread the
field too far (by 10 to 16 Elo points in benchmarks/preference.py, and their intervals cover 86 to 97 %). So every draw
comes with its propensity, to be stored with the vote, and a ranking of such votes counts each by `weights`: that gives
back what evenly drawn pairs find, at 95 %, for intervals that are a fifth to almost a half wider than those of balanced
pairs. In that benchmark (8 systems, 1,600 votes) active pairs put no more systems in order than balanced ones did:
choose them for a wide field whose neighbours matter most, not to save votes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from suites.preference.fit import Fit, fit, likelihood
from suites.preference.intervals import gauge

BALANCED_SHARE = 0.3
_GRID = 64  # quantiles of a difference: chances of an outcome are smooth, so few are enough


class Drawn(NamedTuple):
    """A pair with its sides, by index, and the chance with which it was drawn."""

    left: int
    right: int
    propensity: float


def chances(
    counts: Float64[np.ndarray, "system system 3"],
    allowed: Bool[np.ndarray, "system system"] | None = None,
    balanced: float = BALANCED_SHARE,
) -> Float64[np.ndarray, "system system"]:
    """The chance of showing i on the left of j, given the votes so far. Sums to 1.

    `balanced` of the chance is spread evenly over the pairs that are `allowed` (the rater has prompts of it left); the
    rest goes by `bits`, half of it to each order. Compute it once for a rater's session, not after each vote: votes
    that arrive meanwhile then change nothing that was promised.

    Raises `ValueError` for a share below 30 % or above 1, or when no pair is allowed.

    >>> counts = np.zeros((3, 3, 3))
    >>> counts[0, 1] = counts[1, 0] = [30, 30, 10]  # who is better of 0 and 1?
    >>> counts[0, 2], counts[2, 0] = [69, 1, 0], [1, 69, 0]  # everybody is better than 2
    >>> counts[1, 2], counts[2, 1] = [69, 1, 0], [1, 69, 0]
    >>> found = chances(counts)
    >>> found.round(2).tolist()
    [[0.0, 0.4, 0.05], [0.4, 0.0, 0.05], [0.05, 0.05, 0.0]]
    """
    if not BALANCED_SHARE <= balanced <= 1:
        raise ValueError(f"the balanced share is {balanced:g}; it must be {BALANCED_SHARE:g} to 1")
    open_pairs = ~np.eye(len(counts), dtype=bool)
    if allowed is not None:
        open_pairs &= allowed
    if not open_pairs.any():
        raise ValueError("no pair is allowed")
    evenly: np.ndarray = open_pairs / open_pairs.sum()
    if not counts[..., :2].any():
        return evenly
    gain = bits(fit(counts)) * open_pairs
    total = float(gain.sum())
    return evenly if total <= 0 else np.asarray(balanced * evenly + (1 - balanced) * gain / total)


def draw(chance: Float64[np.ndarray, "system system"], random: np.random.Generator) -> Drawn:
    """One pair, drawn by `chances`.

    >>> draw(np.array([[0.0, 1.0], [0.0, 0.0]]), np.random.default_rng(0))
    Drawn(left=0, right=1, propensity=1.0)
    """
    at = int(random.choice(chance.size, p=chance.ravel()))
    left, right = divmod(at, len(chance))
    return Drawn(left, right, float(chance[left, right]))


def bits(fitted: Fit) -> Float64[np.ndarray, "system system"]:
    """What one vote on a pair tells about which of the two is better: the mutual information of the vote and the sign
    of the difference, in bits, for a difference that is normal around its estimate. 0 on the diagonal."""
    from scipy.special import ndtri

    systems = len(fitted.strengths)
    covariance = np.linalg.inv(fitted.information + gauge(fitted))[:systems, :systems]
    first, second = np.triu_indices(systems, k=1)
    spread = np.sqrt(covariance[first, first] + covariance[second, second] - 2 * covariance[first, second])
    middle = fitted.strengths[first] - fitted.strengths[second]
    d = middle[:, None] + spread[:, None] * ndtri((np.arange(_GRID) + 0.5) / _GRID)
    p = likelihood(fitted.model, fitted.log_tie)(d, fitted.log_tie or 0.0).p
    ahead = (d > 0)[..., None]
    share = ahead.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        told = _entropy(p.mean(axis=1))
        for side, weight in ((ahead, share[:, 0]), (~ahead, 1 - share[:, 0])):
            given = (p * side).sum(axis=1) / side.sum(axis=1)
            told -= np.where(weight > 0, weight * _entropy(given), 0.0)
    found = np.zeros((systems, systems))
    found[first, second] = found[second, first] = np.maximum(told, 0.0)
    return found


def _entropy(p: Float64[np.ndarray, "*at 3"]) -> Float64[np.ndarray, "*at"]:
    return np.asarray(-(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=-1))


def weights(propensity: Float64[np.ndarray, " vote"], systems: int) -> Float64[np.ndarray, " vote"]:
    """What each vote must count for the answer that evenly drawn pairs would give: for `Votes.weight`.

    At most 1 / 0.3 where all pairs were allowed. Raises `ValueError` for a propensity that is no chance.

    >>> weights(np.array([1 / 6, 1 / 3]), systems=3).round(9).tolist()
    [1.0, 0.5]
    """
    if not ((propensity > 0) & (propensity <= 1)).all():
        raise ValueError("a propensity is above 0 and at most 1")
    return np.asarray(1 / (systems * (systems - 1) * propensity))
