"""Sensitivity against refitting by hand and against trying every vote; rates and metrics against statsmodels."""

import numpy as np
import pytest
import statsmodels.api
from unit.preference_studies import study

from suites.preference.fit import fit
from suites.preference.metric_agreement import metric_agreement
from suites.preference.models import DAVIDSON, DECISIVE, HALF_TIES, TieModel
from suites.preference.rates import both_bad, clustered_mean
from suites.preference.sensitivity import by_model, votes_to_flip, without_each
from suites.preference.votes import Outcome, Vote, count, gather

STRENGTHS = np.array([0.5, 0.0, -0.5])


def test_each_model_is_its_own_fit() -> None:
    votes = study(np.random.default_rng(1), 10, 5, 30, STRENGTHS)
    found = by_model(votes)
    assert found["half-ties"].strengths == pytest.approx(fit(count(votes), HALF_TIES).strengths)
    assert np.ptp(found["half-ties"].strengths) < np.ptp(found["davidson"].strengths)


@pytest.mark.parametrize("model", [DAVIDSON, DECISIVE])
def test_leaving_a_rater_or_a_prompt_out_is_fitting_the_others(model: TieModel) -> None:
    votes = study(np.random.default_rng(1), 10, 5, 30, STRENGTHS)
    fitted = fit(count(votes), model)
    raters, prompts = without_each(votes, fitted, "rater"), without_each(votes, fitted, "prompt")
    for at in range(5):
        others = fit(count(votes.where(votes.rater != at)), model)
        assert raters[at] == pytest.approx(others.strengths, abs=1e-9)
        others = fit(count(votes.where(votes.prompt != at)), model)
        assert prompts[at] == pytest.approx(others.strengths, abs=1e-9)
    alone = votes.where(votes.rater == 3)
    assert np.isnan(without_each(alone, fit(count(alone), model), "rater")[3]).all()


@pytest.mark.parametrize("seed", range(4))
def test_fewest_votes_to_flip_the_first_place(seed: int) -> None:
    """The named number flips it by the definition, and where it says more than one, no single vote does."""
    votes = study(np.random.default_rng(seed), 8, 5, 12, np.array([0.15, 0.0, -0.1]))
    counts = count(votes)
    fitted = fit(counts)
    flip = votes_to_flip(votes, fitted)
    assert flip is not None and flip.rival != np.argmax(fitted.strengths)
    flipped = []
    for cell in np.argwhere(counts > 0):
        fewer = counts.copy()
        fewer[tuple(cell)] -= 1
        strengths = fit(fewer).strengths
        first = np.argmax(fitted.strengths)
        flipped.append(np.delete(strengths, first).max() >= strengths[first] - 1e-9)
    assert any(flipped) == (flip.votes == 1)


def test_a_distant_winner_takes_more_votes_to_flip() -> None:
    near, far = (
        votes_to_flip(votes, fit(count(votes)))
        for votes in (study(np.random.default_rng(0), 20, 5, 30, top * STRENGTHS) for top in (0.3, 2.0))
    )
    assert near is not None and (far is None or far.votes > 3 * near.votes)


def test_clustered_mean_matches_statsmodels() -> None:
    from scipy.stats import t

    draw = np.random.default_rng(0)
    rater, prompt = draw.integers(15, size=300), draw.integers(12, size=300)
    values = draw.normal(0, 1, 15)[rater] + draw.normal(0, 1, 12)[prompt] + draw.normal(0, 1, 300)

    def variance(groups: np.ndarray) -> float:
        ols = statsmodels.api.OLS(values, np.ones(300))
        kinds = {"groups": groups, "use_correction": False}
        return float(ols.fit(cov_type="cluster", cov_kwds=kinds).cov_params()[0, 0])

    a, b = variance(rater) * 15 / 14, variance(prompt) * 12 / 11
    error = np.sqrt(max(variance(np.arange(300)), a, b, a + b - variance(rater * 12 + prompt)))
    rate = clustered_mean(values, rater, prompt)
    assert rate.interval is not None and rate.mean == pytest.approx(values.mean())
    assert rate.interval.high - values.mean() == pytest.approx(error * t.ppf(0.975, 11))


def test_both_bad_counts_what_was_judged() -> None:
    votes = gather(
        [
            Vote("a", "b", "both_bad", "r", "p"),
            Vote("a", "b", "cannot_judge", "s", "p"),
            Vote("c", "a", "tie", "r", "q"),
        ]
    )
    assert [rate.mean for rate in both_bad(votes)] == [0.5, 1.0, 0.0]
    assert [rate.votes for rate in both_bad(votes)] == [2, 1, 1]
    assert both_bad(votes.where(votes.left == 2))[1].mean is None


def test_a_metric_that_knows_and_one_that_tosses_a_coin() -> None:
    draw = np.random.default_rng(3)
    votes = study(draw, 40, 40, 50, np.array([1.0, 0.3, -0.3, -1.0]))
    strengths = fit(count(votes)).strengths
    knows = metric_agreement(votes, strengths, np.repeat(strengths[:, None], 40, axis=1))
    decisive = votes.where(votes.outcome < Outcome.TIE)
    stronger = strengths[decisive.left] > strengths[decisive.right]
    assert knows.accuracy.mean == pytest.approx((stronger == (decisive.outcome == Outcome.LEFT)).mean())
    assert knows.kendall == knows.spearman == pytest.approx(1.0)
    backwards = metric_agreement(votes, strengths, np.repeat(strengths[:, None], 40, axis=1), higher_is_better=False)
    assert backwards.accuracy.mean == pytest.approx(1 - knows.accuracy.mean) and backwards.kendall == pytest.approx(-1)
    coin = metric_agreement(votes, strengths, draw.normal(size=(4, 40)))
    assert coin.accuracy.interval is not None and coin.accuracy.interval.low < 0.5 < coin.accuracy.interval.high


def test_clips_without_a_score_are_counted_and_constant_metrics_have_no_order() -> None:
    votes = study(np.random.default_rng(0), 6, 4, 20, STRENGTHS)
    scores = np.ones((3, 4))
    scores[1, 2] = np.nan
    found = metric_agreement(votes, STRENGTHS, scores)
    touched = (votes.prompt == 2) & ((votes.left == 1) | (votes.right == 1)) & (votes.outcome < Outcome.TIE)
    assert found.unscored == touched.sum() > 0
    assert found.accuracy.mean == 0.5 and found.accuracy.interval is None and found.kendall is None
