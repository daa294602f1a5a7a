"""Logits as Elo points: a scale for display, never a way to estimate.

400 points are odds of 10 : 1. Fits, intervals and tests stay in logits, and an anchor moves all numbers together: it
cannot change who beats whom, because differences do not see it.
"""

import math

import numpy as np
from jaxtyping import Float64

POINTS_PER_LOGIT = 400 / math.log(10)
CENTRE = 1000.0


def elo(strengths: Float64[np.ndarray, " system"], anchor: int | None = None) -> Float64[np.ndarray, " system"]:
    """Elo points, with the mean of all systems, or the system `anchor`, at 1000.

    >>> elo(np.array([math.log(10), 0.0])).round(6).tolist(), elo(np.array([math.log(10), 0.0]), anchor=1).tolist()
    ([1200.0, 800.0], [1400.0, 1000.0])
    """
    zero = strengths.mean() if anchor is None else strengths[anchor]
    return np.asarray(CENTRE + POINTS_PER_LOGIT * (strengths - zero))


def win_probability(points: float) -> float:
    """The chance to win, if somebody wins, for a system that is `points` ahead.

    >>> win_probability(0), round(win_probability(400) * 11, 9)
    (0.5, 10.0)
    """
    return 1 / (1 + 10 ** (-points / 400))
