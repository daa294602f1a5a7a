"""The line charts of the report and of the board, as Vega-Lite specs: quality against rate, and recall against where
in the history the asked moment lies. (The charts of dots are in `reports.dotplots`.)

They draw what `reports.curves` found out and compute no statistics. Every chart carries its data and a `description`
for people who do not see it; names stand beside what they name instead of in a legend. `reports.svg` turns a chart
into text for a page.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from reports.comparison import MetricInfo
from reports.curves import Curve, Point
from reports.glossary import BOUNDS, metric_title
from reports.labels import LINE_PX, Anchor, along, around, shortened, spread
from reports.look import PAPER, Look
from reports.marks import (
    Extent,
    colour,
    dash,
    empty,
    finish,
    layer,
    log_ticks,
    padded,
    score_title,
    shape,
    texts,
    tooltip,
)

_AXIS_TITLES = {
    "position": "Place of the asked moment in the history",
    "since_cut_s": "Seconds since the last cut",
    "motion": "Motion at the asked moment",
}
_BYTES = (
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' MB' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' kB' : format(datum.value, '~g') + ' B'"
)


def rate_quality(curves: Sequence[Curve], metric: MetricInfo, looks: Mapping[str, Look], extent: Extent) -> Any:
    """Score against bytes per second of video: sweeps as lines, single systems as points, with their intervals.

    Floors and controls are thin grey lines from their own rate to the right: what costs more must lie above. A ceiling
    is a line across: what is read through it must lie below, whatever it costs.
    """
    floors = [c for c in curves if looks[c.name].role in BOUNDS]
    others = [c for c in curves if c not in floors] or list(curves)
    floors = [c for c in floors if c not in others]
    shown = [p for c in others for p in c.points]
    if not shown:
        return empty("No system has both a score and a rate yet.", extent)
    low_x, high_x = math.log10(min(p.x for p in shown)), math.log10(max(p.x for p in shown))
    room = max(0.2, 0.18 * (high_x - low_x))  # in decades; names stand to the right of points
    missing = max(0.0, 1.0 - (high_x - low_x + 1.5 * room)) / 2  # a plot of less than a decade has no ticks to read
    x_domain = [10 ** (low_x - room / 2 - missing), 10 ** (high_x + room + missing)]
    y_domain = _domain(
        [p for c in curves for p in c.points if c not in floors], [p.mean for c in floors for p in c.points]
    )
    x = alt.X(
        "x:Q",
        title="Bytes kept per second of video (log scale)",
        scale=alt.Scale(type="log", domain=x_domain, nice=False),
        axis=alt.Axis(labelExpr=_BYTES, values=log_ticks(*x_domain), labelOverlap="greedy", labelSeparation=8),
    )
    y = alt.Y("y:Q", title=score_title(metric), scale=alt.Scale(domain=y_domain, nice=False, zero=False))
    to_px = _Pixels(extent, [math.log10(v) for v in x_domain], y_domain)

    rows = [_row(c, p, looks) for c in others for p in c.points]
    whiskers = [row for row in rows if row["low"] is not None]
    layers = [
        *_floor_lines(floors, looks, x_domain, x, y, to_px),
        layer(rows).mark_line(strokeWidth=2).encode(x, y, alt.Detail("series:N"), colour(), alt.Order("x:Q")),
        layer(whiskers).mark_rule(strokeWidth=1.5, opacity=0.55).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour()),
        _points(rows, x, y),
        *_labels_around(others, looks, to_px),
    ]
    best = _best(shown, metric)
    text = (
        f"{metric_title(metric.name)} against bytes kept per second of video, {len(others)} curves or systems and "
        f"{len(floors)} floors, controls and ceilings. The best mean is {best.mean:.4g}{_unit(metric)} for "
        f"{best.label} at {best.x:,.0f} bytes per second."
    )
    return finish(layers, extent, text)


def recall_lines(
    curves: Sequence[Curve],
    metric: MetricInfo,
    looks: Mapping[str, Look],
    extent: Extent,
    *,
    y_domain: Sequence[float] | None = None,
    named: bool = True,
) -> Any:
    """Score against where the asked moment lies (`curves` of one axis): lines with bands over videos.

    Floors, controls and ceilings are drawn without a band. `y_domain` makes several of these comparable (see
    `recall_domain`); without `named` the page has to say which line is which.
    """
    curves = [c for c in curves if c.points]
    if not curves:
        return empty("No asked moment has a value on this axis.", extent)
    axis = curves[0].axis
    y_domain = y_domain or recall_domain([curves], looks)
    x = _recall_axis(axis, [p.x for c in curves for p in c.points])
    y = alt.Y("y:Q", title=score_title(metric), scale=alt.Scale(domain=list(y_domain), nice=False, zero=False))
    rows = [_row(c, p, looks) for c in curves for p in c.points]
    shaded = [r for r in rows if r["low"] is not None and r["role"] not in BOUNDS]
    bands = layer(shaded).mark_area(opacity=0.13, clip=True)
    layers = [
        bands.encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), alt.Detail("series:N"), colour("fill")),
        layer(rows).mark_line(strokeWidth=2).encode(x, y, alt.Detail("series:N"), colour(), dash(), alt.Order("x:Q")),
        _points(rows, x, y),
    ]
    if named:
        layers.extend(_labels_right(curves, looks, y_domain, extent))
    moved = [f"{c.name} from {c.points[0].mean:.4g} to {c.points[-1].mean:.4g}" for c in curves]
    about = f"{metric_title(metric.name)} against {_AXIS_TITLES[axis].lower()}"
    return finish(layers, extent, f"{about}, left to right: {'; '.join(moved)}.")


def recall_domain(charts: Iterable[Sequence[Curve]], looks: Mapping[str, Look]) -> list[float]:
    """Lowest and highest score, bands included, of the curves of several charts."""
    every = [c for curves in charts for c in curves if c.points]
    bands = [p for c in every if looks[c.name].role not in BOUNDS for p in c.points]
    means = [p.mean for c in every for p in c.points]
    return _domain(bands, means) if means else [0.0, 1.0]


class _Pixels(NamedTuple):
    """From data to pixels and back; x is linear here (a log axis gives its logarithms)."""

    extent: Extent
    x_domain: Sequence[float]
    y_domain: Sequence[float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        (x0, x1), (y0, y1) = self.x_domain, self.y_domain
        return (x - x0) / (x1 - x0) * self.extent.width, (y1 - y) / (y1 - y0) * self.extent.height


def _row(curve: Curve, point: Point, looks: Mapping[str, Look]) -> dict[str, Any]:
    look = looks[curve.name]
    low, high = point.interval or (None, None)
    return {
        "series": curve.name,
        "label": point.label,
        "x": point.x,
        "y": point.mean,
        "low": low,
        "high": high,
        "videos": point.videos,
        "role": look.role,
        "colour": look.colour,
        "shape": look.shape,
        "dash": look.dash,
    }


def _points(rows: Sequence[Mapping[str, Any]], x: alt.X, y: alt.Y) -> Any:
    marks = layer(rows).mark_point(size=58, filled=True, opacity=1, stroke=PAPER, strokeWidth=1)
    return marks.encode(
        x,
        y,
        colour("fill"),
        shape(),
        tooltip("series:N", "label:N", "x:Q", "y:Q", "low:Q", "high:Q", "videos:Q"),
    )


def _labels_around(curves: Sequence[Curve], looks: Mapping[str, Look], to_px: _Pixels) -> list[alt.Chart]:
    """Each curve's name beside its last point."""
    every = [at for c in curves for at in along([to_px.at(math.log10(p.x), p.mean) for p in c.points])]
    every += [
        at for c in curves for p in c.points for at in along([to_px.at(math.log10(p.x), y) for y in p.interval or ()])
    ]
    anchors = [Anchor(*to_px.at(math.log10(c.points[-1].x), c.points[-1].mean), shortened(c.name)) for c in curves]
    placed = around(anchors, every, *to_px.extent)
    rows = [
        {"text": shortened(c.name), "px": p.x, "py": p.y, "align": p.align, "colour": looks[c.name].ink}
        for c, p in zip(curves, placed, strict=True)
    ]
    return texts(rows)


def _labels_right(
    curves: Sequence[Curve], looks: Mapping[str, Look], y_domain: Sequence[float], extent: Extent
) -> list[alt.Chart]:
    """Names at the right edge, each at the height of its curve's end, pushed apart."""
    to_px = _Pixels(extent, (0.0, 1.0), y_domain)
    ends = [to_px.at(0.0, c.points[-1].mean)[1] for c in curves]
    heights = spread(ends, LINE_PX, 4.0, extent.height - 4.0)
    return texts(
        {"text": shortened(c.name), "px": extent.width + 8, "py": h, "align": "left", "colour": looks[c.name].ink}
        for c, h in zip(curves, heights, strict=True)
    )


def _floor_lines(
    floors: Sequence[Curve], looks: Mapping[str, Look], x_domain: Sequence[float], x: alt.X, y: alt.Y, to_px: _Pixels
) -> list[alt.Chart]:
    """Lines to the right edge, where the names stand: from each floor's own rate, for a ceiling from the left edge."""
    begin = {c.name: 0.0 for c in floors if looks[c.name].role == "ceiling"}
    drawn = [(c, p, begin.get(c.name, p.x)) for c in floors for p in c.points]
    rows = [
        _row(c, p, looks) | {"x": max(x0, x_domain[0]), "end": x_domain[1]} for c, p, x0 in drawn if x0 < x_domain[1]
    ]
    heights = spread([to_px.at(0, r["y"])[1] for r in rows], LINE_PX, 4.0, to_px.extent.height - 4.0)
    lines = layer(rows).mark_rule(strokeWidth=1.2).encode(x, y, alt.X2("end:Q"), colour(), dash())
    names = texts(
        {"text": shortened(r["series"]), "px": to_px.extent.width + 7, "py": h, "align": "left"}
        | {"colour": looks[r["series"]].ink}
        for r, h in zip(rows, heights, strict=True)
    )
    return [lines, *names]


def _recall_axis(axis: str, xs: Sequence[float]) -> alt.X:
    if axis == "position":
        labels = "datum.value == 0 ? 'oldest' : datum.value == 1 ? 'newest' : format(datum.value, '.0%')"
        scale = alt.Scale(domain=[0, 1], nice=False)
        ticks = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], labelExpr=labels, grid=False)
    elif axis == "since_cut_s":
        edges = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
        domain = [0.0, max(xs) * 1.03 or 1.0]
        scale = alt.Scale(type="sqrt", domain=domain, nice=False)  # the bins double, and a moment may be the cut
        ticks = alt.Axis(values=[e for e in edges if e <= domain[1]], format="~g", grid=False)
    else:
        pad = 0.03 * (max(xs) - min(xs)) or 1.0
        domain = [max(0.0, min(xs) - pad), max(xs) + pad]
        # most moments hardly move and a few move a lot
        scale, ticks = alt.Scale(type="sqrt", domain=domain, nice=False), alt.Axis(tickCount=6, grid=False)
    return alt.X("x:Q", title=_AXIS_TITLES[axis], scale=scale, axis=ticks)


def _domain(points: Sequence[Point], extra: Sequence[float]) -> list[float]:
    """From the lowest to the highest value or end of an interval, with a little air."""
    return padded([v for p in points for v in (p.mean, *(p.interval or ()))] + list(extra))


def _best(points: Sequence[Point], metric: MetricInfo) -> Point:
    return max(points, key=lambda p: (metric.sign or 1) * p.mean)


def _unit(metric: MetricInfo) -> str:
    return f" {metric.unit}" if metric.unit else ""
