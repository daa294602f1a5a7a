"""Charts of dots with intervals, as Vega-Lite specs: every system's mean, and some systems' means slice by slice.

A dot with its interval on a common scale is what people read most exactly (Cleveland & McGill, 1984); bars would start
at a zero that means nothing in decibels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from reports.comparison import Comparison, MetricInfo
from reports.glossary import metric_title
from reports.labels import shortened
from reports.look import FAINT, GRID, PAPER, Look
from reports.marks import Extent, colour, empty, finish, layer, padded, score_title, shape, texts, tooltip


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
    comparison: Comparison,
    metric: MetricInfo,
    systems: Sequence[str],
    looks: Mapping[str, Look],
    extent: Extent,
    *,
    named: bool = True,
) -> Any:
    """The means of some systems on each tag (and each length of history), with intervals: one block a slice.

    The height follows from the rows; without `named` the page has to say which colour is which.
    """
    step = 15
    rows: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    height = 0
    for part in comparison.slices:
        cells = {c.system: c for c in part.cells if c.metric == metric.name and c.mean is not None}
        present = [name for name in systems if name in cells]
        if not present:
            continue
        heads.append({"name": part.name.removeprefix("tag "), "videos": _counted(part.videos, "video"), "at": height})
        height += 8
        for name in present:
            cell, look = cells[name], looks[name]
            low, high = cell.interval or (None, None)
            rows.append(
                {"slice": part.name, "series": name, "y": cell.mean, "low": low, "high": high, "at": height + step / 2}
                | {"colour": look.colour, "shape": look.shape}
            )
            height += step
        height += 8
    if not rows:
        return empty("The videos have no tags.", extent)
    full = Extent(extent.width, height)
    ends = [v for r in rows for v in (r["y"], r["low"], r["high"]) if v is not None]
    x = alt.X(
        "y:Q", title=score_title(metric), scale=alt.Scale(domain=padded(ends), nice=False), axis=alt.Axis(tickCount=6)
    )
    at = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[0, height], reverse=True, nice=False))
    margin = alt.value(-12)
    layers = [
        layer(heads).mark_rule(color=GRID).encode(at, x=alt.value(-100), x2=alt.value(full.width)),
        layer(heads)
        .mark_text(align="right", baseline="top", dy=10, fontSize=12)
        .encode(at, alt.Text("name:N"), x=margin),
        layer(heads)
        .mark_text(align="right", baseline="top", dy=26, fontSize=10, color=FAINT)
        .encode(at, alt.Text("videos:N"), x=margin),
        layer([r for r in rows if r["low"] is not None])
        .mark_rule(strokeWidth=1.5, opacity=0.55)
        .encode(alt.X("low:Q"), at, alt.X2("high:Q"), colour()),
        layer(rows)
        .mark_point(size=46, filled=True, opacity=1, stroke=PAPER, strokeWidth=0.8)
        .encode(x, at, colour("fill"), shape(), tooltip("slice:N", "series:N", "y:Q", "low:Q", "high:Q")),
    ]
    if named:
        layers.extend(_slice_names(rows, full))
    said = "; ".join(f"{r['slice']}: {r['series']} {r['y']:.4g}" for r in rows)
    return finish(layers, full, f"Means on {metric_title(metric.name)} by slice. {said}.")


def _slice_names(rows: Sequence[Mapping[str, Any]], extent: Extent) -> list[alt.Chart]:
    """The systems' names beside the rows, at the right edge."""
    return texts(
        {"text": shortened(r["series"]), "px": extent.width + 8, "py": r["at"], "align": "left", "colour": r["colour"]}
        for r in rows
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
