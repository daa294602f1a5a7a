"""Which raters did not look? Told by behaviour, never by disagreement.

A rater who disagrees may have a taste; removing them tightens the ranking by hiding people. So the rule looks at gold
pairs (the answer is known), at the side (a coin that always falls left) and at ties. On simulated spam, 4 gold pairs
and 40 votes each, it finds all who always choose the left or a tie and 91 % of those who choose at random, and flags
0.8 % of honest raters (the panel of tests/unit/test_preference_screening.py, 900 raters). It proposes; excluding is an
event in the ledger, its rule fixed before systems are named, and both rankings are published.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from suites.preference.votes import Outcome, Votes

GOLD_SHARE = 0.75
SIDE_P = 1e-3
TIE_SHARE = 0.6
_FEWEST_VOTES = 10  # below this, a share of ties says nothing


@dataclass(frozen=True)
class Screening:
    """One rater. `gold_share` and `tie_share` are None without gold pairs or votes. `side_p`: two-sided binomial test
    of "left and right are chosen equally often" (1 without a decisive vote). `reasons` is empty for a good rater."""

    rater: str
    gold_share: float | None
    side_p: float
    tie_share: float | None
    reasons: tuple[str, ...]


def screen(
    votes: Votes, gold_rater: Int64[np.ndarray, " gold"], gold_right: Bool[np.ndarray, " gold"]
) -> list[Screening]:
    """One `Screening` a rater, in the order of `votes.raters`. Gold pairs come beside the votes (a clip against its
    spoilt copy is no vote on systems): who saw it, and whether the answer was right.

    >>> from suites.preference.votes import Vote, gather
    >>> votes = gather(Vote("a", "b", "left", "lefty", f"p{i}") for i in range(20))
    >>> found = screen(votes, np.array([0, 0, 0, 0]), np.array([True, False, True, False]))
    >>> found[0].reasons
    ('gold: 2 of 4 right', 'side: 20 of 20 left')
    """
    from scipy.special import bdtr

    raters = len(votes.raters)

    def tally(mask: Bool[np.ndarray, " vote"]) -> list[int]:
        return [int(votes_of) for votes_of in np.bincount(votes.rater[mask], minlength=raters)]

    left, right = tally(votes.outcome == Outcome.LEFT), tally(votes.outcome == Outcome.RIGHT)
    tied = tally((votes.outcome == Outcome.TIE) | (votes.outcome == Outcome.BOTH_BAD))
    gold = np.bincount(gold_rater, minlength=raters).tolist()
    good = np.bincount(gold_rater[gold_right], minlength=raters).tolist()
    found = []
    for at, name in enumerate(votes.raters):
        decisive, judged = left[at] + right[at], left[at] + right[at] + tied[at]
        side_p = min(1.0, 2 * float(bdtr(min(left[at], right[at]), decisive, 0.5))) if decisive else 1.0
        reasons = []
        if gold[at] and good[at] < GOLD_SHARE * gold[at]:
            reasons.append(f"gold: {good[at]} of {gold[at]} right")
        if side_p < SIDE_P:
            reasons.append(f"side: {left[at]} of {decisive} left")
        if judged >= _FEWEST_VOTES and tied[at] > TIE_SHARE * judged:
            reasons.append(f"ties: {tied[at]} of {judged}")
        gold_share = good[at] / gold[at] if gold[at] else None
        found.append(Screening(name, gold_share, side_p, tied[at] / judged if judged else None, tuple(reasons)))
    return found
