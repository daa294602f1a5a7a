"""Quality against what it costs: tokens, bytes, time, memory. Which systems are on the frontier, and the chart of it.

A system is on the frontier when no other is at least as good for no more, and better in one of the two. It goes by
means, so a neighbour within its interval may be as good: whiskers are drawn, and nothing is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt

from bench.stats import Interval
from bench.store import Results, Store
from reports.comparison import Comparison, MetricInfo
from reports.glossary import metric_title
from reports.labels import Anchor, along, around, shortened
from reports.look import FAINT, PAPER, Look
from reports.marks import Extent, colour, empty, finish, layer, log_ticks, padded, score_title, shape, texts, tooltip
from runners.meter_store import Cost, load

AXES = {
    "tokens_per_s": "Tokens per second of video",
    "bytes_per_s": "Bytes per second of video",
    "encode_ms_per_s": "Encoding, ms per second of video",
    "recall_ms": "Recall, ms per video",
    "peak_mb": "Peak memory, MB",
}

PANEL = Extent(270, 240)  # the inside of a chart: several stand beside each other
CAPTION = (
    "The grey line is the frontier, and the memories on it are named: no other scores as high for less. It goes by "
    "means; whiskers are intervals over videos. Times are of the machine that made the run, measured while it worked."
)


@dataclass(frozen=True)
class Priced:
    """A system's mean score and one of its costs. A ceiling is never on the frontier: it is no contender."""

    system: str
    cost: float
    score: float
    interval: Interval | None
    ceiling: bool
    on_frontier: bool


def plotted(
    store: Store, results: Results, comparison: Comparison, metric: MetricInfo
) -> dict[str, tuple[Priced, ...]]:
    """What the report and the board draw: every cost that at least two systems have, by axis. Bytes are left out, since
    both have a larger chart of those."""
    horizons = [h for h in results.planned["horizon_s"].to_pylist() if h is not None]
    peaks = peaks_mb(store, results.run.get("spec") or {}, max(horizons, default=20.0))
    found = {axis: priced(comparison, metric, axis, peaks) for axis in AXES if axis != "bytes_per_s"}
    return {axis: rows for axis, rows in found.items() if len(rows) > 1}


def priced(
    comparison: Comparison, metric: MetricInfo, axis: str, peaks_mb: Mapping[str, float] | None = None
) -> tuple[Priced, ...]:
    """The systems that have a score and this cost, the cheapest first. `axis` is one of `AXES`; peaks of memory come
    from elsewhere (see `peaks_mb`)."""
    found: list[tuple[str, float, float, Interval | None, bool]] = []
    for system in comparison.systems:
        cell = comparison.cell(system.name, metric.name)
        cost = (peaks_mb or {}).get(system.name) if axis == "peak_mb" else getattr(system.costs, axis)
        if cell.mean is not None and cost is not None and cost > 0:
            found.append((system.name, cost, cell.mean, cell.interval, system.ceiling))
    found.sort(key=lambda row: row[-1])  # contenders first
    best = frontier([(cost, (metric.sign or 1) * score) for _, cost, score, _, ceiling in found if not ceiling])
    rows = [Priced(*row, on_frontier=i in best) for i, row in enumerate(found)]
    return tuple(sorted(rows, key=lambda one: (one.cost, one.system)))


def frontier(points: Sequence[tuple[float, float]]) -> set[int]:
    """Indices of the (cost, gain) pairs that no other dominates. Equal pairs are on it together.

    >>> sorted(frontier([(1.0, 20.0), (2.0, 19.0), (2.0, 30.0), (9.0, 30.0)]))
    [0, 2]
    """
    kept: set[int] = set()
    best, last = -math.inf, (math.nan, math.nan)
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[i][1] > best or points[i] == last:
            kept.add(i)
            best, last = points[i][1], points[i]
    return kept


def pareto(rows: Sequence[Priced], metric: MetricInfo, axis: str, looks: Mapping[str, Look], extent: Extent) -> Any:
    """Score against a cost on a log scale, with whiskers; the frontier is a line, and its systems are named."""
    if not rows:
        return empty(f"No system has both a score and this cost: {AXES[axis].lower()}.", extent)
    logs = [math.log10(one.cost) for one in rows]
    middle, half = (min(logs) + max(logs)) / 2, max(0.5, 0.6 * (max(logs) - min(logs)))
    low, high = middle - half, middle + half
    y_domain = padded([v for one in rows for v in (one.score, *(one.interval or ()))])
    scale = alt.Scale(type="log", domain=[10**low, 10**high], nice=False)
    ticks = alt.Axis(format="~s", values=log_ticks(10**low, 10**high), labelOverlap="greedy")
    x = alt.X("x:Q", title=f"{AXES[axis]} (log scale)", scale=scale, axis=ticks)
    y = alt.Y("y:Q", title=score_title(metric), scale=alt.Scale(domain=y_domain, nice=False, zero=False))
    data = [_row(one, looks[one.system]) for one in rows]
    best = [row for row, one in zip(data, rows, strict=True) if one.on_frontier]

    def at(one: Priced) -> tuple[float, float]:
        return (
            (math.log10(one.cost) - low) / (high - low) * extent.width,
            (y_domain[1] - one.score) / (y_domain[1] - y_domain[0]) * extent.height,
        )

    named = [(one, _title(one)) for one in rows if one.on_frontier or one.ceiling]
    line = [at(one) for one in rows if one.on_frontier]
    steps = [corner for (x0, y0), (x1, y1) in pairwise(line) for corner in ((x0, y0), (x1, y0), (x1, y1))]
    places = around(
        [Anchor(*at(one), title) for one, title in named], [*along(steps), *(at(one) for one in rows)], *extent
    )
    names = [
        {"text": title, "px": p.x, "py": p.y, "align": p.align, "colour": looks[one.system].ink}
        for (one, title), p in zip(named, places, strict=True)
    ]
    whiskers = [row for row in data if row["low"] is not None]
    layers = [
        layer(best).mark_line(strokeWidth=1.5, color=FAINT, interpolate="step-after").encode(x, y, alt.Order("x:Q")),
        layer(whiskers).mark_rule(strokeWidth=1.2, opacity=0.5).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour()),
        layer(data)
        .mark_point(size=52, filled=True, opacity=1, stroke=PAPER, strokeWidth=1)
        .encode(x, y, colour("fill"), shape(), tooltip("system:N", "x:Q", "y:Q", "low:Q", "high:Q")),
        *texts(names),
    ]
    about = f"{metric_title(metric.name)} against {AXES[axis].lower()}, {len(rows)} systems. On the frontier: "
    return finish(layers, extent, f"{about}{', '.join(one.system for one, _ in named if one.on_frontier)}.")


def peaks_mb(store: Store, spec: Mapping[str, Any], history_s: float) -> dict[str, float]:
    """Peak memory of systems whose backbone and rate `keepframe cost` has measured in this store, in MB.

    Of several measurements, the one whose history is nearest to `history_s`, then the latest. On a GPU it is what
    PyTorch reserved, else the process's high-water mark; the two never stand in one plot: a GPU's goes first.
    """
    measured = [one for one in load(store) if one.outcome == "done" and one.memory and not one.memory.get("simulated")]
    on_gpu = [one for one in measured if one.profile.device.startswith("cuda")]
    found: dict[str, float] = {}
    for system in spec.get("systems", ()):
        size, rate = _profiled(system)
        same = [
            o for o in on_gpu or measured if (o.profile.size, o.profile.rate) == (size, rate) and o.profile.scale == 1
        ]
        if same:
            nearest = min(reversed(same), key=lambda one: abs(one.profile.history_s - history_s))
            found[system["name"]] = _peak_mb(nearest)
    return found


def _profiled(system: Mapping[str, Any]) -> tuple[str, str]:
    """The backbone and rate that a system of a spec reads, empty for one that reads none."""
    args = system.get("args") or {}
    if system.get("memory") == "history":
        return args.get("backbone", "nano"), args.get("rate", "4x4x2")
    return "", ""


def _peak_mb(cost: Cost) -> float:
    peaks: dict[str, int] = (cost.memory or {})["memory"]["peak"]
    return peaks.get("reserved", peaks["host"]) / 1e6


def _title(one: Priced) -> str:
    return shortened(one.system) + (" (ceiling)" if one.ceiling else "")


def _row(one: Priced, look: Look) -> dict[str, Any]:
    low, high = one.interval or (None, None)
    ends = {"low": low, "high": high, "colour": look.colour, "shape": look.shape}
    return {"system": one.system, "x": one.cost, "y": one.score, **ends}
