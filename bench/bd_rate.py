"""Bjøntegaard differences: how many bytes one memory saves against another at equal quality (BD-rate), and how
much better it is at equal bytes (BD-quality; BD-PSNR when the quality is PSNR).

Follows Bjøntegaard (VCEG-M33, 2001) with the piecewise cubic (PCHIP) interpolation that the video coding groups use
today: log rate over quality, integrated over the qualities that both curves reach, and nowhere else. A curve is the
mean over videos at each setting; intervals resample videos.

Decisions that move the number:
- Four points are the classical minimum. Two are enough to compute (PCHIP is then a line in log rate); fewer than four
  is said in `notes`.
- A setting that costs more and is no better than another is off the front: it is left out, and said in `notes`.
  Quality then rises strictly with rate, which the inversion needs.
- Curves that do not overlap give None and the reason. Nothing is extrapolated.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from bench.bootstrap import RESAMPLES, resampled_interval, video_weights
from bench.stats import CONFIDENCE, Interval

CLASSICAL_POINTS = 4
_MAY_FAIL = 0.05  # share of resamples that may lack an overlap before the interval is refused

Points = Float64[np.ndarray, "resample _"]  # the two curves may have different numbers of points
Kept = Bool[np.ndarray, "resample _"]


@dataclass(frozen=True)
class RateSweep:
    """One curve: a row a setting, a column a video. `rates` in bytes per second of history (positive);
    `qualities` with + for better."""

    rates: Float64[np.ndarray, "setting video"]
    qualities: Float64[np.ndarray, "setting video"]


@dataclass(frozen=True)
class Gap:
    """A mean gap over the `shared` stretch of two curves; `why_not` says why a value or an interval is missing."""

    value: float | None
    interval: Interval | None
    shared: Interval | None
    why_not: str = ""


@dataclass(frozen=True)
class Bjontegaard:
    """`rate` in percent (negative: fewer bytes at equal quality; `shared` in quality), `quality` in the
    metric's unit (positive: better at equal bytes; `shared` in bytes per second)."""

    rate: Gap
    quality: Gap
    videos: int
    notes: tuple[str, ...]


def bjontegaard(
    baseline: RateSweep,
    candidate: RateSweep,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Bjontegaard:
    """BD-rate and BD-quality of `candidate` against `baseline`, with intervals by resampling videos.

    Simulated coverage of the 95 % intervals at 10 to 50 videos: 92-96 %. Both sweeps have the same videos in the same
    columns. Raises `ValueError` when they do not, or when a rate
    is not positive or a value not finite.

    >>> rates = np.array([[1e3], [2e3], [4e3], [8e3]]) * np.ones(5)
    >>> quality = np.array([[24.0], [27.0], [30.0], [33.0]]) + np.arange(5)
    >>> bd = bjontegaard(RateSweep(rates, quality), RateSweep(rates / 2, quality))
    >>> round(bd.rate.value, 6), round(bd.quality.value, 6)
    (-50.0, 3.0)
    """
    _check(baseline, candidate)
    videos = baseline.rates.shape[1]
    notes = _count_notes(baseline, candidate)
    if min(len(baseline.rates), len(candidate.rates)) < 2:
        nothing = Gap(None, None, None, "a curve needs at least two settings")
        return Bjontegaard(nothing, nothing, videos, notes)
    weights = video_weights(videos, resamples, seed)
    base = _front(baseline, weights)
    test = _front(candidate, weights)
    if not (base[2][0].all() and test[2][0].all()):
        notes += ("settings that cost more and are no better were left out",)
    log_rate, shared_quality, quality, shared_rate = _gaps(base, test)
    return Bjontegaard(
        _gap(100 * np.expm1(log_rate), shared_quality, videos, confidence),
        _gap(quality, np.exp(shared_rate), videos, confidence),
        videos,
        notes,
    )


def _check(baseline: RateSweep, candidate: RateSweep) -> None:
    shapes = [a.shape for s in (baseline, candidate) for a in (s.rates, s.qualities)]
    if shapes[0] != shapes[1] or shapes[2] != shapes[3] or shapes[0][1] != shapes[2][1] or shapes[0][1] == 0:
        raise ValueError(f"two sweeps over the same videos are needed, not shapes {shapes}")
    for sweep in (baseline, candidate):
        if not (np.isfinite(sweep.rates).all() and np.isfinite(sweep.qualities).all() and (sweep.rates > 0).all()):
            raise ValueError("rates must be positive, and rates and qualities finite")


def _count_notes(baseline: RateSweep, candidate: RateSweep) -> tuple[str, ...]:
    fewest = min(len(baseline.rates), len(candidate.rates))
    return (f"only {fewest} settings on a curve, four are usual",) if fewest < CLASSICAL_POINTS else ()


def _front(sweep: RateSweep, weights: Float64[np.ndarray, "draw video"]) -> tuple[Points, Points, Kept]:
    """The measured means first, then per resample: log rate and quality in order of rate, and which points are better
    than all cheaper ones."""
    rate, quality = (np.vstack([a.mean(axis=1), weights @ a.T]) for a in (sweep.rates, sweep.qualities))
    rate = np.log(rate)
    order = np.lexsort((-quality, rate), axis=-1)
    rate, quality = np.take_along_axis(rate, order, -1), np.take_along_axis(quality, order, -1)
    best_before = np.maximum.accumulate(quality, axis=1)[:, :-1]
    keep = np.ones(quality.shape, dtype=bool)
    keep[:, 1:] = quality[:, 1:] > best_before
    return rate, quality, keep


def _gaps(
    base: tuple[Points, Points, Kept],
    test: tuple[Points, Points, Kept],
) -> tuple[Float64[np.ndarray, " resample"], Points, Float64[np.ndarray, " resample"], Points]:
    """Log-rate gap with its shared qualities, quality gap with its shared log rates; NaN where undefined.

    Resamples whose fronts keep the same points are computed together.
    """
    keep = np.concatenate([base[2], test[2]], axis=1)
    patterns, which = np.unique(keep, axis=0, return_inverse=True)
    count = len(keep)
    log_rate, quality = np.full(count, np.nan), np.full(count, np.nan)
    shared_quality, shared_rate = np.full((count, 2), np.nan), np.full((count, 2), np.nan)
    split = base[2].shape[1]
    for i, pattern in enumerate(patterns):
        rows, b, t = np.flatnonzero(which.reshape(-1) == i), pattern[:split], pattern[split:]
        if min(b.sum(), t.sum()) < 2:
            continue
        b_rate, b_quality = base[0][np.ix_(rows, b)], base[1][np.ix_(rows, b)]
        t_rate, t_quality = test[0][np.ix_(rows, t)], test[1][np.ix_(rows, t)]
        log_rate[rows], shared_quality[rows] = _mean_gap(b_quality, b_rate, t_quality, t_rate)
        quality[rows], shared_rate[rows] = _mean_gap(b_rate, b_quality, t_rate, t_quality)
    return log_rate, shared_quality, quality, shared_rate


def _mean_gap(x_base: Points, y_base: Points, x_test: Points, y_test: Points) -> tuple[np.ndarray, np.ndarray]:
    """Mean of test - base over the stretch of x that both cover, and that stretch; NaN where there is none."""
    low = np.maximum(x_base[:, 0], x_test[:, 0])
    high = np.minimum(x_base[:, -1], x_test[:, -1])
    shared = np.stack([low, high], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = pchip_integral(x_test, y_test, low, high) - pchip_integral(x_base, y_base, low, high)
        return np.where(high > low, area / (high - low), np.nan), shared


def _gap(values: Float64[np.ndarray, " resample"], shared: Points, videos: int, confidence: float) -> Gap:
    """The first row is the estimate, the others are its resamples."""
    stretch = Interval(float(shared[0, 0]), float(shared[0, 1]))
    if math.isnan(values[0]):
        known = not math.isnan(stretch.low)
        why = "the curves do not overlap" if known else "fewer than two settings are on the front"
        return Gap(None, None, None, why)
    estimate, replicates = float(values[0]), values[1:]
    if videos < 2:
        return Gap(estimate, None, stretch, "one video has no interval")
    failed = float(np.isnan(replicates).mean())
    if failed > _MAY_FAIL:
        return Gap(estimate, None, stretch, f"the curves do not overlap in {failed:.0%} of the resamples")
    low, high = resampled_interval(replicates[~np.isnan(replicates)], videos, confidence)
    return Gap(estimate, Interval(float(low), float(high)), stretch)


def pchip_integral(
    x: Points, y: Points, low: Float64[np.ndarray, " resample"], high: Float64[np.ndarray, " resample"]
) -> Float64[np.ndarray, " resample"]:
    """The integral from `low` to `high` of each row's monotone cubic through (x, y); x rises strictly.

    The same curve as `scipy.interpolate.PchipInterpolator`, for many rows at once and without that import.

    >>> x = np.array([[0.0, 1.0, 3.0]])
    >>> pchip_integral(x, 2 * x, np.array([0.5]), np.array([2.0])).tolist()
    [3.75]
    """
    h = np.diff(x, axis=1)
    slope = np.diff(y, axis=1) / h
    d = _pchip_slopes(h, slope)
    # y(x_i + s) = y + d s + c2 s^2 + c3 s^3 on each piece
    c2 = (3 * slope - 2 * d[:, :-1] - d[:, 1:]) / h
    c3 = (d[:, :-1] + d[:, 1:] - 2 * slope) / h**2

    def area(to: Float64[np.ndarray, " resample"]) -> Float64[np.ndarray, " resample"]:
        s = np.clip(to[:, None] - x[:, :-1], 0.0, h)
        pieces = s * (y[:, :-1] + s * (d[:, :-1] / 2 + s * (c2 / 3 + s * c3 / 4)))
        return np.asarray(pieces.sum(axis=1))

    return np.asarray(area(high) - area(low))


def _pchip_slopes(h: Points, slope: Points) -> Points:
    """Derivatives at the points: weighted harmonic means inside (Fritsch & Butland, 1984), one-sided
    three-point ones at the ends, limited so that the curve never overshoots (Moler, 2004)."""
    if h.shape[1] == 1:
        return np.repeat(slope, 2, axis=1)
    w1, w2 = 2 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2 * h[:, :-1]
    left, right = slope[:, :-1], slope[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.where(left * right > 0, (w1 + w2) / (w1 / left + w2 / right), 0.0)
    first = _end_slope(h[:, 0], h[:, 1], slope[:, 0], slope[:, 1])
    last = _end_slope(h[:, -1], h[:, -2], slope[:, -1], slope[:, -2])
    return np.concatenate([first[:, None], inner, last[:, None]], axis=1)


def _end_slope(h0: np.ndarray, h1: np.ndarray, m0: np.ndarray, m1: np.ndarray) -> np.ndarray:
    d: np.ndarray = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    d = np.where(np.sign(d) != np.sign(m0), 0.0, d)
    return np.asarray(np.where((np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3 * np.abs(m0)), 3 * m0, d))
