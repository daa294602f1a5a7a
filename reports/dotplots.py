"""Charts of dots with intervals, as Vega-Lite specs: every system's mean, and some systems' means slice by slice.

A dot with its interval on a common scale is what people read most exactly (Cleveland & McGill, 1984); bars would start
at a zero that means nothing in decibels.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import altair as alt

from reports.comparison import Comparison, MetricInfo, Slice
from reports.glossary import metric_title
from reports.look import FAINT, GRID, PAPER, Look
from reports.marks import Extent, colour, empty, finish, layer, padded, score_title, shape, tooltip

SLICES = 10  # bands of a chart of slices
FEWEST = 3  # videos of a slice that gets an interval
_TOP, _STEP = 9, 8  # pixels: above the first line of a band, and from line to line


def dots(comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look], extent: Extent) -> Any:
    """The mean of every system with its interval, best first. Filled dots: the top tie group."""
    rows: list[dict[str, Any]] = []
    for system in comparison.systems:
        cell, look = comparison.cell(system.name, metric.name), looks[system.name]
        if cell.mean is not None:
            low, high = cell.interval or (None, None)
            fill = look.colour if cell.top else PAPER
            rows.append(
                {"system": system.name, "y": cell.mean, "low": low, "high": high, "colour": look.colour, "fill": fill}
            )
    if not rows:
        return empty(f"Nothing has a score on {metric_title(metric.name)}.", extent)
    rows.sort(key=lambda row: -(metric.sign or 1) * row["y"])
    ends = [v for r in rows for v in (r["y"], r["low"], r["high"]) if v is not None]
    x = alt.X(
        "y:Q", title=score_title(metric), scale=alt.Scale(domain=padded(ends), nice=False), axis=alt.Axis(tickCount=5)
    )
    y = alt.Y("system:N", sort=None, title=None, axis=alt.Axis(labelLimit=170, grid=True))
    layers = [
        layer([r for r in rows if r["low"] is not None])
        .mark_rule(strokeWidth=2)
        .encode(alt.X("low:Q"), y, alt.X2("high:Q"), colour()),
        layer(rows)
        .mark_point(size=62, filled=True, opacity=1, strokeWidth=2)
        .encode(
            x,
            y,
            alt.Stroke("colour:N", scale=None),
            alt.Fill("fill:N", scale=None),
            tooltip("system:N", "y:Q", "low:Q", "high:Q"),
        ),
    ]
    about = f"Means on {metric_title(metric.name)} with {comparison.confidence:.0%} intervals over videos, best first: "
    means = ", ".join(f"{r['system']} {r['y']:.4g}" for r in rows)
    return finish(layers, Extent(extent.width, max(60, 24 * len(rows))), f"{about}{means}.")


def slices(
    comparison: Comparison, metric: MetricInfo, systems: Sequence[str], looks: Mapping[str, Look], extent: Extent
) -> Any:
    """The means of some systems on each kind of video: one band a slice, one line a system in the order given.

    Tags of the same videos share a band, the `SLICES` with the most videos are shown, and intervals are drawn from
    three videos on: two videos give one that is wider than the plot and says nothing else. The page has to say which
    symbol is which. Only the width of `extent` counts.
    """
    parts = shown_slices(comparison, metric, systems)
    if not parts:
        return empty("The videos have no tags.", extent)
    rows: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    height = 0
    for names, part in parts:
        cells = {c.system: c for c in part.cells if c.metric == metric.name and c.mean is not None}
        videos = f"{part.videos} video{'' if part.videos == 1 else 's'}"
        heads.append({"name": ", ".join(names), "videos": videos, "at": height})
        for place, name in enumerate(n for n in systems if n in cells):
            cell, look = cells[name], looks[name]
            low, high = cell.interval if cell.interval and cell.videos >= FEWEST else (None, None)
            rows.append(
                {"slice": ", ".join(names), "series": name, "y": cell.mean, "low": low, "high": high}
                | {"at": height + _TOP + place * _STEP, "colour": look.colour, "shape": look.shape}
            )
        height += max(2 * _TOP + _STEP * (len(systems) - 1), 40)
    ends = [v for r in rows for v in (r["y"], r["low"], r["high"]) if v is not None]
    x = alt.X(
        "y:Q", title=score_title(metric), scale=alt.Scale(domain=padded(ends), nice=False), axis=alt.Axis(tickCount=6)
    )
    at = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[0, height], reverse=True, nice=False))
    margin = 170 if extent.width > 400 else 100  # for the names, which are cut to fit
    text = partial(alt.Chart.mark_text, align="right", baseline="top", limit=margin - 12)
    layers = [
        layer(heads).mark_rule(color=GRID).encode(at, x=alt.value(-margin), x2=alt.value(extent.width)),
        text(layer(heads), dy=9, fontSize=12).encode(at, alt.Text("name:N"), x=alt.value(-12)),
        text(layer(heads), dy=24, fontSize=10, color=FAINT).encode(at, alt.Text("videos:N"), x=alt.value(-12)),
        layer(r for r in rows if r["low"] is not None)
        .mark_rule(strokeWidth=1.5, opacity=0.5)
        .encode(alt.X("low:Q"), at, alt.X2("high:Q"), colour()),
        layer(rows)
        .mark_point(size=62, filled=True, opacity=1, stroke=PAPER, strokeWidth=0.8)
        .encode(x, at, colour("fill"), shape(), tooltip("slice:N", "series:N", "y:Q", "low:Q", "high:Q")),
    ]
    said = "; ".join(f"{r['slice']}: {r['series']} {r['y']:.4g}" for r in rows)
    about = f"Means on {metric_title(metric.name)} by kind of video. {said}."
    return finish(layers, Extent(extent.width, height), about)


def shown_slices(
    comparison: Comparison, metric: MetricInfo, systems: Sequence[str]
) -> list[tuple[tuple[str, ...], Slice]]:
    """What `slices` draws: the names that share a band, and the slice; most videos first, at most `SLICES`."""
    merged: dict[tuple, tuple[list[str], Slice]] = {}
    for part in comparison.slices:
        scores = tuple((c.system, c.metric, c.mean, c.cases) for c in part.cells)
        if any(c.mean is not None and c.metric == metric.name and c.system in systems for c in part.cells):
            # slices with equal scores of every system and as many videos are of the same videos
            merged.setdefault((part.videos, scores), ([], part))[0].append(part.name.removeprefix("tag "))
    found = sorted(merged.values(), key=lambda one: (-one[1].videos, one[0]))
    return [(tuple(names), part) for names, part in found[:SLICES]]
