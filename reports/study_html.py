"""A study as one HTML file that needs nothing else, and as a section for other pages.

The same rules as for a run's report: no script, nothing loaded, every string escaped by the template engine, charts as
text inside the file.
"""

import itertools
from pathlib import Path
from typing import Any

from reports import study_charts as charts
from reports.grids import MISSING, plus_minus, probability
from reports.marks import Extent
from reports.page import Named
from reports.study import LOW_ALPHA, beside, how_ranked, percent, places_open, points, readings, study_grids, turns
from reports.svg import drawn
from reports.template import rendered
from suites.preference.findings import Findings
from suites.preference.ranking import Ranking

WIDE, NARROW, PANEL = Extent(560, 0), Extent(150, 0), Extent(190, 0)  # the insides of plots, in pixels
_MATRIX_PX = 800  # its width at most
_FULL_MATRIX = 24  # systems; past that cells are too small to read, and the table of the command line has them


def write_study(found: Findings, path: Path) -> Path:
    """Write the page of a study, and return where. Raises OSError where the file cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(found), encoding="utf-8")
    return path


def page(found: Findings) -> str:
    """The page of a study as text."""
    return rendered("study.html", ("report.css", "study.css"), {"voted": section(found)})


def section(found: Findings, prefix: str = "study") -> dict[str, Any]:
    """What `study_section.html` shows, as data and drawn charts. `prefix` starts the identifiers: another one for every
    study of a page."""
    first = found.overall
    metrics = next((grid for grid in study_grids(found) if grid.title.startswith("Do metrics")), None)
    return {
        "prefix": prefix,
        "study": found,
        "headline": headline(found),
        "facts": facts(found),
        "rankings": [_told(found, ranking, f"{prefix}-{at}") for at, ranking in enumerate(found.rankings)],
        "beside": beside(found),
        "wins": drawn(charts.wins(first, min(52, _MATRIX_PX // len(first.places))), f"{prefix}-wins")
        if len(first.places) <= _FULL_MATRIX
        else None,
        "both_bad": drawn(charts.both_bad(first, Extent(300, 0)), f"{prefix}-bad"),
        "daily": drawn(charts.votes_by_day(found, Extent(330, 150)), f"{prefix}-daily") if found.daily else None,
        "readings": [(other.how, dict(other.elo), other.elo[0][0]) for other in readings(found)],
        "turns": turns(found),
        "neighbours": _neighbours(first),
        "metrics": metrics,
        "low_alpha": LOW_ALPHA,
    }


def headline(found: Findings) -> str:
    """What the votes say, in a sentence that claims no more than the tests. Votes of programs say nothing."""
    if found.simulated:
        return "Dry run: simulated votes, no people"
    ranking = found.overall
    if any(place.elo is None for place in ranking.places):
        return f"The votes do not join all {len(ranking.places)} systems: there is no common ranking yet"
    top = [place for place in ranking.places if place.tier == 1]
    best, others = ranking.places[0], len(ranking.places) - 1
    if len(top) == len(ranking.places):
        return f"These {ranking.votes:,} votes do not tell the {len(top)} systems apart"
    if len(top) == 1:
        every = "the other system" if others == 1 else f"all {others} others"
        return f"People prefer {best.system} to {every if len(best.beats) == others else 'most others'}"
    rest = [place.system for place in top if place is not best]
    if len(rest) == 1:
        return f"{best.system} comes first; {rest[0]} is not shown to be worse"
    listed = f"{', '.join(rest[:-1])} and {rest[-1]}" if len(rest) < 4 else f"{len(rest)} others"
    return f"{best.system} comes first; {listed} are not shown to be worse"


def facts(found: Findings) -> list[Named]:
    """The study in a few numbers."""
    first = found.overall
    said = [
        Named("votes", f"{first.votes:,}"),
        Named("raters", str(first.raters)),
        Named("prompts", str(first.prompts)),
        Named("systems", str(len(first.places))),
        Named("ties", f"{100 * first.ties:.0f} %"),
    ]
    if found.repeats[1]:
        said.append(Named("repeats answered alike", f"{100 * found.repeats[0] / found.repeats[1]:.0f} %"))
    return said


def _told(found: Findings, ranking: Ranking, prefix: str) -> dict[str, Any]:
    """One ranking: its chart in two sizes, its rows, its sentences."""
    rows = [
        {
            "system": place.system,
            "tier": place.tier,
            "rank": places_open(place.ranks),
            "elo": points(place),
            "beats": len(place.beats),
            "first": MISSING if place.first_share is None else f"{100 * place.first_share:.0f} %",
            "bad": percent(place.both_bad),
            "votes": f"{place.votes:,}",
        }
        for place in ranking.places
    ]
    sizes = (("wide", WIDE), ("narrow", NARROW))
    return {
        "criterion": ranking.criterion,
        "forest": [drawn(charts.forest(ranking, extent), f"{prefix}-forest-{name}") for name, extent in sizes],
        "panel": drawn(charts.forest(ranking, PANEL), f"{prefix}-forest-panel"),
        "rows": rows,
        "notes": how_ranked(found, ranking)[: -len(ranking.warnings) or None],
        "warnings": ranking.warnings,
        "agreement": ranking.agreement,
    }


def _neighbours(ranking: Ranking) -> list[tuple[str, str, str, str, bool]]:
    names = [place.system for place in ranking.places]
    beats = {place.system: place.beats for place in ranking.places}
    found = []
    for better, worse in itertools.pairwise(names):
        pair = ranking.pair(better, worse)
        gap = plus_minus(pair.elo, pair.interval, signed=True)
        found.append((better, worse, gap, probability(pair.p), worse in beats[better]))
    return found
