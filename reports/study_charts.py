"""The charts of a study, as Vega-Lite specs: places with their intervals, who beat whom, "both bad", votes by day.

They draw what `suites.preference.findings` found out and compute no statistics. All systems have one colour: raters
did not know them by name either, and the order says what there is to say.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt

from bench.stats import CONFIDENCE
from reports.labels import shortened
from reports.look import FAINT, GRID, PAPER
from reports.marks import Extent, empty, finish, layer, padded, tooltip
from reports.study import places_open
from suites.preference.findings import Findings
from suites.preference.ranking import Place, Ranking

BLUE, ORANGE = "#0072b2", "#d55e00"
CELL_INK = "#18202b"  # on cells that keep their colours when the page is dark
_ROW = 26  # pixels a system
WIDEST_DAY = 36  # pixels


def forest(ranking: Ranking, extent: Extent) -> Any:
    """Elo points of every system with its interval, best first; filled dots are the first tier. Where the votes set no
    end, the line runs to the edge. Height follows the systems."""
    names = _labels(ranking)
    rows = [_row(place, names) for place in ranking.places if place.elo is not None]
    if not rows:
        return empty("Votes do not join the systems, so there is no common scale.", extent)
    ends = [v for r in rows for v in (r["elo"], r["low"], r["high"]) if v is not None]
    domain = padded([*ends, 1000.0])
    for row in rows:
        low, high = (row["elo"] if row[end] is None else row[end] for end in ("low", "high"))  # None: no interval
        row["from"] = domain[0] if row["unbounded"] in ("below", "both") else low
        row["to"] = domain[1] if row["unbounded"] in ("above", "both") else high
    zero = "mean of all" if ranking.anchor is None else ranking.anchor
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    x = alt.X("elo:Q", title=f"Elo points ({zero} = 1000)", scale=scale, axis=alt.Axis(tickCount=5, format="d"))
    y = _names(rows)
    ruled = [row for row in rows if row["from"] != row["to"]]
    layers = [
        layer([{"zero": 1000}]).mark_rule(color=FAINT, strokeDash=[2, 3]).encode(alt.X("zero:Q", scale=scale)),
        layer(ruled).mark_rule(strokeWidth=2, color=BLUE).encode(alt.X("from:Q", scale=scale), y, alt.X2("to:Q")),
        layer(rows)
        .mark_point(size=70, filled=True, opacity=1, strokeWidth=2, stroke=BLUE)
        .encode(x, y, alt.Fill("fill:N", scale=None), tooltip("system:N", "elo:Q", "low:Q", "high:Q", "ranks:N")),
        layer(rows)
        .mark_text(align="left", color=FAINT, fontSize=11)
        .encode(y, alt.Text("ranks:N"), x=alt.value(extent.width + 10)),
    ]
    said = ", ".join(f"{place.system} {place.elo:.0f}" for place in ranking.places if place.elo is not None)
    about = f"Elo points on {ranking.criterion} with {CONFIDENCE:.0%} intervals, best first: {said}."
    return finish(layers, Extent(extent.width, max(60, _ROW * len(rows))), about)


def both_bad(ranking: Ranking, extent: Extent) -> Any:
    """How often a pair with each system was called "both bad", in the order of the ranking."""
    names = _labels(ranking)
    rows = [
        {
            "system": names[place.system],
            "share": place.both_bad.mean,
            "low": max(0.0, place.both_bad.interval.low) if place.both_bad.interval else None,
            "high": min(1.0, place.both_bad.interval.high) if place.both_bad.interval else None,
        }
        for place in ranking.places
        if place.both_bad.mean is not None
    ]
    top = max([0.1, *(v for r in rows for v in (r["share"], r["high"]) if isinstance(v, float))])
    x = alt.X(
        "share:Q",
        title="Share of its votes that said “both bad”",
        scale=alt.Scale(domain=[0, min(1.0, 1.06 * top)], nice=False),
        axis=alt.Axis(tickCount=5, format="%"),
    )
    y = _names(rows)
    layers = [
        layer([row for row in rows if row["low"] is not None])
        .mark_rule(strokeWidth=2, color=ORANGE)
        .encode(alt.X("low:Q"), y, alt.X2("high:Q")),
        layer(rows)
        .mark_point(size=70, filled=True, opacity=1, color=ORANGE)
        .encode(x, y, tooltip("system:N", "share:Q", "low:Q", "high:Q")),
    ]
    said = ", ".join(f"{row['system']} {row['share']:.0%}" for row in rows)
    return finish(layers, Extent(extent.width, max(60, _ROW * len(rows))), f"Both bad, share of votes: {said}.")


def wins(ranking: Ranking, cell: int) -> Any:
    """Who beat whom: in each row the share of decisive votes that its system won against that of the column. Cells are
    `cell` pixels wide. Framed: shown to be better."""
    places = ranking.places
    beats = {(place.system, other) for place in places for other in place.beats}
    labels = _labels(ranking)
    rows: list[dict[str, Any]] = []
    for pair in ranking.pairs:
        decisive = pair.wins + pair.losses
        for row, column, won in ((pair.first, pair.second, pair.wins), (pair.second, pair.first, pair.losses)):
            share = won / decisive if decisive else None
            rows.append(
                {
                    "row": labels[row],
                    "column": labels[column],
                    "share": share,
                    "text": "–" if share is None else f"{100 * share:.0f}",
                    "won": won,
                    "lost": decisive - won,
                    "tied": pair.ties,
                    "shown": (row, column) in beats,
                }
            )
    names = [labels[place.system] for place in places]
    x = alt.X(
        "column:N",
        sort=None,
        title=None,
        scale=alt.Scale(domain=names),
        axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=150, grid=False, labelAlign="left"),
    )
    y = alt.Y("row:N", sort=None, title=None, scale=alt.Scale(domain=names), axis=alt.Axis(labelLimit=170, grid=False))
    fill = alt.Fill(
        "share:Q",
        scale=alt.Scale(domain=[0, 0.5, 1], range=["#f2b48a", "#f4f5f7", "#8fc1e3"], interpolate="rgb"),
        legend=None,
    )
    cells = layer(rows)
    framed = layer([row for row in rows if row["shown"]])
    layers = [
        cells.mark_rect(stroke=PAPER, strokeWidth=2).encode(
            x, y, fill, tooltip("row:N", "column:N", "won:Q", "lost:Q", "tied:Q")
        ),
        framed.mark_rect(filled=False, stroke=BLUE, strokeWidth=1.6).encode(x, y),
        cells.mark_text(fontSize=11, color=CELL_INK).encode(x, y, alt.Text("text:N")),
    ]
    said = "; ".join(f"{p.first} against {p.second} {p.wins} to {p.losses}, {p.ties} ties" for p in ranking.pairs)
    size = len(names)
    return finish(layers, Extent(cell * size, _ROW * size), f"Votes won, row against column: {said}.")


def votes_by_day(found: Findings, extent: Extent) -> Any:
    """Votes that came each day (UTC), with the empty days between."""
    if not found.daily:
        return empty("When the votes came is not known.", extent)
    rows = _days(found.daily)
    x = alt.X(
        "day:O", title="Day (UTC)", axis=alt.Axis(labelAngle=0, labelOverlap="greedy", grid=False, values=_ticks(rows))
    )
    y = alt.Y("votes:Q", title="Votes", axis=alt.Axis(tickCount=4, format="d"))
    wide = min(WIDEST_DAY, 0.9 * extent.width / len(rows))
    bars = layer(rows).mark_bar(color=BLUE, cornerRadiusEnd=2, size=wide).encode(x, y, tooltip("day:N", "votes:Q"))
    total = sum(row["votes"] for row in rows)
    about = f"{total} votes from {rows[0]['day']} to {rows[-1]['day']}, at most {max(r['votes'] for r in rows)} a day."
    return finish([bars], extent, about)


def _row(place: Place, names: Mapping[str, str]) -> dict[str, Any]:
    low, high = place.interval or (None, None)
    return {
        "system": names[place.system],
        "elo": place.elo,
        "low": low,
        "high": high,
        "unbounded": place.unbounded,
        "fill": BLUE if place.tier == 1 else PAPER,
        "ranks": f"rank {places_open(place.ranks)}",
    }


def _labels(ranking: Ranking) -> dict[str, str]:
    """Names as charts write them: shortened, unless two would then be one row."""
    short = {place.system: shortened(place.system) for place in ranking.places}
    seen = Counter(short.values())
    return {system: name if seen[name] == 1 else system for system, name in short.items()}


def _names(rows: Sequence[Mapping[str, Any]]) -> alt.Y:
    """The systems in the order of the rows, whichever of them a layer draws."""
    order = alt.Scale(domain=[row["system"] for row in rows])
    axis = alt.Axis(labelLimit=190, labelPadding=10, grid=True, gridColor=GRID)
    return alt.Y("system:N", sort=None, title=None, scale=order, axis=axis)


def _days(daily: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    known = dict(daily)
    first, last = min(known), max(known)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        {"day": f"{start + timedelta(days=day):%d %b %Y}", "votes": known.get(day, 0)} for day in range(first, last + 1)
    ]


def _ticks(rows: Sequence[dict[str, Any]], most: int = 5) -> list[str]:
    """Few enough days to write below the axis, the first one among them."""
    step = -(-len(rows) // most)
    return [row["day"] for row in rows[::step]]
