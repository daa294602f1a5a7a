"""Resampling videos, for what is not a plain mean: bands of curves and BD-rates.

Whole videos are drawn with replacement (the cluster bootstrap), and all systems and all points of a curve share the
draws, so what the systems have in common cancels as it does in a paired test.

A plain percentile interval is too narrow with few videos: it uses the spread n rather than n - 1, and normal rather
than Student quantiles. `resampled_interval` widens the percentiles to make up for both.
"""

import functools
import math

import numpy as np
from jaxtyping import Float64

from bench.stats import CONFIDENCE

RESAMPLES = 1_000


@functools.lru_cache(maxsize=4)  # a table asks for the same draws dozens of times
def video_weights(videos: int, resamples: int = RESAMPLES, seed: int = 0) -> Float64[np.ndarray, "resample video"]:
    """How much each video weighs in each resample; rows sum to 1. `weights @ values` are resampled means. Read-only.

    >>> video_weights(4, resamples=3).sum(axis=1).tolist()
    [1.0, 1.0, 1.0]
    """
    drawn = np.random.default_rng(seed).integers(0, videos, size=(resamples, videos))
    cells = (drawn + videos * np.arange(resamples)[:, None]).reshape(-1)
    weights = np.bincount(cells, minlength=resamples * videos).reshape(resamples, videos) / videos
    weights.flags.writeable = False
    return weights


def resampled_interval(
    replicates: Float64[np.ndarray, "resample *batch"], videos: int, confidence: float = CONFIDENCE
) -> tuple[Float64[np.ndarray, "*batch"], Float64[np.ndarray, "*batch"]]:
    """(low, high): the expanded percentile interval over the first axis (Hesterberg, 2015, section 3.3).

    The tail on each side is Φ(-√(n / (n - 1)) · t(n - 1)) instead of 2.5 %, which makes the interval of a mean agree
    with Student's t. NaN where there are fewer than two videos, or where any replicate is NaN.

    >>> means = video_weights(10, seed=1) @ np.arange(10.0)
    >>> low, high = resampled_interval(means, videos=10)
    >>> bool(1.5 < low < 2.5 and 6.5 < high < 7.5)  # Student's t: 2.33 to 6.67
    True
    """
    if videos < 2:
        nothing = np.full(replicates.shape[1:], np.nan)
        return nothing, nothing
    from scipy.special import ndtr, stdtrit

    t = stdtrit(videos - 1, 0.5 + confidence / 2)
    tail = float(ndtr(-math.sqrt(videos / (videos - 1)) * t))
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)
