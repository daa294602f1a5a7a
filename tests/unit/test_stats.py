"""Statistics against SciPy, brute force and hand-computed values; how sure they are is in test_stats_simulation.py."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.bootstrap import resampled_interval, video_weights
from bench.stats import exact_mean, holm, mean_interval, rank_intervals, sign_flip_p, t_test

DRAW = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def drawn_anew() -> None:
    """The same draws in every test, whatever ran before it."""
    DRAW.bit_generator.state = np.random.default_rng(3).bit_generator.state


def test_t_test_is_scipys() -> None:
    rows = DRAW.normal(0.3, 1.0, (7, 13))
    test = t_test(rows)
    theirs = scipy.stats.ttest_1samp(rows, 0.0, axis=1)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(test.p, theirs.pvalue, rtol=1e-10)
    np.testing.assert_allclose(test.mean - test.half_width, interval.low, rtol=1e-10)
    np.testing.assert_allclose(test.mean + test.half_width, interval.high, rtol=1e-10)


def test_missing_pairs_are_left_out() -> None:
    rows = DRAW.normal(0.3, 1.0, (3, 12))
    holes = rows.copy()
    holes[1, [2, 5, 6]] = np.nan
    test, flips = t_test(holes), sign_flip_p(holes)
    alone = holes[1][~np.isnan(holes[1])]
    assert test.n.tolist() == [12, 9, 12]
    assert test.p[1] == pytest.approx(scipy.stats.ttest_1samp(alone, 0.0).pvalue, rel=1e-10)
    assert flips[1] == pytest.approx(float(sign_flip_p(alone)))


def test_confidence_widens_the_interval() -> None:
    values = [1.0, 2.0, 4.0, 7.0]
    theirs = scipy.stats.t.interval(0.99, 3, np.mean(values), scipy.stats.sem(values))
    ours = mean_interval(values, confidence=0.99)
    assert ours.interval == pytest.approx(theirs)
    assert ours.n == 4


def test_what_does_not_exist_is_none_or_nan_and_never_zero() -> None:
    assert mean_interval([3.5]).interval is None
    one, none = t_test(np.array([[0.4, np.nan], [np.nan, np.nan]])).p
    assert math.isnan(one) and math.isnan(none)
    assert math.isnan(float(sign_flip_p(np.array([np.nan, np.nan]))))


@pytest.mark.parametrize("bad", [[], [1.0, math.nan], [1.0, math.inf]])
def test_means_refuse_what_is_no_score(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_interval(bad)


def test_no_spread_does_not_claim_certainty() -> None:
    same = np.full(6, 0.2)
    assert float(t_test(same).p) == 2 / 2**6 == float(sign_flip_p(same))
    assert float(t_test(same + 1e-16 * np.arange(6)).p) == 2 / 2**6  # rounding is no variation
    assert float(t_test(np.zeros(6)).p) == 1.0 == float(sign_flip_p(np.zeros(6)))
    assert mean_interval([0.25] * 6).interval == (0.25, 0.25)


def test_the_mean_does_not_depend_on_the_order() -> None:
    values = (DRAW.normal(size=1000) * 10.0 ** DRAW.integers(-8, 8, 1000)).tolist()
    assert exact_mean(values) == exact_mean(values[::-1]) == exact_mean(sorted(values))


def test_sign_flips_are_exact_up_to_fourteen_videos() -> None:
    for n in (1, 2, 5, 9):
        d = DRAW.normal(0.4, 1.0, n)
        sums = [
            abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in itertools.product((1, -1), repeat=n)
        ]
        assert float(sign_flip_p(d)) == np.mean([s >= abs(d.sum()) - 1e-12 for s in sums])
    d = DRAW.normal(0.5, 1.0, 14)
    theirs = scipy.stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert float(sign_flip_p(d)) == pytest.approx(theirs.pvalue)


def test_random_sign_flips_agree_with_all_of_them_and_repeat() -> None:
    d = DRAW.normal(0.35, 1.0, 17)
    signs = 1 - 2.0 * ((np.arange(1 << 16)[:, None] >> np.arange(17)) & 1)
    exact = (np.abs(signs @ d) >= abs(d.sum()) - 1e-12).mean()
    p = float(sign_flip_p(d, seed=1))
    assert abs(p - exact) < 4 * math.sqrt(exact * (1 - exact) / 9_999)
    assert p == float(sign_flip_p(d, seed=1)) != float(sign_flip_p(d, seed=2))
    assert float(sign_flip_p(np.ones(40))) == 1 / 10_000  # never 0


def holm_by_definition(p: list[float]) -> list[float]:
    """The smallest alpha at which Holm's procedure, run step by step, rejects each hypothesis."""

    def rejected(alpha: float) -> set[int]:
        out: set[int] = set()
        for i in sorted(range(len(p)), key=lambda i: p[i]):
            if p[i] > alpha / (len(p) - len(out)):
                break
            out.add(i)
        return out

    levels = sorted({min(1.0, p[i] * k) for i in range(len(p)) for k in range(1, len(p) + 1)})
    return [next((a for a in levels if i in rejected(a * (1 + 1e-12))), 1.0) for i in range(len(p))]


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=6, unique=True))
@settings(max_examples=60, deadline=None)
def test_holm_is_its_definition(p: list[float]) -> None:
    np.testing.assert_allclose(holm(np.array(p)), holm_by_definition(p), rtol=1e-9)


def test_holm_does_not_count_what_was_not_tested() -> None:
    adjusted = holm(np.array([0.01, math.nan, 0.04]))
    assert adjusted[[0, 2]].tolist() == [0.02, 0.04]
    assert math.isnan(adjusted[1])


def test_ranks_of_ties_and_of_clear_orders() -> None:
    means = np.array([3.0, 2.0, 1.0])
    gaps = means[:, None] - means
    assert rank_intervals(gaps, np.full((3, 3), 1e-6)) == [(1, 1), (2, 2), (3, 3)]
    assert rank_intervals(gaps, np.full((3, 3), 0.9)) == [(1, 3)] * 3
    assert rank_intervals(-gaps, np.full((3, 3), 1e-6)) == [(3, 3), (2, 2), (1, 1)]
    assert rank_intervals(np.zeros((1, 1)), np.ones((1, 1))) == [(1, 1)]
    untested = np.full((3, 3), np.nan)
    assert rank_intervals(untested, untested) == [(1, 3)] * 3


def test_resampled_interval_of_a_mean_is_students() -> None:
    values = DRAW.normal(size=12)
    low, high = resampled_interval(video_weights(12, resamples=20_000, seed=5) @ values, videos=12)
    theirs = mean_interval(values).interval
    assert theirs is not None
    width = theirs.high - theirs.low
    assert abs(low - theirs.low) < 0.06 * width and abs(high - theirs.high) < 0.06 * width


def test_one_video_cannot_be_resampled() -> None:
    low, high = resampled_interval(np.ones((10, 2)), videos=1)
    assert np.isnan(low).all() and np.isnan(high).all()
