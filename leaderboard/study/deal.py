"""Which pairs a new rater sees: what the study has least of, or what tells most, at that moment.

A plan made before anybody came is unbalanced as soon as somebody leaves half-way. So a session is dealt when a rater
consents, against counts of what was voted and what is out with raters still at it. `balanced` (the default) takes what
the study has least of: pairs of systems first, then prompts, then sides. `active` draws pairs of systems by what a vote
on them would tell (`suites.preference.scheduling`), at least 30 % evenly, and of a pair's prompts the one shown least.
Every draw's propensity is written down: without it votes on pairs that were chosen actively cannot be ranked honestly.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from leaderboard.study.config import StudyConfig
from suites.preference.scheduling import chances
from suites.preference.scheduling import draw as draw_pair


class Dealt(NamedTuple):
    """One pair for one rater: item a on the left, or b.

    `propensity`, how likely the draw was: when dealt evenly, that of just this comparison on these sides among those
    that were least shown; when dealt actively, that of these two systems in this order among all that were left (what
    `scheduling.weights` takes). 1 for checks.
    """

    comparison: int  # its place in the Deck
    a_left: bool
    repeat_ix: int
    propensity: float


@dataclass(frozen=True)
class Deck:
    """All comparisons of a study. `systems`: of item a and item b, counted from 0; `pair` numbers pairs of systems;
    `shown` counts (a left, b left) so far. `votes` so far on real pairs, as `suites.preference.votes.count` has them:
    only where pairs are chosen by them."""

    ids: Int64[np.ndarray, " comparison"]
    kind: tuple[str, ...]
    systems: Int64[np.ndarray, "comparison 2"]
    pair: Int64[np.ndarray, " comparison"]
    prompt: Int64[np.ndarray, " comparison"]
    shown: Int64[np.ndarray, "comparison 2"]
    votes: Float64[np.ndarray, "system system 3"] | None = None

    def places(self, kind: str) -> Int64[np.ndarray, " place"]:
        """Where in the deck the comparisons of this kind are."""
        return np.array([place for place, own in enumerate(self.kind) if own == kind], dtype=np.int64)


def session(deck: Deck, config: StudyConfig, draw: np.random.Generator) -> list[Dealt]:
    """A rater's pairs in order: a practice pair, then real pairs with gold, traps and mirrored repeats among them."""
    real = (_active if config.scheduler == "active" else _balanced)(deck, config.per_rater, draw)
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


def _active(deck: Deck, wanted: int, draw: np.random.Generator) -> list[Dealt]:
    """Real comparisons, none twice: systems and sides by `chances`, then the prompt this rater saw least."""
    if deck.votes is None:
        raise ValueError("active pairs need the votes so far")
    places = deck.places("real")
    systems, prompt, shown = deck.systems[places], deck.prompt[places], deck.shown[places].sum(axis=1)
    own_prompt = np.zeros(prompt.max() + 1, np.int64)
    left = np.ones(len(places), dtype=bool)  # not dealt yet
    allowed = _met(systems, len(deck.votes))
    chance = chances(deck.votes, allowed)
    dealt = []
    for _ in range(min(wanted, len(places))):
        drawn = draw_pair(chance, draw)
        here = np.flatnonzero(left & (np.sort(systems) == sorted(drawn[:2])).all(axis=1))
        for need in (own_prompt[prompt], shown):
            here = here[need[here] == need[here].min()]
        at = int(draw.choice(here))
        dealt.append(Dealt(int(places[at]), bool(systems[at, 0] == drawn.left), 0, drawn.propensity))
        left[at] = False
        own_prompt[prompt[at]] += 1
        now = _met(systems[left], len(deck.votes))
        if now.any() and (now != allowed).any():  # no prompt of this pair is left: the others take its share
            allowed, chance = now, chances(deck.votes, now)
    return dealt


def _met(systems: Int64[np.ndarray, "comparison 2"], count: int) -> Bool[np.ndarray, "system system"]:
    """Which systems these comparisons show together, in either order."""
    found = np.zeros((count, count), dtype=bool)
    found[systems[:, 0], systems[:, 1]] = found[systems[:, 1], systems[:, 0]] = True
    return found
