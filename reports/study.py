"""What a human study says, as tables and sentences, before any format.

The tables are made once, as grids, and every format draws those, so they cannot disagree. Votes of programs are named
as such in the title of every table: a table that is cut out of its page still says it.
"""

import dataclasses
import itertools
from typing import TYPE_CHECKING

from bench.stats import CONFIDENCE, Interval
from reports.grids import MISSING, Entry, Grid, counted, plus_minus, probability
from suites.preference.findings import Findings, LeftOut, Other, Outlook
from suites.preference.ranking import Place, Ranking
from suites.preference.rates import Rate

if TYPE_CHECKING:
    pass

SIMULATED = "simulated raters, no people"
LOW_ALPHA = 0.4  # below it, raters often choose differently: said beside the number
MODELS = {
    "davidson": "ties modelled (Davidson)",
    "half-ties": "a tie is half a win (Bradley-Terry)",
    "decisive": "ties left out (Bradley-Terry)",
    "rao-kupper": "ties under a threshold (Rao-Kupper)",
}
_READINGS = {
    "davidson": "ties modelled",
    "half-ties": "tie = half a win",
    "decisive": "ties left out",
    "rao-kupper": "ties by a threshold",
    "with the excluded raters": "with the excluded",
    "without the flagged raters": "without the flagged",
}
_ENDS = {"": "", "above": "no upper end", "below": "no lower end", "both": "no end"}


def study_grids(found: Findings) -> tuple[Grid, ...]:
    """A ranking for each criterion, wins of the first, its neighbours, what would change it, raters, metrics."""
    first = found.overall
    every = [_ranking(found, ranking) for ranking in found.rankings]
    every += [_wins(first), _neighbours(first), _sensitivity(found), _raters(found), _metrics(found)]
    label = f" ({SIMULATED})" if found.simulated else ""
    return tuple(dataclasses.replace(grid, title=grid.title + label) for grid in every if grid.rows)


def points(place: Place) -> str:
    """Elo points with half of their interval, and where they have no end.

    >>> from suites.preference.rates import Rate
    >>> rest = dict(tier=1, ranks=(1, 1), beats=(), first_share=None, both_bad=Rate(None, None, 0))
    >>> points(Place("a", 10, elo=1200.4, interval=Interval(1180.4, 1220.4), unbounded="above", **rest))
    '1200 ±20, no upper end'
    """
    if place.elo is None:
        return MISSING
    half = "" if place.interval is None else f" ±{(place.interval.high - place.interval.low) / 2:.0f}"
    end = _ENDS[place.unbounded]
    return f"{place.elo:.0f}{half}{f', {end}' if end else ''}"


def places_open(ranks: tuple[int, int]) -> str:
    """
    >>> places_open((1, 3)), places_open((2, 2))
    ('1–3', '2')
    """
    best, worst = ranks
    return str(best) if best == worst else f"{best}–{worst}"


def percent(rate: Rate) -> str:
    """
    >>> percent(Rate(0.125, Interval(0.1, 0.15), 400)), percent(Rate(None, None, 0))
    ('12 % ±2', '–')
    """
    if rate.mean is None:
        return MISSING
    half = "" if rate.interval is None else f" ±{50 * (rate.interval.high - rate.interval.low):.0f}"
    return f"{100 * rate.mean:.0f} %{half}"


def how_ranked(found: Findings, ranking: Ranking) -> list[str]:
    """Where the numbers come from, and what must be said beside them: sentences."""
    zero = "the mean of all is 1000" if ranking.anchor is None else f"{ranking.anchor} is 1000"
    side = ""
    if ranking.side is not None and ranking.side_interval is not None:
        half = (ranking.side_interval.high - ranking.side_interval.low) / 2
        side = f"; the left side is worth {ranking.side:+.0f} ±{half:.0f} points, taken out"
    said = [
        f"{counted(ranking.votes, 'vote')} of {counted(ranking.raters, 'rater')} on "
        f"{counted(ranking.prompts, 'prompt')}, {100 * ranking.ties:.0f} % ties: {MODELS[ranking.model]}{side}.",
    ]
    if ranking is found.overall:
        said.append(
            f"Elo: {zero}; 400 points are odds of 10 : 1. ± is half of a {CONFIDENCE:.0%} interval that knows that "
            "votes of one rater, and votes on one prompt, go together. Tiers, ranks and beats: tests of all pairs at "
            "once (Holm, 5 %)."
        )
    if found.weighted:
        said.append("Pairs were drawn actively: each vote counts by its inverse propensity.")
    alpha = ranking.agreement.alpha
    if alpha is not None:
        interval = ranking.agreement.interval
        ends = "" if interval is None else f" ({interval.low:.2f} to {interval.high:.2f})"
        low = ", low: raters often choose differently" if alpha < LOW_ALPHA else ""
        said.append(f"Agreement: Krippendorff's alpha {alpha:.2f}{ends} on {ranking.agreement.units} comparisons{low}.")
    return [*said, *ranking.warnings]


def _ranking(found: Findings, ranking: Ranking) -> Grid:
    shares = any(place.first_share is not None for place in ranking.places)
    bad = any(place.both_bad.mean for place in ranking.places)
    columns = ["system", "tier", "rank", "Elo", "beats", *(["first in"] if shares else [])]
    columns += [*(["both bad"] if bad else []), "votes"]
    rows = []
    for place in ranking.places:
        share = MISSING if place.first_share is None else f"{100 * place.first_share:.0f} %"
        texts = [place.system, str(place.tier), places_open(place.ranks), points(place), str(len(place.beats))]
        texts += [*([share] if shares else []), *([percent(place.both_bad)] if bad else []), f"{place.votes:,}"]
        rows.append(tuple(Entry(text, strong=place.tier == 1) for text in texts))
    notes = how_ranked(found, ranking)
    if shares and ranking is found.overall:
        notes.append("First in: of 1,000 panels of as many raters, drawn again from ours; prompts stay the same.")
    if ranking is found.overall:
        notes += beside(found)
    return Grid(f"{found.title}: {ranking.criterion}", tuple(columns), tuple(rows), notes=tuple(notes))


def beside(found: Findings) -> list[str]:
    """What is said once for the whole study."""
    said = [f"No ranking for {name}: {why}." for name, why in found.unranked]
    same, repeats = found.repeats
    if repeats:
        said.append(f"Mirrored repeats: {same} of {repeats} were answered as the first time.")
    if found.cannot_judge:
        said.append(f"{found.cannot_judge} answers were “cannot judge”; they count for nobody.")
    if found.outlook is not None:
        said.append(_outlook(found.outlook))
    excluded = sum(bool(one.excluded) for one in found.flagged)
    if excluded:
        said.append(f"{excluded} of {found.raters} raters are excluded by events of the ledger.")
    if found.head:
        said.append(f"Ledger: {found.head}.")
    return said


def _outlook(one: Outlook) -> str:
    return (
        f"More would bring: the interval of a difference is ±{one.now:.0f} points on average; twice the votes of these "
        f"raters would make it ±{one.votes_twice:.0f}, twice the raters ±{one.raters_twice:.0f}, twice the raters and "
        f"the prompts ±{one.raters_and_prompts_twice:.0f}. Design effect {one.design_effect:.1f}: so many of these "
        "votes tell as much as one independent vote."
    )


def _wins(ranking: Ranking) -> Grid:
    names = [place.system for place in ranking.places]
    counts = {(p.first, p.second): (p.wins, p.losses, p.ties) for p in ranking.pairs}
    counts |= {(p.second, p.first): (p.losses, p.wins, p.ties) for p in ranking.pairs}
    rows = tuple(
        (Entry(row), *(Entry("–".join(map(str, counts[row, column])) if row != column else "") for column in names))
        for row in names
    )
    notes = ("Votes won, lost and tied by the system of the row against that of the column.",)
    return Grid("Wins", ("system", *names), rows, notes=notes)


def _neighbours(ranking: Ranking) -> Grid:
    names = [place.system for place in ranking.places]
    rows = []
    for better, worse in itertools.pairwise(names):
        pair = ranking.pair(better, worse)
        shown = worse in next(place.beats for place in ranking.places if place.system == better)
        texts = (better, worse, plus_minus(pair.elo, pair.interval, signed=True), probability(pair.p))
        rows.append(tuple(Entry(text, strong=shown) for text in texts))
    notes = ("Bold: shown to differ. p is Holm's, for all pairs together.",)
    return Grid("Neighbours", ("system", "ahead of", "Elo points", "p (Holm)"), tuple(rows), left=2, notes=notes)


def _sensitivity(found: Findings) -> Grid:
    others = readings(found)
    values = [dict(other.elo) for other in others]
    rows = []
    for place in found.overall.places:
        cells = (
            Entry(f"{points[place.system]:.0f}", strong=place.system == other.elo[0][0])
            for points, other in zip(values, others, strict=True)
        )
        rows.append((Entry(place.system), *cells))
    notes = ("Elo points around their mean when the same votes are read in another way; bold: first.", *turns(found))
    columns = ("system", *(other.how for other in others))
    return Grid("What would change it?", columns, tuple(rows) if others else (), notes=notes)


def readings(found: Findings) -> list[Other]:
    """The ways to read the same votes, in few words."""
    panel = found.sensitivity
    return [Other(_READINGS.get(other.how, other.how), other.elo) for other in (*panel.models, *panel.raters)]


def turns(found: Findings) -> list[str]:
    """Sentences: what leaving out one rater, one prompt or a few votes does."""
    panel, said = found.sensitivity, []
    for what, left_out in (("rater", panel.rater), ("prompt", panel.prompt)):
        if left_out is not None:
            said.append(_left_out(what, left_out))
    if panel.flip is not None:
        votes = f"{panel.flip.votes} picked votes are" if panel.flip.votes > 1 else "one picked vote is"
        share = 100 * panel.flip.votes / found.overall.votes
        said.append(f"{panel.flip.rival} is level with the first when {votes} left out ({share:.2g} % of all).")
    else:
        said.append("No number of left-out votes was found that takes the first place away.")
    return said


def _left_out(what: str, one: LeftOut) -> str:
    turned = f"another system is first without {one.other_first} of {one.of}" if one.other_first else "the first stays"
    return f"Without any one {what}: at most {one.shift:.0f} points ({one.system}, without {one.name}); {turned}."


def _raters(found: Findings) -> Grid:
    rows = tuple(
        (Entry(one.name), Entry(one.excluded or "counts"), Entry("; ".join(one.reasons) or MISSING))
        for one in found.flagged
    )
    notes = (
        "Flagged by gold pairs, side and ties, never by taste. Flagged raters count until the ledger excludes them.",
    )
    return Grid("Raters to look at", ("rater", "excluded", "flagged"), rows, left=3, notes=notes)


def _metrics(found: Findings) -> Grid:
    rows = []
    for name, one in found.metrics:
        mean, interval = one.accuracy.mean, one.accuracy.interval
        scaled = None if interval is None else Interval(100 * interval.low, 100 * interval.high)
        texts = [name, plus_minus(None if mean is None else 100 * mean, scaled)]
        texts += [MISSING if r is None else f"{r:+.2f}" for r in (one.kendall, one.spearman)]
        rows.append(tuple(Entry(text) for text in (*texts, f"{one.accuracy.votes:,}", f"{one.unscored:,}")))
    columns = ("metric", "agrees with votes (%)", "Kendall τ", "Spearman ρ", "votes", "unscored")
    notes = (
        "Share of decisive votes that the metric's better clip won (50 is a coin), and whether its means order the "
        f"{len(found.overall.places)} systems as people do.",
    )
    return Grid("Do metrics see what people see?", columns, tuple(rows), notes=notes)
