"""How sure we are of a mean, of a difference and of a rank.

The unit is the video. Moments of one video rise and fall together, so a test that counts them as independent
finds "significant" differences between a model and itself more than half of the time
(tests/unit/test_stats_simulation.py shows it). Callers therefore reduce to one number per video first; nothing
here sees a moment. Intervals and tests are Student's t over videos: measured by simulation it keeps its promise from
10 videos on, where a percentile bootstrap does not. Curves and BD-rates, which are no plain means, resample videos
instead (bench/bootstrap.py).

Answers that do not exist are None (or NaN in arrays), never 0: one video has no interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

CONFIDENCE = 0.95
EXACT_SIGN_FLIPS = 14  # up to this many videos, all sign patterns are tried: 2**13 of them
SIGN_FLIPS = 9_999
_NO_SPREAD = 1e-10  # a spread this small against the differences themselves is rounding, not variation
_CHUNK = 1 << 21  # signs held at once: 16 MiB


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` videos; `interval` is None when there are fewer than two."""

    mean: float
    interval: Interval | None
    n: int


class TTest(NamedTuple):
    """Arrays of the batch's shape. NaN: no pair (mean), or fewer than two pairs (half_width, p)."""

    mean: Float64[np.ndarray, "*batch"]
    half_width: Float64[np.ndarray, "*batch"]
    p: Float64[np.ndarray, "*batch"]
    n: Int64[np.ndarray, "*batch"]


def exact_mean(values: Sequence[float]) -> float:
    """The mean, its sum rounded once (`math.fsum`): the order of the values cannot change a digit.

    >>> exact_mean([1e16, 1.0, -1e16, 1.0])
    0.5
    """
    return math.fsum(values) / len(values)


def mean_interval(values: Sequence[float] | Float64[np.ndarray, " video"], confidence: float = CONFIDENCE) -> Estimate:
    """The mean over videos with Student's t interval, mean ± t(n - 1) · s / √n (Student, 1908).

    Simulated coverage of the 95 % interval at 10, 20 and 50 videos: 94-96 % for normal video effects, 93-96 %
    for mildly skewed ones (skewness 1), about 91 % at 10 videos for strongly skewed ones (skewness 2).

    Raises `ValueError` for no values, or for one that is not finite: a score that could not be computed is a
    failure, and belongs to the coverage, not to the mean.

    >>> mean_interval([1.0, 2.0, 3.0])
    Estimate(mean=2.0, interval=Interval(low=-0.484..., high=4.484...), n=3)
    >>> mean_interval([31.5]).interval is None
    True
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError("a mean needs at least one value, and only finite ones")
    mean = exact_mean(array.tolist())
    half = float(t_test(array, confidence).half_width)
    return Estimate(mean, None if math.isnan(half) else Interval(mean - half, mean + half), array.size)


def t_test(differences: Float64[np.ndarray, "*batch video"], confidence: float = CONFIDENCE) -> TTest:
    """Paired t-tests of "the mean difference is 0", one per row. A pair that is missing is NaN and is left out.

    t = mean · √n / s with n - 1 degrees of freedom, p two-sided (as `scipy.stats.ttest_1samp`). Where all
    differences of a row are the same number there is no spread to judge by, and t would claim certainty; all that n
    equal signs show is p = 2 / 2ⁿ (the sign-flip test), and 1 where that number is 0.

    >>> test = t_test(np.array([[0.1, 0.3, 0.2, np.nan], [0.5, 0.5, 0.5, 0.5]]))
    >>> test.n.tolist(), test.p.round(4).tolist()
    ([3, 4], [0.0742, 0.125])
    """
    from scipy.special import stdtr, stdtrit  # not scipy.stats, which takes seconds to import

    present = ~np.isnan(differences)
    n = present.sum(axis=-1)
    values = np.where(present, differences, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=-1) / n
        deviations = np.where(present, differences - mean[..., None], 0.0)
        spread = np.sqrt((deviations**2).sum(axis=-1) / np.where(n > 1, n - 1, np.nan))
        no_spread = spread <= _NO_SPREAD * np.abs(values).max(axis=-1, initial=0.0)
        spread = np.where(no_spread, 0.0, spread)
        error = spread / np.sqrt(n)
        df = np.maximum(n - 1, 1)
        p = 2.0 * stdtr(df, -np.abs(mean / error))
        p = np.where(no_spread, np.where(mean == 0.0, 1.0, 2.0 * 0.5**n), p)
        half = error * stdtrit(df, 0.5 + confidence / 2)
    return TTest(np.asarray(mean), np.asarray(half), np.asarray(p), np.asarray(n, dtype=np.int64))


def sign_flip_p(differences: Float64[np.ndarray, "*batch video"], seed: int = 0) -> Float64[np.ndarray, "*batch"]:
    """Two-sided p of "each video's difference could as well have had the other sign" (Fisher's randomisation test).

    Assumes symmetry instead of normality, so it checks the t-test. Exact over all 2ⁿ sign patterns up to
    14 videos; above that 9,999 seeded random ones, with p = (1 + as extreme) / 10,000, which is valid and never 0
    (Phipson & Smyth, 2010). NaN marks a missing pair. All rows share the patterns. NaN for a row without pairs.

    >>> float(sign_flip_p(np.array([0.1, 0.3, 0.2])))  # 2 of the 8 patterns are as extreme
    0.25
    """
    videos = differences.shape[-1]
    rows = np.nan_to_num(differences.reshape(-1, videos), nan=0.0)
    observed = np.abs(rows.sum(axis=1))
    threshold = observed - 1e-12 * np.abs(rows).sum(axis=1)  # equal sums, added in another order, count as equal
    exact = videos <= EXACT_SIGN_FLIPS
    extreme = np.zeros(len(rows), dtype=np.int64)
    # p is symmetric under flipping everything, so in the exact case the first sign stays +
    total = 1 << max(videos - 1, 0) if exact else SIGN_FLIPS
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(videos, 1))
    for start in range(0, total, step):
        patterns = np.arange(start, min(start + step, total))
        if exact:
            bits = ((patterns[:, None] >> np.arange(videos)) & 1).astype(np.uint8)
        else:
            packed = rng.integers(0, 256, size=(len(patterns), -(-videos // 8)), dtype=np.uint8)
            bits = np.unpackbits(packed, axis=1, count=videos)
        signs = 1.0 - 2.0 * bits
        extreme += (np.abs(signs @ rows.T) >= threshold).sum(axis=0)
    p = extreme / total if exact else (1 + extreme) / (1 + total)
    p = np.where(np.isnan(differences.reshape(-1, videos)).all(axis=1), np.nan, p)
    return np.asarray(p.reshape(differences.shape[:-1]))


def holm(p: Float64[np.ndarray, " test"]) -> Float64[np.ndarray, " test"]:
    """Holm's step-down adjusted p (Holm, 1979): reject where it is at most alpha, and the chance of even one false
    rejection in the whole family stays at most alpha, however the tests depend on each other.

    The i-th smallest of m becomes max over j <= i of (m - j + 1) · p_j, at most 1. NaN (not tested) stays NaN and
    does not count in m.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted


def rank_intervals(
    differences: Float64[np.ndarray, "system system"], p: Float64[np.ndarray, "system system"], alpha: float = 0.05
) -> list[tuple[int, int]]:
    """The ranks each system may have: (1 + systems shown to be better, systems - systems shown to be worse).

    `differences[i, j]` is the mean by which system i beats system j (+ is better) and `p[i, j]` the p of that paired
    test; only i < j is read. Shown means Holm-adjusted over all pairs, so with probability 1 - alpha all
    intervals contain their true rank at once (Mogstad, Romano, Shaikh & Wilhelm, 2024). Systems with the same best
    rank are not told apart: a tie.

    >>> gap = np.array([[0, 0.1, 2.0], [-0.1, 0, 1.9], [-2.0, -1.9, 0]])
    >>> rank_intervals(gap, np.array([[1, 0.6, 1e-4], [0.6, 1, 1e-4], [1e-4, 1e-4, 1]]))
    [(1, 2), (1, 2), (3, 3)]
    """
    systems = len(differences)
    upper = np.triu_indices(systems, k=1)
    shown = np.zeros((systems, systems), dtype=bool)
    shown[upper] = holm(p[upper]) <= alpha
    gaps = np.zeros((systems, systems))
    gaps[upper] = np.nan_to_num(differences[upper])
    beats = (shown & (gaps > 0)) | (shown & (gaps < 0)).T
    return [(1 + int(beats[:, i].sum()), systems - int(beats[i].sum())) for i in range(systems)]
