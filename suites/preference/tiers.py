"""What may be said about places: who beats whom, in which tier a system is, which ranks it may have.

Said from tests of pairwise differences with Holm's correction over all pairs, never from intervals that do not overlap:
the arenas' overlap rule names a false order in 15 % of studies of equal systems, and in more than half of them when
raters differ in taste.
"""

from dataclasses import dataclass

import numpy as np

from bench.stats import holm, rank_intervals
from suites.preference.intervals import Contrasts

FAMILY_ALPHA = 0.05


@dataclass(frozen=True)
class Standing:
    """One system's place. `ranks` are the places it may have (best, worst; 1 is first); systems with one `tier` are
    not told apart from the top of that tier. `beats`: those shown to be worse, by index, all at once."""

    system: int
    tier: int
    ranks: tuple[int, int]
    beats: tuple[int, ...]


def standings(found: Contrasts, alpha: float = FAMILY_ALPHA) -> list[Standing]:
    """Standings by system index. With probability 1 - `alpha` at least, every claim of the whole list holds.

    Holm (1979) over all pairs; rank sets after Mogstad, Romano, Shaikh & Wilhelm (2024), as `bench.stats` has them.
    Differences that are unknown claim nothing.

    >>> gap = np.array([[0, 0.1, 2.0], [-0.1, 0, 1.9], [-2.0, -1.9, 0]])
    >>> p = np.array([[1, 0.6, 1e-4], [0.6, 1, 1e-4], [1e-4, 1e-4, 1]])
    >>> rest = {"half_width": gap, "from_mean": gap[0], "from_mean_half_width": gap[0], "side_half_width": 0.1}
    >>> found = Contrasts(difference=gap, p=p, raters=20, prompts=20, **rest)
    >>> [(s.tier, s.ranks, s.beats) for s in standings(found)]
    [(1, (1, 2), (2,)), (1, (1, 2), (2,)), (2, (3, 3), ())]
    """
    upper = np.triu_indices(len(found.p), k=1)
    adjusted = np.ones_like(found.p)
    adjusted[upper] = adjusted[upper[::-1]] = holm(found.p[upper])
    shown = (adjusted <= alpha) & (found.difference > 0)
    ranks = rank_intervals(found.difference, found.p, alpha)
    tiers = {best: tier for tier, best in enumerate(sorted({best for best, _ in ranks}), start=1)}
    return [
        Standing(i, tiers[ranks[i][0]], ranks[i], tuple(np.flatnonzero(shown[i]).tolist())) for i in range(len(ranks))
    ]
