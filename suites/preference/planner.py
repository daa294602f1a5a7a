"""How many votes, and who sees which pair on which side: the plan of a study, before anybody votes.

Votes of one rater or on one prompt go together, so a study needs more of them than the textbook says, by the design
effect (1.3 to 2.9 in simulated studies; plan with 2 until a pilot says better). More raters and more prompts buy more
than more votes of the same rater on the same prompts.
"""

import math
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bench.stats import CONFIDENCE
from suites.preference.elo import POINTS_PER_LOGIT

DESIGN_EFFECT = 2.0


class Kind(Enum):
    """Why a pair is shown. Only `REAL` votes rank; the others check the rater."""

    REAL = "real"
    GOLD = "gold"  # a clip against a spoilt copy of itself: the answer is known
    REPEAT = "repeat"  # an earlier pair of the same rater, mirrored


class Showing(NamedTuple):
    """One pair for one rater. Systems and prompts by index. For gold, `left` == `right`, and `gold_left` says that
    the unspoilt clip is on the left; elsewhere it is None."""

    rater: int
    left: int
    right: int
    prompt: int
    kind: Kind
    gold_left: bool | None = None


@dataclass(frozen=True)
class Design:
    """The size of a study. Each rater sees `per_rater` real pairs, and besides them gold pairs and mirrored repeats.

    Raises `ValueError` for a design in which a rater would meet a comparison twice, or repeat more than there is.
    """

    systems: int
    prompts: int
    raters: int
    per_rater: int
    gold: int = 4
    repeats: int = 2

    def __post_init__(self) -> None:
        comparisons = math.comb(self.systems, 2) * self.prompts
        if min(self.systems - 1, self.prompts, self.raters, self.per_rater) < 1 or min(self.gold, self.repeats) < 0:
            raise ValueError("a study needs two systems, a prompt, a rater and a vote")
        if self.per_rater > comparisons:
            raise ValueError(
                f"{self.per_rater} pairs a rater, but there are only {comparisons} comparisons: add prompts or raters"
            )
        if self.repeats > self.per_rater:
            raise ValueError(f"{self.repeats} repeats of {self.per_rater} pairs")


def votes_needed(systems: int, half_width: float, tie_rate: float = 0.25, design_effect: float = DESIGN_EFFECT) -> int:
    """Votes in all for a 95 % interval of ± `half_width` Elo points around every difference, with balanced pairs.

    N = (m - 1) · effect / (I · (h / (1.96 · 173.7))²), where I = (1 - ties) / 4 is what a vote between near equals
    tells. Raises `ValueError` for a width or tie rate without an answer.

    >>> votes_needed(8, half_width=25, design_effect=1), votes_needed(8, half_width=25)
    (6925, 13850)
    """
    from scipy.special import ndtri

    if systems < 2 or half_width <= 0 or not 0 <= tie_rate < 1 or design_effect <= 0:
        raise ValueError("needs two systems, a width above 0, a tie rate from 0 to below 1, a design effect above 0")
    information = (1 - tie_rate) / 4
    error = half_width / (float(ndtri(0.5 + CONFIDENCE / 2)) * POINTS_PER_LOGIT)
    return math.ceil((systems - 1) * design_effect / (information * error**2))


def half_width(systems: int, votes: int, tie_rate: float = 0.25, design_effect: float = DESIGN_EFFECT) -> float:
    """The other way round: the interval, in Elo points, that `votes` votes buy.

    >>> round(half_width(8, 13850), 1)
    25.0
    """
    return math.sqrt(votes_needed(systems, 1.0, tie_rate, design_effect) / votes)


def plan(design: Design, seed: int = 0) -> list[list[Showing]]:
    """What each rater sees, in order. The same seed gives the same plan.

    Balanced: over the whole study each pair of systems comes equally often (within 1), on each prompt equally often
    (within 1), and in each order equally often (within 1); a rater meets every pair of systems equally often (within
    1) and no comparison twice. Gold and repeats are spread at random; a repeat comes after its original, with the
    sides exchanged.

    >>> shown = plan(Design(systems=3, prompts=4, raters=2, per_rater=6, gold=1, repeats=1))
    >>> [len(rater) for rater in shown], sorted({showing.kind.value for showing in shown[0]})
    ([8, 8], ['gold', 'real', 'repeat'])
    """
    draw = np.random.default_rng(seed)
    # in (i, j) with j - i odd, i is on the left first: every system starts on the left about half of the time
    pairs = [(i, j) if (j - i) % 2 else (j, i) for i, j in combinations(range(design.systems), 2)]
    order, first_prompt = draw.permutation(len(pairs)), draw.permutation(np.arange(len(pairs)) % design.prompts)
    prompts = draw.permutation(design.prompts)
    real = []
    for slot in range(design.raters * design.per_rater):
        lap, place = divmod(slot, len(pairs))
        pair = pairs[order[place]]
        # a lap shows every pair once; after `prompts` laps each pair was on every prompt, and a new cycle begins
        cycle = lap // design.prompts
        mirrored = (lap + cycle * (design.prompts % 2 == 0)) % 2 == 1
        left, right = pair[::-1] if mirrored else pair
        prompt = int(prompts[(first_prompt[place] + lap) % design.prompts])
        real.append(Showing(slot // design.per_rater, left, right, prompt, Kind.REAL))
    return [_session(real[at : at + design.per_rater], design, draw) for at in range(0, len(real), design.per_rater)]


def _session(real: list[Showing], design: Design, draw: np.random.Generator) -> list[Showing]:
    """A rater's real pairs in random order, with gold and repeats among them."""
    shown = [real[at] for at in draw.permutation(len(real))]
    for at in draw.permutation(len(real))[: design.repeats]:
        original = real[at]
        after = shown.index(original) + 1
        mirror = original._replace(left=original.right, right=original.left, kind=Kind.REPEAT)
        shown.insert(int(draw.integers(after, len(shown) + 1)), mirror)
    golden_left = draw.permutation(np.arange(design.gold) % 2 == 0)
    for left in golden_left.tolist():
        system, prompt = int(draw.integers(design.systems)), int(draw.integers(design.prompts))
        gold = Showing(real[0].rater, system, system, prompt, Kind.GOLD, left)
        shown.insert(int(draw.integers(len(shown) + 1)), gold)
    return shown
