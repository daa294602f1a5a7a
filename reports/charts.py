"""The charts of the report and of the board, as Vega-Lite specs over plain rows.

They draw what `reports.compare` and `reports.curves` found out and compute no statistics. Every chart carries its
data and a `description` for people who do not see it; names stand beside what they name instead of in a legend.
`reports.svg` turns a chart into text for a page.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from reports.comparison import Comparison, MetricInfo
from reports.curves import Curve, Point
from reports.glossary import metric_title
from reports.labels import LINE_PX, Anchor, around, spread
from reports.look import FAINT, GRID, PAPER, Look, theme

_AXIS_TITLES = {
    "position": "Place of the asked moment in the history",
    "since_cut_s": "Seconds since the last cut",
    "motion": "Motion around the asked moment (mean change between frames)",
}
_DECADE_ROOM = 0.12  # empty decades left of the first point of a rate plot


class Extent(NamedTuple):
    """The size of a plot's inside, in pixels."""

    width: int
    height: int


def rate_quality(curves: Sequence[Curve], metric: MetricInfo, looks: Mapping[str, Look], extent: Extent) -> alt.Chart:
    """Score against bytes per second of video: sweeps as lines, single systems as points, with their intervals.

    Floors and controls are thin grey lines from their own rate to the right: what costs more must lie above.
    """
    floors = [c for c in curves if looks[c.name].role in ("floor", "control")]
    others = [c for c in curves if c not in floors] or list(curves)
    floors = [c for c in floors if c not in others]
    shown = [p for c in others for p in c.points]
    if not shown:
        return _empty("No system has both a score and a rate yet.", extent)
    low_x, high_x = math.log10(min(p.x for p in shown)), math.log10(max(p.x for p in shown))
    room = max(0.2, 0.18 * (high_x - low_x))
    x_domain = [10 ** (low_x - max(_DECADE_ROOM, room / 2)), 10 ** (high_x + room)]
    y_domain = _domain([p for c in curves for p in c.points if c not in floors], [p.mean for c in floors for p in c.points])
    x = alt.X(
        "x:Q",
        title="Bytes kept per second of video (log scale)",
        scale=alt.Scale(type="log", domain=x_domain, nice=False),
        axis=alt.Axis(labelExpr=_BYTES, tickCount=6, grid=True),
    )
    y = alt.Y("y:Q", title=_title(metric), scale=alt.Scale(domain=y_domain, nice=False, zero=False))
    to_px = _Pixels(extent, [math.log10(v) for v in x_domain], y_domain)

    rows = [_row(c, p, looks) for c in others for p in c.points]
    whiskers = [row for row in rows if row["low"] is not None]
    layers = [
        _floor_lines(floors, looks, x_domain, x, y, to_px),
        _layer(rows).mark_line(strokeWidth=2).encode(x, y, detail="series:N", color=_colour(), order="x:Q"),
        _layer(whiskers).mark_rule(strokeWidth=1.5, opacity=0.55).encode(x, alt.Y("low:Q"), y2="high:Q", color=_colour()),
        _points(rows, x, y),
        _labels_around(others, looks, x, y, to_px),
    ]
    best = _best(shown, metric)
    text = (
        f"{metric_title(metric.name)} against bytes kept per second of video, {len(others)} curves or systems and "
        f"{len(floors)} floors and controls. The best mean is {best.mean:.4g}{_unit(metric)} for {best.label} "
        f"at {best.x:,.0f} bytes per second."
    )
    return _finish(layers, extent, text)


def recall_lines(curves: Sequence[Curve], metric: MetricInfo, looks: Mapping[str, Look], extent: Extent) -> alt.Chart:
    """Score against where the asked moment lies (`curves` of one axis): lines with bands over videos.

    Floors and controls are drawn grey and without a band.
    """
    curves = [c for c in curves if c.points]
    if not curves:
        return _empty("No asked moment has a value on this axis.", extent)
    axis = curves[0].axis
    bands = [p for c in curves if looks[c.name].role not in ("floor", "control") for p in c.points]
    y_domain = _domain(bands, [p.mean for c in curves for p in c.points])
    x, x_domain = _recall_axis(axis, [p.x for c in curves for p in c.points])
    y = alt.Y("y:Q", title=_title(metric), scale=alt.Scale(domain=y_domain, nice=False, zero=False))
    rows = [_row(c, p, looks) for c in curves for p in c.points]
    shaded = [r for r in rows if r["low"] is not None and r["role"] not in ("floor", "control")]
    layers = [
        _layer(shaded).mark_area(opacity=0.14).encode(x, alt.Y("low:Q"), y2="high:Q", detail="series:N", fill=_colour("fill")),
        _layer(rows)
        .mark_line(strokeWidth=2)
        .encode(x, y, detail="series:N", color=_colour(), strokeDash=_dash(), order="x:Q"),
        _points(rows, x, y),
        _labels_right(curves, looks, y_domain, extent),
    ]
    moved = [f"{c.name} from {c.points[0].mean:.4g} to {c.points[-1].mean:.4g}" for c in curves]
    about = f"{metric_title(metric.name)} against {_AXIS_TITLES[axis].lower()}"
    return _finish(layers, extent, f"{about}, left to right: {'; '.join(moved)}.")


def dots(comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look], extent: Extent) -> alt.Chart:
    """The mean of every system with its interval, best first. The top tie group has filled dots, the others open ones."""
    rows = []
    for system in comparison.systems:
        cell, look = comparison.cell(system.name, metric.name), looks[system.name]
        if cell.mean is not None:
            low, high = cell.interval or (None, None)
            fill = look.colour if cell.top else PAPER
            rows.append(
                {"system": system.name, "y": cell.mean, "low": low, "high": high, "colour": look.colour, "fill": fill}
            )
    if not rows:
        return _empty(f"Nothing has a score on {metric_title(metric.name)}.", extent)
    rows.sort(key=lambda row: -(metric.sign or 1) * row["y"])
    x = alt.X("y:Q", title=_title(metric), scale=alt.Scale(zero=False, nice=True))
    y = alt.Y("system:N", sort=None, title=None, axis=alt.Axis(labelLimit=230, grid=True))
    layers = [
        _layer([r for r in rows if r["low"] is not None])
        .mark_rule(strokeWidth=2)
        .encode(alt.X("low:Q"), y, x2="high:Q", color=_colour()),
        _layer(rows)
        .mark_point(size=62, filled=True, opacity=1, strokeWidth=2)
        .encode(x, y, stroke=_colour(), fill=alt.Fill("fill:N", scale=None), tooltip=["system:N", "y:Q", "low:Q", "high:Q"]),
    ]
    about = f"Means on {metric_title(metric.name)} with 95 % intervals over videos, best first: "
    means = ", ".join(f"{r['system']} {r['y']:.4g}" for r in rows)
    return _finish(layers, Extent(extent.width, max(60, 24 * len(rows))), f"{about}{means}.")


def slices(
    comparison: Comparison, metric: MetricInfo, systems: Sequence[str], looks: Mapping[str, Look], extent: Extent
) -> alt.Chart:
    """The means of some systems on each tag (and each length of history), with intervals: one row a slice."""
    step = 15
    rows, heads = [], []
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
        return _empty("The videos have no tags.", extent)
    full = Extent(extent.width, height)
    x = alt.X("y:Q", title=_title(metric), scale=alt.Scale(zero=False, nice=True))
    at = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[0, height], reverse=True, nice=False))
    margin = alt.value(-12)
    layers = [
        _layer(heads).mark_rule(color=GRID).encode(at, x=alt.value(-150), x2=alt.value(full.width)),
        _layer(heads).mark_text(align="right", baseline="top", dy=10, fontSize=12).encode(at, x=margin, text="name:N"),
        _layer(heads)
        .mark_text(align="right", baseline="top", dy=26, fontSize=10, color=FAINT)
        .encode(at, x=margin, text="videos:N"),
        _layer([r for r in rows if r["low"] is not None])
        .mark_rule(strokeWidth=1.5, opacity=0.55)
        .encode(alt.X("low:Q"), at, x2="high:Q", color=_colour()),
        _layer(rows)
        .mark_point(size=46, filled=True, opacity=1, stroke=PAPER, strokeWidth=0.8)
        .encode(x, at, fill=_colour("fill"), shape=_shape(), tooltip=["slice:N", "series:N", "y:Q", "low:Q", "high:Q"]),
        _slice_names(rows, full),
    ]
    said = "; ".join(f"{r['slice']}: {r['series']} {r['y']:.4g}" for r in rows)
    return _finish(layers, full, f"Means on {metric_title(metric.name)} by slice. {said}.")


# -- parts of charts -----------------------------------------------------------------------------------------

_BYTES = (
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' MB' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' kB' : format(datum.value, '~g') + ' B'"
)


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
        "dash": list(look.dash) or [1, 0],
    }


def _layer(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def _colour(channel: str = "color") -> Any:
    return alt.Fill("colour:N", scale=None) if channel == "fill" else alt.Color("colour:N", scale=None)


def _shape() -> alt.Shape:
    return alt.Shape("shape:N", scale=None)


def _dash() -> alt.StrokeDash:
    return alt.StrokeDash("dash:N", scale=None)


def _points(rows: Sequence[Mapping[str, Any]], x: alt.X, y: alt.Y) -> alt.Chart:
    marks = _layer(rows).mark_point(size=58, filled=True, opacity=1, stroke=PAPER, strokeWidth=1)
    return marks.encode(
        x, y, fill=_colour("fill"), shape=_shape(), tooltip=["series:N", "label:N", "x:Q", "y:Q", "low:Q", "high:Q", "videos:Q"]
    )


def _labels_around(
    curves: Sequence[Curve], looks: Mapping[str, Look], x: alt.X, y: alt.Y, to_px: _Pixels
) -> alt.LayerChart:
    """Each curve's name beside its last point."""
    every = [to_px.at(math.log10(p.x), p.mean) for c in curves for p in c.points]
    anchors = [Anchor(*to_px.at(math.log10(c.points[-1].x), c.points[-1].mean), c.name) for c in curves]
    placed = around(anchors, every, *to_px.extent)
    rows = [
        {"text": c.name, "px": p.x, "py": p.y, "align": p.align, "colour": looks[c.name].colour}
        for c, p in zip(curves, placed, strict=True)
    ]
    return _texts(rows)


def _labels_right(curves: Sequence[Curve], looks: Mapping[str, Look], y_domain: Sequence[float], extent: Extent) -> Any:
    """Names at the right edge, each at the height of its curve's end, pushed apart."""
    to_px = _Pixels(extent, (0.0, 1.0), y_domain)
    ends = [to_px.at(0.0, c.points[-1].mean)[1] for c in curves]
    heights = spread(ends, LINE_PX, 4.0, extent.height - 4.0)
    return _texts(
        {"text": c.name, "px": extent.width + 8, "py": h, "align": "left", "colour": looks[c.name].colour}
        for c, h in zip(curves, heights, strict=True)
    )


def _texts(rows: Iterable[Mapping[str, Any]]) -> alt.LayerChart:
    """Text at pixels, with a halo so that it can be read on top of lines."""
    rows = list(rows)
    layers = []
    for align in ("left", "right", "center"):
        data = _layer(r for r in rows if r["align"] == align)
        here = {"x": alt.X("px:Q", scale=None, axis=None), "y": alt.Y("py:Q", scale=None, axis=None), "text": "text:N"}
        layers.append(data.mark_text(align=align, stroke=PAPER, strokeWidth=3, strokeJoin="round").encode(**here))
        layers.append(data.mark_text(align=align, fontWeight="bold").encode(**here, color=_colour()))
    return alt.layer(*layers)


def _slice_names(rows: Sequence[Mapping[str, Any]], extent: Extent) -> alt.LayerChart:
    """The systems' names beside the rows, at the right edge."""
    return _texts(
        {"text": r["series"], "px": extent.width + 8, "py": r["at"], "align": "left", "colour": r["colour"]} for r in rows
    )


def _floor_lines(
    floors: Sequence[Curve], looks: Mapping[str, Look], x_domain: Sequence[float], x: alt.X, y: alt.Y, to_px: _Pixels
) -> alt.LayerChart:
    drawn = [(c, p) for c in floors for p in c.points if p.x < x_domain[1]]
    rows = [_row(c, p, looks) | {"x": max(p.x, x_domain[0]), "end": x_domain[1]} for c, p in drawn]
    heights = spread([to_px.at(0, r["y"])[1] - 8 for r in rows], LINE_PX, 6.0, to_px.extent.height - 6.0)
    lines = _layer(rows).mark_rule(strokeWidth=1.2).encode(x, y, x2="end:Q", color=_colour(), strokeDash=_dash())
    names = _texts(
        {"text": r["series"], "px": to_px.at(math.log10(r["x"]), 0)[0] + 4, "py": h, "align": "left", "colour": FAINT}
        for r, h in zip(rows, heights, strict=True)
    )
    return alt.layer(lines, names)


def _recall_axis(axis: str, xs: Sequence[float]) -> tuple[alt.X, list[float]]:
    if axis == "position":
        labels = "datum.value == 0 ? 'oldest' : datum.value == 1 ? 'newest' : format(datum.value, '.0%')"
        domain, scale = [0.0, 1.0], alt.Scale(domain=[0, 1], nice=False)
        ticks = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], labelExpr=labels, grid=False)
    elif axis == "since_cut_s":
        edges = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
        domain = [0.0, max(xs) * 1.03 or 1.0]
        scale = alt.Scale(type="sqrt", domain=domain, nice=False)  # the bins double, and a moment may be the cut
        ticks = alt.Axis(values=[e for e in edges if e <= domain[1]], grid=False)
    else:
        pad = 0.03 * (max(xs) - min(xs)) or 1.0
        domain = [min(xs) - pad, max(xs) + pad]
        scale, ticks = alt.Scale(domain=domain, nice=False), alt.Axis(tickCount=6, grid=False)
    return alt.X("x:Q", title=_AXIS_TITLES[axis], scale=scale, axis=ticks), domain


def _domain(points: Sequence[Point], extra: Sequence[float]) -> list[float]:
    """From the lowest to the highest value or end of an interval, with a little air."""
    ends = [v for p in points for v in (p.mean, *(p.interval or ()))] + list(extra)
    low, high = min(ends), max(ends)
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return [low - air, high + air]


def _best(points: Sequence[Point], metric: MetricInfo) -> Point:
    return max(points, key=lambda p: (metric.sign or 1) * p.mean)


def _title(metric: MetricInfo) -> str:
    way = {"higher": ", higher is better", "lower": ", lower is better", "neutral": ""}[metric.better]
    return f"{metric_title(metric.name)}{f' ({metric.unit})' if metric.unit else ''}{way}"


def _unit(metric: MetricInfo) -> str:
    return f" {metric.unit}" if metric.unit else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _empty(why: str, extent: Extent) -> alt.Chart:
    text = _layer([{"text": why}]).mark_text(color=FAINT, fontSize=13).encode(text="text:N")
    return _finish([text], Extent(extent.width, 60), why)


def _finish(layers: Sequence[Any], extent: Extent, description: str) -> Any:
    chart = alt.layer(*layers).properties(width=extent.width, height=extent.height, description=description)
    return chart.configure(**theme())
