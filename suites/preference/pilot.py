"""What a pilot teaches about the size of the study: how much of the doubt comes from raters, prompts and single votes.

Doubt of single votes shrinks with votes, that of raters only with raters, and that of prompts only with prompts: a
study of ten prompts stays a study of ten prompts however many people vote. So the plan after a pilot is no longer one
number of votes but three numbers, and the design effect is measured instead of guessed.
"""

import math
from dataclasses import dataclass

import numpy as np

from bench.stats import CONFIDENCE
from suites.preference.elo import POINTS_PER_LOGIT
from suites.preference.fit import Fit
from suites.preference.intervals import variances
from suites.preference.votes import Votes, ranked


@dataclass(frozen=True)
class Components:
    """Variance of the difference of two systems, the mean over all pairs, in logits²: `vote / votes + rater / raters +
    prompt / prompts`. From a small pilot they are rough: with ten raters, off by half."""

    vote: float
    rater: float
    prompt: float

    def variance(self, votes: int, raters: int, prompts: int) -> float:
        """What a study of this size would have, in logits²."""
        return self.vote / votes + self.rater / raters + self.prompt / prompts

    def design_effect(self, votes: int, raters: int, prompts: int) -> float:
        """How many times more votes than independent ones a study of this size needs: for `planner.votes_needed`.

        >>> Components(vote=20.0, rater=0.2, prompt=0.1).design_effect(votes=2000, raters=40, prompts=20)
        2.0
        """
        return self.variance(votes, raters, prompts) / (self.vote / votes)

    def half_width(self, votes: int, raters: int, prompts: int) -> float:
        """Half of the 95 % interval of a difference, in Elo points. `inf` with fewer than two raters or prompts.

        >>> round(Components(vote=20.0, rater=0.2, prompt=0.1).half_width(votes=2000, raters=40, prompts=20), 1)
        51.4
        """
        from scipy.special import stdtrit

        if min(raters, prompts) < 2:
            return math.inf
        t = float(stdtrit(min(raters, prompts) - 1, 0.5 + CONFIDENCE / 2))
        return t * POINTS_PER_LOGIT * math.sqrt(self.variance(votes, raters, prompts))


def components(votes: Votes, fitted: Fit) -> Components:
    """The parts of the doubt in `fitted`, the fit of these very votes.

    The cluster variances hold that of the votes inside; it is taken off, never below 0. Raises `ValueError` for a
    pilot with fewer than two raters or prompts, or whose systems cannot all be compared.

    >>> from suites.preference.fit import fit
    >>> from suites.preference.votes import Vote, count, gather
    >>> votes = gather(
    ...     Vote(*sides, "left" if (rater + prompt) % 3 else "right", f"rater{rater}", f"prompt{prompt}")
    ...     for rater in range(6) for prompt in range(6) for sides in (("a", "b"), ("b", "a"))
    ... )
    >>> found = components(votes, fit(count(votes)))
    >>> found.rater, found.prompt  # every rater and every prompt gives a and b the same
    (0.0, 0.0)
    """
    used = ranked(votes)
    if not fitted.model.counts_ties:
        used = used.where(used.outcome < 2)
    raters, prompts = len(np.unique(used.rater)), len(np.unique(used.prompt))
    if min(raters, prompts) < 2 or not fitted.connection.sound:
        raise ValueError("a pilot needs two raters, two prompts, and votes that join all systems both ways")
    systems = len(fitted.strengths)
    first, second = np.triu_indices(systems, k=1)
    wanted = np.zeros((len(first), len(fitted.information)))
    rows = np.arange(len(first))
    wanted[rows, first], wanted[rows, second] = 1.0, -1.0
    found = variances(used, fitted, wanted)
    independent = float(found.independent.mean())
    return Components(
        vote=independent * len(used),
        rater=max(0.0, float(found.rater.mean()) - independent) * raters,
        prompt=max(0.0, float(found.prompt.mean()) - independent) * prompts,
    )
