"""One ranking, whole: places, intervals, tiers, and everything that must be said beside them.

Plain frozen data without arrays, so that the terminal, the page, the board and JSON all tell the same. Numbers are Elo
points; None means that there is no such number, never 0.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.stats import Interval, holm
from suites.preference.agreement import Agreement, agreement
from suites.preference.bootstrap import bootstrap, first_share
from suites.preference.elo import CENTRE, POINTS_PER_LOGIT, elo
from suites.preference.fit import Fit, fit
from suites.preference.intervals import Contrasts, contrasts
from suites.preference.models import DAVIDSON, TieModel
from suites.preference.rates import Rate, both_bad
from suites.preference.tiers import standings
from suites.preference.votes import Outcome, Votes, count, ranked

Unbounded = Literal["", "above", "below", "both"]


@dataclass(frozen=True)
class Place:
    """One system. `interval` is about its distance from the mean of all, or from the anchor (which has none).

    `ranks`: the places that the tests leave open. `beats`: those shown to be worse. `first_share`: of 1,000 panels of
    raters drawn again, in how many it is first. `unbounded`: its votes have no end on this side ("above", "below" or
    "both"), so `elo` says where a weak prior stopped it. `both_bad`: how often a pair with it was called so.
    """

    system: str
    votes: int
    elo: float | None
    interval: Interval | None
    tier: int
    ranks: tuple[int, int]
    beats: tuple[str, ...]
    first_share: float | None
    unbounded: Unbounded
    both_bad: Rate


@dataclass(frozen=True)
class Pair:
    """`first` against `second`, in the order of the ranking. `elo` is how far `first` is ahead, `p` Holm-adjusted over
    all pairs. `wins`, `losses` and `ties` (both bad among them) are counts of votes."""

    first: str
    second: str
    elo: float | None
    interval: Interval | None
    p: float | None
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True)
class Ranking:
    """`places` best first. `side` is the advantage of the left in Elo points. `ties`: their share of the votes."""

    criterion: str
    model: str
    anchor: str | None
    votes: int
    raters: int
    prompts: int
    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]
    ties: float
    side: float | None
    side_interval: Interval | None
    agreement: Agreement
    warnings: tuple[str, ...]

    def pair(self, first: str, second: str) -> Pair:
        """The comparison of two systems, as it stands in `pairs`."""
        return next(pair for pair in self.pairs if {pair.first, pair.second} == {first, second})


def rank(votes: Votes, model: TieModel = DAVIDSON, anchor: str | None = None, seed: int = 0) -> Ranking:
    """The ranking that `votes` (on one criterion) give. `anchor`: the system at 1000 points; None: the mean.

    Raises `ValueError` when no vote has a winner, for votes on several criteria, and for an anchor that is no system.

    >>> from suites.preference.votes import Vote, gather
    >>> votes = gather(
    ...     Vote(*sides, "left" if (sides == "ab") ^ (rater % 5 == 0) else "right", f"r{rater}", f"p{prompt}")
    ...     for rater in range(30) for prompt in range(12) for sides in ("ab", "ba")
    ... )
    >>> found = rank(votes)
    >>> [(place.system, round(place.elo), place.tier, place.ranks) for place in found.places]
    [('a', 1120, 1, (1, 1)), ('b', 880, 2, (2, 2))]
    """
    used = ranked(votes)
    counts = count(votes)
    fitted = fit(counts, model)
    at = None if anchor is None else votes.systems.index(anchor)
    found = contrasts(votes, fitted)
    order = np.argsort(-fitted.strengths, kind="stable").tolist()
    return Ranking(
        criterion=votes.criteria[int(votes.criterion[0])],
        model=model.name,
        anchor=anchor,
        votes=len(used),
        raters=found.raters,
        prompts=found.prompts,
        places=_places(votes, fitted, found, at, seed),
        pairs=_pairs(votes, found, order),
        ties=float((used.outcome == Outcome.TIE).mean()),
        side=None if fitted.side is None else fitted.side * POINTS_PER_LOGIT,
        side_interval=_interval(fitted.side, found.side_half_width, 0.0),
        agreement=agreement(votes, seed=seed),
        warnings=tuple(_warnings(votes, fitted, found)),
    )


def _places(votes: Votes, fitted: Fit, found: Contrasts, anchor: int | None, seed: int) -> tuple[Place, ...]:
    shares: list[float | None] = [None] * len(votes.systems)
    if fitted.connection.sound and found.raters > 1:
        shares = list(first_share(bootstrap(votes, fitted, seed=seed)).tolist())
    used = ranked(votes)
    shown = np.bincount(np.concatenate([used.left, used.right]), minlength=len(votes.systems)).tolist()
    joined = len(fitted.connection.components) == 1
    points = elo(fitted.strengths, anchor)
    bad = both_bad(votes)
    above, below = fitted.connection.unbounded_above, fitted.connection.unbounded_below
    places = []
    for standing in standings(found):
        at = standing.system
        from_zero, half = found.from_mean[at], found.from_mean_half_width[at]
        if anchor is not None:
            from_zero, half = found.difference[at, anchor], found.half_width[at, anchor]
        ends: list[Unbounded] = ["", "above", "below", "both"]
        places.append(
            Place(
                system=votes.systems[at],
                votes=shown[at],
                elo=float(points[at]) if joined else None,
                interval=None if at == anchor else _interval(float(from_zero), float(half), CENTRE),
                tier=standing.tier,
                ranks=standing.ranks,
                beats=tuple(votes.systems[other] for other in standing.beats),
                first_share=shares[at],
                unbounded=ends[(at in above) + 2 * (at in below)],
                both_bad=bad[at],
            )
        )
    return tuple(sorted(places, key=lambda place: -float(fitted.strengths[votes.systems.index(place.system)])))


def _pairs(votes: Votes, found: Contrasts, order: list[int]) -> tuple[Pair, ...]:
    counts = count(replace(votes, weight=None))
    upper = np.triu_indices(len(order), k=1)
    adjusted = np.full_like(found.p, np.nan)
    adjusted[upper] = adjusted[upper[::-1]] = holm(found.p[upper])
    pairs = []
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            wins, losses = (int(counts[a, b, 0] + counts[b, a, 1]) for a, b in ((i, j), (j, i)))
            pairs.append(
                Pair(
                    first=votes.systems[i],
                    second=votes.systems[j],
                    elo=_number(found.difference[i, j] * POINTS_PER_LOGIT),
                    interval=_interval(float(found.difference[i, j]), float(found.half_width[i, j]), 0.0),
                    p=_number(adjusted[i, j]),
                    wins=wins,
                    losses=losses,
                    ties=int(counts[i, j, 2] + counts[j, i, 2]),
                )
            )
    return tuple(pairs)


def _warnings(votes: Votes, fitted: Fit, found: Contrasts) -> list[str]:
    """What a reader must know before believing a number."""
    names, joints = votes.systems, fitted.connection
    said = []
    if len(joints.components) > 1:
        groups = "; ".join(", ".join(names[at] for at in group) for group in joints.components)
        said.append(f"No votes join these groups, so nothing is known across them: {groups}.")
    for where, group in (("above", joints.unbounded_above), ("below", joints.unbounded_below)):
        if group:
            who = ", ".join(names[at] for at in group)
            said.append(
                f"No finite strength: the votes set no limit {where} for {who}. A weak prior (sd 4 logits) stands in."
            )
    if joints.separated and not joints.unbounded_above and not joints.unbounded_below:
        said.append("No finite strengths: sides or ties go with single pairs. A weak prior (sd 4 logits) stands in.")
    if joints.side_confounded:
        said.append("Pairs were shown in one order only: an advantage of a side cannot be told from quality.")
    if min(found.raters, found.prompts) < 2:
        short = "rater" if found.raters < 2 else "prompt"
        said.append(f"One {short}: there are no intervals and no tests, and nothing here speaks for others.")
    elif found.few_clusters:
        said.append(
            f"Only {found.raters} raters and {found.prompts} prompts: below 12 of either, intervals are too hopeful."
        )
    return said


def _interval(value: float | None, half: float, zero: float) -> Interval | None:
    """From logits around 0 to Elo points around `zero`."""
    if value is None or math.isnan(value) or math.isnan(half):
        return None
    return Interval(zero + (value - half) * POINTS_PER_LOGIT, zero + (value + half) * POINTS_PER_LOGIT)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
