"""Do raters agree? Krippendorff's alpha: 1 is perfect, 0 is what chance gives, below 0 is worse than chance.

Raw agreement flatters a study with many ties. Low alpha on a criterion (below 0.4, say) means that people do not see
the same thing there, whatever the ranking says.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from bench.stats import CONFIDENCE, Interval
from suites.preference.votes import Votes, ranked

_ROUNDS = 1_000
_BLOCKS = 4_096


@dataclass(frozen=True)
class Agreement:
    """`alpha` is None when no comparison has two raters, or all votes are ties. `interval` is None when fewer than
    two comparisons have two raters. `units`: the comparisons that were judged by two raters or more."""

    alpha: float | None
    interval: Interval | None
    units: int


def agreement(votes: Votes, confidence: float = CONFIDENCE, seed: int = 0) -> Agreement:
    """Nominal alpha over comparisons (a pair of systems on a prompt) on "first system, second system, tie", with the
    sides undone (Krippendorff, 2018). "Both bad" counts as a tie. A rater's second vote on a comparison (the mirrored
    repeat) is left out: it says whether a rater agrees with themselves.

    The interval is the percentile bootstrap over comparisons, 1,000 seeded rounds.

    >>> from suites.preference.votes import Vote, gather
    >>> votes = gather(
    ...     Vote(*sides, side, rater, prompt)
    ...     for rater, sides, side in (("ann", "xy", "left"), ("bob", "yx", "right"))
    ...     for prompt in ("p1", "p2")
    ... )
    >>> agreement(votes)  # all votes are for x
    Agreement(alpha=1.0, interval=Interval(low=1.0, high=1.0), units=2)
    """
    table = _units(ranked(votes))
    if not len(table):
        return Agreement(None, None, 0)
    parts = _parts(table)
    alpha = float(_alpha(parts.sum(axis=0)))
    if len(table) < 2 or np.isnan(alpha):
        return Agreement(None if np.isnan(alpha) else alpha, None, len(table))
    # a comparison is as good as any other, so many of them are drawn in blocks, at random
    draw = np.random.default_rng(seed)
    block = draw.permutation(len(parts)) % _BLOCKS
    blocks = np.stack([np.bincount(block, column) for column in parts.T], axis=1)
    weights = draw.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=_ROUNDS)
    low, high = np.nanquantile(_alpha(weights @ blocks), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Agreement(alpha, Interval(float(low), float(high)), len(table))


def _units(used: Votes) -> Float64[np.ndarray, "unit 3"]:
    """How often each answer was given on each comparison that has two raters or more."""
    systems, prompts, raters = len(used.systems), len(used.prompts), len(used.raters)
    first, second = np.minimum(used.left, used.right), np.maximum(used.left, used.right)
    comparison = (first * systems + second) * prompts + used.prompt
    swapped = (used.left > used.right) & (used.outcome < 2)
    answer = np.where(swapped, 1 - used.outcome, used.outcome)
    _, once = np.unique(comparison * raters + used.rater, return_index=True)  # return_index: the first of each
    _, unit = np.unique(comparison[once], return_inverse=True)
    size = int(unit.max(initial=-1)) + 1
    table: np.ndarray = np.bincount(unit * 3 + answer[once], minlength=size * 3).reshape(size, 3).astype(np.float64)
    return np.asarray(table[table.sum(axis=1) >= 2])


def _parts(table: Float64[np.ndarray, "unit 3"]) -> Float64[np.ndarray, "unit 4"]:
    """What each comparison adds: its disagreement, and its answers.

    Which system of a pair is "first" is a matter of names, and chance must not depend on names: every unit counts once
    in each order.
    """
    size = table.sum(axis=1)
    disagreeing = (size**2 - (table**2).sum(axis=1)) / (size - 1)
    return np.concatenate([2 * disagreeing[:, None], table + table[:, [1, 0, 2]]], axis=1)


def _alpha(parts: Float64[np.ndarray, "*round 4"]) -> Float64[np.ndarray, "*round"]:
    """1 - observed / expected disagreement, from sums of `_parts`. NaN: ties only."""
    disagreeing, answers = parts[..., 0], parts[..., 1:]
    total = answers.sum(axis=-1)
    expected = (total**2 - (answers**2).sum(axis=-1)) / (total - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected > 0, 1 - disagreeing / expected, np.nan))
