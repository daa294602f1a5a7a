"""All that a study says, in one call: a ranking for each criterion, the raters' quality, and how little would turn it.

The ranking that counts leaves out whoever the ledger excludes, and nobody else. What excluding does is shown beside it:
the same votes with everybody, and without those whom the screening rule flags. Votes of programs are refused unless
they are asked for, and then the result says so itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from bench.errors import UsageError, did_you_mean
from suites.preference.elo import POINTS_PER_LOGIT, elo
from suites.preference.fit import fit
from suites.preference.metric_agreement import MetricAgreement, metric_agreement
from suites.preference.models import DAVIDSON, MODELS, TieModel
from suites.preference.pilot import components
from suites.preference.ranking import Ranking, rank
from suites.preference.record import OVERALL, Record, repeated
from suites.preference.scheduling import weights
from suites.preference.screening import Screening, screen
from suites.preference.sensitivity import by_model, votes_to_flip, without_each
from suites.preference.votes import Outcome, Votes, count, ranked

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Other:
    """The Elo points of every system, best first, when the same votes are read in another way."""

    how: str
    elo: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class LeftOut:
    """What leaving out one rater, or one prompt, does at most: `shift` Elo points, to `system`, by leaving out `name`.
    `other_first`: without how many of them another system is first. `of`: how many were tried."""

    shift: float
    system: str
    name: str
    other_first: int
    of: int


@dataclass(frozen=True)
class Flipped:
    """Without `votes` votes, picked for that, `rival` is first."""

    rival: str
    votes: int


@dataclass(frozen=True)
class Sensitivity:
    """How little would change the ranking. `models`: ties modelled, halved, dropped, under a threshold. `raters`:
    everybody, and nobody flagged; those that differ. None: there was nothing to leave out, or no number was found."""

    models: tuple[Other, ...]
    raters: tuple[Other, ...]
    rater: LeftOut | None
    prompt: LeftOut | None
    flip: Flipped | None


@dataclass(frozen=True)
class Outlook:
    """Half of the interval of a difference, in Elo points, the mean over all pairs: `now`, and what it would be after
    twice the votes of these raters on these prompts, twice the raters, or twice the prompts too (each rater votes as
    often as now). `design_effect`: how many votes of ours tell as much as one independent vote."""

    now: float
    votes_twice: float
    raters_twice: float
    raters_and_prompts_twice: float
    design_effect: float


@dataclass(frozen=True)
class Rater:
    """A rater whom the screening rule flags (`reasons`), or whom the ledger excludes (`excluded`: why)."""

    name: str
    reasons: tuple[str, ...]
    excluded: str


class Scored(NamedTuple):
    """Scores of a metric for the clips of a study; NaN: none."""

    values: Float64[np.ndarray, "system prompt"]
    higher_is_better: bool


@dataclass(frozen=True)
class Findings:
    """`rankings`: "overall" first, then those criteria that can be ranked. `unranked`: criterion -> why not.

    `outlook`: what more votes would bring; None where a pilot tells nothing. `flagged`: raters to look at, of `raters`
    in all. `repeats`: mirrored repeats answered alike, and all. `daily`: day (1970-01-01 is 0) and its votes, where
    times are known. `metrics`: what each metric agrees with. `simulated`: no people voted here. `weighted`: votes count
    by their propensity.
    """

    title: str
    head: str
    simulated: bool
    weighted: bool
    rankings: tuple[Ranking, ...]
    unranked: tuple[tuple[str, str], ...]
    raters: int
    flagged: tuple[Rater, ...]
    repeats: tuple[int, int]
    cannot_judge: int
    daily: tuple[tuple[int, int], ...]
    sensitivity: Sensitivity
    outlook: Outlook | None
    metrics: tuple[tuple[str, MetricAgreement], ...]

    @property
    def overall(self) -> Ranking:
        return self.rankings[0]


@dataclass(frozen=True)
class Reading:
    """How to read the votes. `model`: a name of `MODELS`. `anchor`: the system at 1000 points. `simulated`: rank
    votes of programs too."""

    model: str = DAVIDSON.name
    anchor: str | None = None
    simulated: bool = False
    seed: int = 0


def findings(found: Record, how: Reading | None = None, scores: Mapping[str, Scored] | None = None) -> Findings:
    """Rank a study. Raises `UsageError` for simulated votes that were not asked for, for votes that rank nothing, and
    for a model, an anchor or weights that do not exist.

    >>> from suites.preference.record import record
    >>> from suites.preference.votes import Vote, gather
    >>> said = [("ab", "left"), ("ba", "right"), ("ab", "left"), ("ba", "right"), ("ab", "right"), ("ba", "left")]
    >>> votes = gather(Vote(*pair, outcome, f"r{at}", "p") for at, (pair, outcome) in enumerate(said * 4))
    >>> told = findings(record("pilot", votes))
    >>> told.overall.places[0].system, told.sensitivity.flip
    ('a', Flipped(rival='b', votes=6))
    """
    how = how or Reading()
    model = _checked(found, how)
    found = weighed(found)
    votes = found.without(set(found.excluded))
    asked = [name for name in votes.criteria if (votes.criterion == votes.criteria.index(name)).any()]
    rankings, unranked = [], []
    for criterion in sorted(asked, key=lambda name: name != OVERALL):
        try:
            rankings.append(rank(votes.on(criterion), model, how.anchor, how.seed))
        except ValueError as why:
            unranked.append((criterion, str(why)))
    if not rankings or (rankings[0].criterion != OVERALL and OVERALL in asked):
        reason = dict(unranked).get(OVERALL, "there are no votes")
        raise UsageError(f"{found.title} cannot be ranked: {reason}.", "Wait for more votes.")
    first = votes.on(rankings[0].criterion)
    flagged, screened = _flagged(found)
    daily = np.unique(found.at_s[_mask(found, rankings[0].criterion)] // SECONDS_A_DAY, return_counts=True)
    strengths = fit(count(first), model).strengths
    return Findings(
        title=found.title,
        head=found.head,
        simulated=found.simulated,
        weighted=votes.weight is not None,
        rankings=tuple(rankings),
        unranked=tuple(unranked),
        raters=len(np.unique(found.votes.rater)),
        flagged=flagged,
        repeats=repeated(found),
        cannot_judge=int((first.outcome == Outcome.CANNOT_JUDGE).sum()),
        daily=tuple((int(day), int(n)) for day, n in zip(*daily, strict=True) if day == day),
        sensitivity=_sensitivity(found, first, model, screened),
        outlook=_outlook(first, model),
        metrics=tuple(
            (name, metric_agreement(first, strengths, one.values, one.higher_is_better))
            for name, one in (scores or {}).items()
        ),
    )


def _checked(found: Record, how: Reading) -> TieModel:
    if found.simulated and not how.simulated:
        raise UsageError(
            f"{found.title} holds votes of simulated raters, which say nothing about people.",
            "Add --simulated to rank them as what they are: every table and page will say so.",
        )
    if how.model not in MODELS:
        raise UsageError(f"There is no model {how.model!r}.", did_you_mean(how.model, MODELS))
    if how.anchor is not None and how.anchor not in found.votes.systems:
        raise UsageError(f"The anchor {how.anchor!r} is no system here.", did_you_mean(how.anchor, found.votes.systems))
    return MODELS[how.model]


def weighed(found: Record) -> Record:
    """With votes that count by inverse propensity, where pairs were drawn actively; the others were drawn evenly."""
    known = ~np.isnan(found.propensity)
    if not known.any():
        return found
    weight = np.ones(len(found.votes))
    weight[known] = weights(found.propensity[known], len(found.votes.systems))
    return replace(found, votes=replace(found.votes, weight=weight))


def _mask(found: Record, criterion: str) -> np.ndarray:
    return np.asarray(found.votes.criterion == found.votes.criteria.index(criterion))


def _flagged(found: Record) -> tuple[tuple[Rater, ...], list[Screening]]:
    overall = found.votes.on(OVERALL) if OVERALL in found.votes.criteria else found.votes
    screened = screen(overall, found.check_rater, found.check_right)
    raters = [Rater(one.rater, one.reasons, found.excluded.get(one.rater, "")) for one in screened]
    return tuple(one for one in raters if one.reasons or one.name in found.excluded), screened


def _sensitivity(found: Record, votes: Votes, model: TieModel, screened: list[Screening]) -> Sensitivity:
    """Of `votes`: those that count, on one criterion."""
    fitted = fit(count(votes), model)
    criterion = votes.criteria[int(votes.criterion[0])]
    others = {}
    if found.excluded:
        others["with the excluded raters"] = found.votes.on(criterion)
    flagged = {one.rater for one in screened if one.reasons} - set(found.excluded)
    if flagged:
        others["without the flagged raters"] = found.without(flagged | set(found.excluded)).on(criterion)
    raters = []
    for how, other in others.items():
        counts = count(other)
        if counts[..., :2].any():
            raters.append(Other(how, _ordered(votes, fit(counts, model).strengths)))
    plain = replace(votes, weight=None)  # a vote that is dropped is one vote, whatever it counts
    flip = votes_to_flip(plain, fit(count(plain), model))
    decisive = (count(votes)[..., :2] > 0).any()
    models = by_model(votes) if decisive else {}
    return Sensitivity(
        models=tuple(Other(name, _ordered(votes, one.strengths)) for name, one in models.items()),
        raters=tuple(raters),
        rater=_left_out(without_each(votes, fitted, "rater"), fitted.strengths, votes.raters, votes),
        prompt=_left_out(without_each(votes, fitted, "prompt"), fitted.strengths, votes.prompts, votes),
        flip=None if flip is None else Flipped(votes.systems[flip.rival], flip.votes),
    )


def _outlook(votes: Votes, model: TieModel) -> Outlook | None:
    try:
        parts = components(votes, fit(count(votes), model))
    except ValueError:
        return None
    used = ranked(votes)
    n, raters, prompts = len(used), len(np.unique(used.rater)), len(np.unique(used.prompt))
    return Outlook(
        now=parts.half_width(n, raters, prompts),
        votes_twice=parts.half_width(2 * n, raters, prompts),
        raters_twice=parts.half_width(2 * n, 2 * raters, prompts),
        raters_and_prompts_twice=parts.half_width(2 * n, 2 * raters, 2 * prompts),
        design_effect=parts.design_effect(n, raters, prompts),
    )


def _ordered(votes: Votes, strengths: Float64[np.ndarray, " system"]) -> tuple[tuple[str, float], ...]:
    points = elo(strengths)
    return tuple((votes.systems[at], float(points[at])) for at in np.argsort(-points, kind="stable").tolist())


def _left_out(
    without: Float64[np.ndarray, "cluster system"], strengths: np.ndarray, names: tuple[str, ...], votes: Votes
) -> LeftOut | None:
    present = np.unique(votes.rater if names is votes.raters else votes.prompt)
    tried = present[~np.isnan(without[present]).any(axis=1)]
    if len(present) < 2 or not len(tried):
        return None
    shifts = np.abs(without[tried] - strengths)
    worst, system = np.unravel_index(int(shifts.argmax()), shifts.shape)
    return LeftOut(
        shift=float(shifts.max()) * POINTS_PER_LOGIT,
        system=votes.systems[int(system)],
        name=names[int(tried[int(worst)])],
        other_first=int((without[tried].argmax(axis=1) != strengths.argmax()).sum()),
        of=len(tried),
    )
