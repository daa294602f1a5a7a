"""BD-rates against SciPy's PCHIP and quad, against closed forms, and where there is no answer."""

import math
import time

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator

from bench.bd_rate import RateSweep, bjontegaard, pchip_integral

RATES = np.array([1e3, 2e3, 4e3, 8e3])
QUALITY = np.array([24.0, 27.5, 30.0, 31.5])


def flat(rates: np.ndarray, quality: np.ndarray, videos: int = 4) -> RateSweep:
    """A sweep in which all videos are alike."""
    return RateSweep(np.outer(rates, np.ones(videos)), np.outer(quality, np.ones(videos)))


@pytest.mark.parametrize("points", [2, 3, 4, 9])
def test_pchip_integral_is_scipys(points: int) -> None:
    draw = np.random.default_rng(points)
    x = np.cumsum(draw.uniform(0.1, 2.0, (20, points)), axis=1)
    y = draw.normal(size=(20, points))  # not monotone: slopes change sign, ends overshoot
    low, high = x[:, 0] + 0.05, x[:, -1] - 0.02
    theirs = [PchipInterpolator(a, b).integrate(c, d) for a, b, c, d in zip(x, y, low, high, strict=True)]
    np.testing.assert_allclose(pchip_integral(x, y, low, high), theirs, rtol=1e-10, atol=1e-12)


def test_bd_rate_is_the_published_recipe() -> None:
    """VCEG-M33 with PCHIP, written out with SciPy."""
    other_rates, other_quality = np.array([0.8e3, 1.9e3, 3.1e3, 9e3]), np.array([25.0, 28.2, 30.1, 32.4])
    ours = bjontegaard(flat(RATES, QUALITY), flat(other_rates, other_quality))

    def gap(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> float:
        low, high = max(x0[0], x1[0]), min(x0[-1], x1[-1])
        a, b = (quad(PchipInterpolator(x, y), low, high, limit=200)[0] for x, y in ((x0, y0), (x1, y1)))
        return (b - a) / (high - low)

    logs = np.log10(RATES), np.log10(other_rates)
    assert ours.rate.value == pytest.approx((10 ** gap(QUALITY, logs[0], other_quality, logs[1]) - 1) * 100, abs=1e-5)
    assert ours.quality.value == pytest.approx(gap(logs[0], QUALITY, logs[1], other_quality), abs=1e-7)
    assert ours.rate.shared == (25.0, 31.5)
    assert ours.quality.shared == pytest.approx((1e3, 8e3))


def test_identical_and_halved_curves() -> None:
    same = bjontegaard(flat(RATES, QUALITY), flat(RATES, QUALITY))
    assert same.rate.value == same.quality.value == 0.0
    assert same.rate.interval == (0.0, 0.0)
    half = bjontegaard(flat(RATES, QUALITY), flat(RATES / 2, QUALITY))
    assert half.rate.value == pytest.approx(-50.0)
    assert half.notes == ()


def test_the_order_of_the_settings_does_not_matter() -> None:
    back = flat(RATES[::-1] * 0.7, QUALITY[::-1])
    assert bjontegaard(flat(RATES, QUALITY), back).rate.value == pytest.approx(-30.0)


def test_two_points_are_enough_and_said() -> None:
    bd = bjontegaard(flat(RATES[:2], QUALITY[:2]), flat(RATES[:2] * 2, QUALITY[:2]))
    assert bd.rate.value == pytest.approx(100.0)
    assert "only 2 settings" in bd.notes[0]
    one = bjontegaard(flat(RATES[:1], QUALITY[:1]), flat(RATES, QUALITY))
    assert one.rate.value is None and "two settings" in one.rate.why_not


def test_no_overlap_is_none_with_a_reason_and_never_extrapolated() -> None:
    bd = bjontegaard(flat(RATES, QUALITY), flat(RATES, QUALITY + 10))
    assert bd.rate.value is None and bd.rate.interval is None and "do not overlap" in bd.rate.why_not
    assert bd.quality.value == pytest.approx(10.0)  # the rates do overlap


def test_settings_off_the_front_are_left_out_and_said() -> None:
    wasteful = flat(np.append(RATES, 3e3), np.append(QUALITY, 26.0))
    bd = bjontegaard(flat(RATES, QUALITY), wasteful)
    assert bd.rate.value == pytest.approx(0.0, abs=1e-12)
    assert any("left out" in note for note in bd.notes)
    falling = bjontegaard(flat(RATES, QUALITY), flat(RATES, QUALITY[::-1]))
    assert falling.rate.value is None and "front" in falling.rate.why_not


def test_an_overlap_that_comes_and_goes_has_no_interval() -> None:
    draw = np.random.default_rng(0)
    effect = draw.normal(0, 5.0, 8)
    base = flat(RATES, QUALITY, 8)
    high = RateSweep(base.rates, base.qualities + (31.5 - 24.0) - effect.mean() + effect - 0.3)
    bd = bjontegaard(base, high)
    assert bd.rate.value is not None and bd.rate.interval is None
    assert "of the resamples" in bd.rate.why_not


def test_one_video_has_a_value_and_no_interval() -> None:
    bd = bjontegaard(flat(RATES, QUALITY, 1), flat(RATES / 2, QUALITY, 1))
    assert bd.rate.value == pytest.approx(-50.0)
    assert bd.rate.interval is None and "one video" in bd.rate.why_not


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan])
def test_impossible_rates_are_refused(rate: float) -> None:
    broken = flat(RATES, QUALITY)
    broken.rates[0, 0] = rate
    with pytest.raises(ValueError, match="positive"):
        bjontegaard(flat(RATES, QUALITY), broken)


def test_sweeps_over_other_videos_are_refused() -> None:
    with pytest.raises(ValueError, match="same videos"):
        bjontegaard(flat(RATES, QUALITY, 4), flat(RATES, QUALITY, 5))


def test_the_same_seed_gives_the_same_interval_and_resampling_is_cheap() -> None:
    draw = np.random.default_rng(1)
    base = RateSweep(np.outer(RATES, draw.uniform(0.5, 2, 50)), QUALITY[:, None] + draw.normal(0, 3, (4, 50)))
    others = [RateSweep(base.rates * draw.uniform(0.8, 1.2, 50), base.qualities) for _ in range(4)]
    start = time.perf_counter()
    first = [bjontegaard(base, other, seed=7) for other in others]
    assert time.perf_counter() - start < 5.0  # 0.1 s on an idle core: 1,000 resamples of 50 videos and 20 systems
    assert first == [bjontegaard(base, other, seed=7) for other in others]
    assert first[0].rate.interval != bjontegaard(base, others[0], seed=8).rate.interval
