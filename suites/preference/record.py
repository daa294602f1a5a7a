"""What a study leaves behind, as far as a ranking needs it: the votes, and what must be said beside them.

The ledger fills it from its tables; `votes_file.read_votes` fills it from a file, so that votes of other tools can be
ranked too. Whether the votes are people's travels with them: a ranking of programs that play raters must say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64, Int64

from suites.preference.votes import Votes, ranked

OVERALL = "overall"


@dataclass(frozen=True)
class Record:
    """`votes` are the real pairs on all criteria; excluded raters' votes are among them. `repeats`: votes on mirrored
    repeats of a rater's own pair ("overall" only), with the same names; they do not rank.

    `at_s` (Unix seconds; NaN: unknown) and `propensity` (of the pair and its sides, where it was drawn by
    `scheduling.draw`; NaN: drawn evenly) go with the votes. `check_rater` and `check_right`: gold and
    trap pairs, who saw them and whether the answer was right. `excluded`: rater -> reason. `simulated`: at least one
    vote is no person's. `head`: the ledger's last hash; empty for votes that came without a ledger.
    """

    title: str
    votes: Votes
    at_s: Float64[np.ndarray, " vote"]
    propensity: Float64[np.ndarray, " vote"]
    check_rater: Int64[np.ndarray, " check"]
    check_right: Bool[np.ndarray, " check"]
    repeats: Votes
    excluded: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    head: str = ""

    def without(self, raters: frozenset[str] | set[str]) -> Votes:
        """The votes of all other raters."""
        out = np.array([name in raters for name in self.votes.raters], dtype=bool)
        return self.votes.where(~out[self.votes.rater]) if out.any() else self.votes


def record(title: str, votes: Votes) -> Record:
    """A record of votes of which no more is known: no times, no checks, nobody excluded, cast by people.

    >>> from suites.preference.votes import Vote, gather
    >>> found = record("pilot", gather([Vote("a", "b", "left", "ann", "p1"), Vote("a", "b", "tie", "bob", "p1")]))
    >>> len(found.votes), len(found.without({"ann"}))
    (2, 1)
    """
    unknown, none = np.full(len(votes), np.nan), np.zeros(0, dtype=np.int64)
    nothing = votes.where(np.zeros(len(votes), dtype=bool))
    return Record(title, votes, unknown, unknown, none, none.astype(bool), nothing)


def repeated(found: Record) -> tuple[int, int]:
    """Mirrored repeats that were answered as the first time, sides undone, and all whose first time is known.

    >>> from dataclasses import replace
    >>> from suites.preference.votes import Vote, gather
    >>> votes = gather([Vote("a", "b", "left", "ann", "p1"), Vote("b", "a", "right", "ann", "p1")])
    >>> first, again = (votes.where(votes.left == at) for at in (0, 1))
    >>> repeated(replace(record("pilot", first), repeats=again))
    (1, 1)
    """
    if not len(found.repeats):
        return 0, 0
    first, again = (_answers(votes) for votes in (found.votes, found.repeats))
    known = [(first[pair], answer) for pair, answer in again.items() if pair in first]
    return sum(one == other for one, other in known), len(known)


def _answers(votes: Votes) -> dict[tuple[int, ...], int]:
    """(rater, prompt, pair) -> who won on "overall": 0 the first of the pair, 1 the second, 2 neither."""
    overall = votes.criteria.index(OVERALL) if OVERALL in votes.criteria else 0
    used = ranked(votes.where(votes.criterion == overall))
    swapped = (used.left > used.right) & (used.outcome < 2)
    answer = np.where(swapped, 1 - used.outcome, used.outcome)
    low, high = np.minimum(used.left, used.right), np.maximum(used.left, used.right)
    keys = zip(used.rater.tolist(), used.prompt.tolist(), low.tolist(), high.tolist(), strict=True)
    return dict(zip(keys, answer.tolist(), strict=True))
