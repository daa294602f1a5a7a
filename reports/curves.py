"""Curves: quality against rate, and recall against where in the history the asked moment lies. Data only; the HTML
report and the board draw them.

A point is a mean over videos of one number per video. Bands resample whole videos, with the same draws for every
point and system (bench/bootstrap.py), and hold point by point, not for a whole curve at once.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Float64, Int64

from bench.bd_rate import Bjontegaard, RateSweep, bjontegaard
from bench.bootstrap import resampled_interval, video_weights
from bench.errors import UsageError, did_you_mean
from bench.stats import CONFIDENCE, Interval
from bench.store import Results
from reports.comparison import BDRow
from reports.videos import CaseScores, Plan, case_rates, case_scores, codes, per_video, read_plan

Axis = Literal["position", "since_cut_s", "motion"]
POSITION_BINS = 10
MOTION_BINS = 5
SINCE_CUT_EDGES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, np.inf)


@dataclass(frozen=True)
class Point:
    """`x` is the mean of the moments asked (or the rate, bytes per second of history); `label` names the bin or system.
    None for the interval when fewer than two videos have a value here."""

    label: str
    x: float
    x_interval: Interval | None
    mean: float
    interval: Interval | None
    videos: int


@dataclass(frozen=True)
class Curve:
    """One line of a plot, its points in order of `x`."""

    name: str
    metric: str
    axis: str
    tested: bool
    points: tuple[Point, ...]


def rate_quality(results: Results, metric: str, *, confidence: float = CONFIDENCE, seed: int = 0) -> tuple[Curve, ...]:
    """Mean score against mean bytes per second, one curve per rate sweep (single systems are curves of one point).

    A curve uses the videos that all its settings have, so that its shape is not a change of videos.
    """
    plan = read_plan(results)
    m = _metric(plan, metric)
    scores, rates = case_scores(results, plan), case_rates(results, plan)["bytes"]
    curves = []
    for name, members in _settings(plan).items():
        rate, quality = _common(scores, rates, m, members)
        videos = quality.shape[1]
        if not videos:
            continue
        weights = video_weights(videos, seed=seed)
        x_low, x_high = resampled_interval(weights @ rate.T, videos, confidence)
        low, high = resampled_interval(weights @ quality.T, videos, confidence)
        points = [
            Point(
                label=plan.systems[system],
                x=float(rate[i].mean()),
                x_interval=_interval(x_low[i], x_high[i]),
                mean=float(quality[i].mean()),
                interval=_interval(low[i], high[i]),
                videos=videos,
            )
            for i, system in enumerate(members)
        ]
        ordered = tuple(sorted(points, key=lambda p: (p.x, p.label)))
        curves.append(Curve(name, metric, "bytes_per_s", any(plan.tested[s] for s in members), ordered))
    return tuple(curves)


def recall_curves(
    results: Results,
    metric: str,
    axis: Axis,
    *,
    systems: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[Curve, ...]:
    """Mean score against `position` in the history (0 oldest, 1 newest; ten equal bins), seconds since the last cut
    (bins that double), or motion (fifths of the moments asked). A curve per system.

    Moments without a value on the axis (no cut before them) are left out. Bins without a moment have no point.
    """
    plan = read_plan(results, systems)
    _metric(plan, metric)
    keep = pc.and_(pc.equal(results.scores["metric"], metric), pc.is_valid(results.scores[axis]))
    rows = results.scores.select(["system", "case", axis, "value"]).filter(keep)
    system, case = codes(rows["system"], plan.systems), codes(rows["case"], plan.cases)
    wanted = (system >= 0) & (case >= 0)
    system, video = system[wanted], plan.video_of[case[wanted]]
    x, value = rows[axis].to_numpy()[wanted], rows["value"].to_numpy()[wanted]
    if not len(x):
        return ()
    edges = _edges(axis, x)
    bin_of = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    shape = (len(plan.systems), len(edges) - 1, len(plan.videos))
    by_video = _cell_means((system * shape[1] + bin_of) * shape[2] + video, value, shape)
    centres = _cell_means(bin_of, x, (shape[1],))
    means, low, high = _bands(by_video, confidence, seed)
    videos = (~np.isnan(by_video)).sum(axis=-1)
    return tuple(
        Curve(
            name=name,
            metric=metric,
            axis=axis,
            tested=plan.tested[s],
            points=tuple(
                Point(
                    label=_label(edges[b], edges[b + 1]),
                    x=float(centres[b]),
                    x_interval=None,
                    mean=float(means[s, b]),
                    interval=_interval(low[s, b], high[s, b]) if videos[s, b] > 1 else None,
                    videos=int(videos[s, b]),
                )
                for b in range(shape[1])
                if videos[s, b]
            ),
        )
        for s, name in enumerate(plan.systems)
    )


def bd_rates(
    scores: CaseScores,
    bytes_per_s: Float64[np.ndarray, "system case"],
    baseline: str,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[BDRow, ...]:
    """Every rate sweep against the one that `baseline` belongs to, by every metric with a direction, on the cases that
    all settings of both have. Nothing when the baseline is no sweep."""
    plan = scores.plan
    own, settings = plan.curves[plan.systems.index(baseline)], _settings(plan)
    if len(settings[own]) < 2:
        return ()
    rows = []
    for curve, members in settings.items():
        if curve == own or len(members) < 2:
            continue
        for m, metric in enumerate(plan.metrics):
            rate, quality = _common(scores, bytes_per_s, m, [*settings[own], *members])
            if not metric.sign or not quality.shape[1]:
                continue
            split, quality = len(settings[own]), metric.sign * quality
            base, test = RateSweep(rate[:split], quality[:split]), RateSweep(rate[split:], quality[split:])
            bd = bjontegaard(base, test, confidence=confidence, seed=seed)
            rows.append(BDRow(curve, metric.name, _right_way_up(bd) if metric.sign < 0 else bd))
    return tuple(rows)


def _right_way_up(bd: Bjontegaard) -> Bjontegaard:
    """The shared qualities of a metric where lower is better, as the metric counts them."""
    shared = bd.rate.shared
    if shared is None:
        return bd
    return dataclasses.replace(bd, rate=dataclasses.replace(bd.rate, shared=Interval(-shared.high, -shared.low)))


def _settings(plan: Plan) -> dict[str, list[int]]:
    """The systems of each curve."""
    return {curve: [s for s, c in enumerate(plan.curves) if c == curve] for curve in sorted(set(plan.curves))}


def _common(
    scores: CaseScores, bytes_per_s: np.ndarray, metric: int, systems: list[int]
) -> tuple[Float64[np.ndarray, "setting video"], Float64[np.ndarray, "setting video"]]:
    """Rates and scores per video, over the cases where each of these systems has both."""
    rate, quality = bytes_per_s[systems], scores.means[metric, systems]
    known = (~np.isnan(quality) & (rate > 0)).all(axis=0)
    rate, quality = (per_video(np.where(known, a, np.nan), scores.plan) for a in (rate, quality))
    videos = ~np.isnan(quality[0])
    return rate[:, videos], quality[:, videos]


def _metric(plan: Plan, name: str) -> int:
    names = [metric.name for metric in plan.metrics]
    if name not in names:
        raise UsageError(f"The run has no metric {name!r}.", did_you_mean(name, names))
    return names.index(name)


def _edges(axis: Axis, x: Float64[np.ndarray, " moment"]) -> Float64[np.ndarray, " edge"]:
    if axis == "position":
        return np.linspace(0.0, 1.0, POSITION_BINS + 1)
    if axis == "since_cut_s":
        return np.array(SINCE_CUT_EDGES_S)
    edges = np.unique(np.quantile(x, np.linspace(0.0, 1.0, MOTION_BINS + 1)))
    return edges if len(edges) > 1 else np.array([edges[0], np.inf])


def _cell_means(
    cell: Int64[np.ndarray, " row"], values: Float64[np.ndarray, " row"], shape: tuple[int, ...]
) -> np.ndarray:
    """The mean of the values of each cell, NaN for an empty one; the same whatever the order of the rows."""
    order = np.lexsort((values, cell))
    size = int(np.prod(shape))
    sums = np.bincount(cell[order], weights=values[order], minlength=size)
    counts = np.bincount(cell, minlength=size)
    with np.errstate(invalid="ignore"):
        return (sums / np.where(counts, counts, np.nan)).reshape(shape)


def _bands(
    by_video: Float64[np.ndarray, "system bin video"], confidence: float, seed: int
) -> tuple[Float64[np.ndarray, "system bin"], Float64[np.ndarray, "system bin"], Float64[np.ndarray, "system bin"]]:
    """Means over the videos of each bin, with bands. NaN where a bin's videos are too few to resample."""
    systems, bins, videos = by_video.shape
    present = ~np.isnan(by_video)
    values = np.where(present, by_video, 0.0)
    counts = present.sum(axis=-1)
    low, high = np.full((2, systems, bins), np.nan)
    with np.errstate(invalid="ignore"):
        means = values.sum(axis=-1) / np.where(counts, counts, np.nan)
        weights = video_weights(videos, seed=seed)
        for s in range(systems):
            totals, shares = weights @ values[s].T, weights @ present[s].T.astype(np.float64)
            replicates = totals / np.where(shares > 0, shares, np.nan)  # a draw may miss every video of a bin
            for b in np.flatnonzero(counts[s] > 1):
                drawn = replicates[:, b][~np.isnan(replicates[:, b])]
                low[s, b], high[s, b] = resampled_interval(drawn, int(counts[s, b]), confidence)
    return means, low, high


def _interval(low: float, high: float) -> Interval | None:
    return None if np.isnan(low) or np.isnan(high) else Interval(float(low), float(high))


def _label(low: float, high: float) -> str:
    return f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high:g}"
