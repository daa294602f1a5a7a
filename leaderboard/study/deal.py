"""Which pairs a new rater sees: what the study has least of, counted at that moment.

A plan made before anybody came is unbalanced as soon as somebody leaves half-way. So a session is dealt when a rater
consents, against counts of what was voted and what is out with raters still at it. The draw is balanced over pairs of
systems first, then over prompts, then over sides, and every draw's propensity is written down.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from leaderboard.study.config import StudyConfig

SCHEDULER = "balanced"


class Dealt(NamedTuple):
    """One pair for one rater: item a on the left, or b. `propensity`: how likely just this draw was."""

    comparison: int  # its place in the Deck
    a_left: bool
    repeat_ix: int
    propensity: float


@dataclass(frozen=True)
class Deck:
    """All comparisons of a study. `pair` numbers pairs of systems; `shown` counts (a left, b left) so far."""

    ids: Int64[np.ndarray, " comparison"]
    kind: tuple[str, ...]
    pair: Int64[np.ndarray, " comparison"]
    prompt: Int64[np.ndarray, " comparison"]
    shown: Int64[np.ndarray, "comparison 2"]

    def places(self, kind: str) -> Int64[np.ndarray, " place"]:
        """Where in the deck the comparisons of this kind are."""
        return np.array([place for place, own in enumerate(self.kind) if own == kind], dtype=np.int64)


def session(deck: Deck, config: StudyConfig, draw: np.random.Generator) -> list[Dealt]:
    """A rater's pairs in order: a practice pair, then real pairs with gold, traps and mirrored repeats among them."""
    real = _balanced(deck, config.per_rater, draw)
    shown = list(real)
    for original in (real[at] for at in draw.permutation(len(real))[: config.repeats].tolist()):
        after = shown.index(original) + 1
        mirror = original._replace(a_left=not original.a_left, repeat_ix=1)
        shown.insert(int(draw.integers(after, len(shown) + 1)), mirror)
    for kind, wanted in (("gold", config.gold), ("trap", config.traps)):
        places = draw.permutation(deck.places(kind))[:wanted].tolist()
        sides = draw.permutation(np.arange(len(places)) % 2 == 0).tolist()
        for place, a_left in zip(places, sides, strict=True):
            check = Dealt(place, a_left, 0, 1.0)
            shown.insert(int(draw.integers(min(1, len(shown)), len(shown) + 1)), check)
    practice = [Dealt(place, bool(draw.integers(2)), 0, 1.0) for place in deck.places("practice")[:1].tolist()]
    return practice + shown


def _balanced(deck: Deck, wanted: int, draw: np.random.Generator) -> list[Dealt]:
    """Real comparisons, none twice, each drawn at random from those that the study and this rater have least of."""
    places = deck.places("real")
    pair, prompt = deck.pair[places], deck.prompt[places]
    own_pair, own_prompt = np.zeros(pair.max() + 1, np.int64), np.zeros(prompt.max() + 1, np.int64)
    sides = deck.shown[places].copy()
    of_pair = np.zeros((pair.max() + 1, 2), np.int64)
    np.add.at(of_pair, pair, sides)
    left = np.ones(len(places), dtype=bool)  # not dealt yet
    dealt = []
    for _ in range(min(wanted, len(places))):
        here = np.flatnonzero(left)
        for need in (own_pair[pair], of_pair[pair].sum(axis=1), sides.sum(axis=1), own_prompt[prompt]):
            here = here[need[here] == need[here].min()]
        at = int(draw.choice(here))
        first, second = of_pair[pair[at]]
        a_left = bool(draw.integers(2)) if first == second else bool(first < second)
        dealt.append(Dealt(int(places[at]), a_left, 0, (0.5 if first == second else 1.0) / len(here)))
        left[at] = False
        own_pair[pair[at]] += 1
        own_prompt[prompt[at]] += 1
        sides[at, 0 if a_left else 1] += 1
        of_pair[pair[at], 0 if a_left else 1] += 1
    return dealt
