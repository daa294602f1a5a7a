"""What samples allow to be said: percentiles, slopes against scipy and numpy, and the verdict on two versions."""

import math

import numpy as np
import pytest
from scipy import stats

from suites.cost.summary import LEAST, compared, drift, percentile, rounds_needed, settled, slope


@pytest.mark.parametrize("percent", [95, 99])
def test_a_percentile_needs_as_many_samples_as_bound_it(percent: int) -> None:
    least = LEAST[percent]
    share = percent / 100
    assert share**least < 0.05 <= share ** (least - 1)
    samples = list(np.random.default_rng(0).normal(size=least))
    assert percentile(samples[:-1], percent) is None
    assert percentile(samples, percent) == np.percentile(samples, percent, method="inverted_cdf")


def test_a_slope_and_its_interval_are_those_of_ordinary_least_squares() -> None:
    x = np.array([5.0, 10.0, 20.0, 60.0, 120.0])
    y = 3.0 * x + 7.0 + np.random.default_rng(1).normal(size=5)
    ours, theirs = slope(x.tolist(), y.tolist()), stats.linregress(x, y)
    half = theirs.stderr * stats.t.ppf(0.975, 3)
    assert ours is not None and ours.interval is not None
    assert ours.per_x == pytest.approx(theirs.slope) and ours.at_zero == pytest.approx(theirs.intercept)
    assert ours.interval == pytest.approx((theirs.slope - half, theirs.slope + half))
    assert slope([5.0, 5.0], [1.0, 2.0]) is None
    assert slope([5.0, 10.0], [1.0, 2.0]).interval is None


def test_a_warm_up_that_still_falls_goes_on() -> None:
    assert not settled([100.0, 80.0, 60.0, 50.0, 40.0])
    assert settled([100.0, 51.0, 50.0, 50.5, 50.2])
    assert drift([1.0] * 9) is None


def test_equal_versions_are_rarely_called_slower_and_slow_ones_are() -> None:
    draw = np.random.default_rng(2)
    equal = [compared(draw.normal(0.0, 0.02, 6).tolist()).verdict for _ in range(400)]
    slow = [compared(draw.normal(math.log(1.2), 0.02, 6).tolist()).verdict for _ in range(400)]
    noisy = [compared(draw.normal(math.log(1.05), 0.1, 6).tolist()).verdict for _ in range(400)]
    assert equal.count("slower") + equal.count("faster") <= 4
    assert equal.count("no relevant difference") > 300
    assert slow.count("slower") > 390
    assert noisy.count("inconclusive") > 300 and noisy.count("slower") < 25


def test_one_round_decides_nothing() -> None:
    assert compared([0.7]).verdict == "inconclusive" and compared([0.7]).interval is None


def test_the_rounds_that_are_needed_decide_and_one_less_does_not() -> None:
    logs = [0.05, -0.05, 0.05, -0.05]
    needed = rounds_needed(logs)
    assert needed is not None and compared(logs).verdict == "inconclusive"

    def at(rounds: int) -> str:
        """The same mean and spread in so many rounds."""
        values = np.resize([1.0, -1.0], rounds)
        values = (values - values.mean()) / values.std(ddof=1) * np.std(logs, ddof=1)
        return compared(values.tolist()).verdict

    assert at(needed) == "no relevant difference" and at(needed - 1) == "inconclusive"
    assert rounds_needed([0.1]) is None and rounds_needed([math.log(1.05) + 0.1, math.log(1.05) - 0.1]) is None
