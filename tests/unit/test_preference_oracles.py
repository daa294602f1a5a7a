"""The same votes go into choix, statsmodels and evalica; their strengths and ours agree to a millionth of a logit."""

import choix
import evalica
import numpy as np
import pytest
import statsmodels.api
from unit.preference_studies import study

from suites.preference.connect import connection
from suites.preference.elo import elo, win_probability
from suites.preference.fit import fit
from suites.preference.intervals import cluster_scores, contrasts
from suites.preference.models import DAVIDSON, DECISIVE, HALF_TIES, MODELS, RAO_KUPPER, TieModel
from suites.preference.votes import Outcome, Votes, count

TIGHT = 1e-6


@pytest.fixture(scope="module")
def votes() -> Votes:
    return study(np.random.default_rng(7), raters=30, prompts=20, per_rater=40, strengths=np.linspace(-0.6, 0.6, 5))


def centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def test_decisive_matches_choix(votes: Votes) -> None:
    wins = votes.where(votes.outcome < Outcome.TIE)
    left_won = wins.outcome == Outcome.LEFT
    pairs = list(zip(np.where(left_won, wins.left, wins.right), np.where(left_won, wins.right, wins.left), strict=True))
    oracle = choix.opt_pairwise(5, [(int(a), int(b)) for a, b in pairs], alpha=0.0, tol=1e-12)
    ours = fit(count(votes), DECISIVE, side=False)
    assert np.abs(ours.strengths - centred(oracle)).max() < TIGHT


def evalica_winners(votes: Votes) -> list[evalica.Winner]:
    winners = {Outcome.LEFT: evalica.Winner.X, Outcome.RIGHT: evalica.Winner.Y, Outcome.TIE: evalica.Winner.Draw}
    return [winners[Outcome(outcome)] for outcome in votes.outcome]


def test_half_ties_match_evalica(votes: Votes) -> None:
    result = evalica.bradley_terry(
        votes.left.tolist(), votes.right.tolist(), evalica_winners(votes), tolerance=1e-13, limit=100_000
    )
    ours = fit(count(votes), HALF_TIES, side=False)
    assert np.abs(ours.strengths - centred(np.log(result.scores.sort_index().to_numpy()))).max() < TIGHT


def test_davidson_matches_evalica(votes: Votes) -> None:
    """Newman's algorithm fits the same likelihood, with ν written as 2ν."""
    result = evalica.newman(
        votes.left.tolist(), votes.right.tolist(), evalica_winners(votes), tolerance=1e-13, limit=100_000
    )
    ours = fit(count(votes), DAVIDSON, side=False)
    assert np.abs(ours.strengths - centred(np.log(result.scores.sort_index().to_numpy()))).max() < TIGHT
    assert ours.log_tie is not None and np.exp(ours.log_tie) == pytest.approx(2 * result.v, abs=TIGHT)


def design(votes: Votes) -> np.ndarray:
    """Strengths of systems 1.. against system 0, then the side."""
    rows = np.zeros((len(votes), len(votes.systems) + 1))
    at = np.arange(len(votes))
    rows[at, votes.left], rows[at, votes.right], rows[:, -1] = 1.0, -1.0, 1.0
    return rows[:, 1:]


def test_side_effect_and_clustered_errors_match_statsmodels(votes: Votes) -> None:
    wins = votes.where(votes.outcome < Outcome.TIE)
    logit = statsmodels.api.Logit((wins.outcome == Outcome.LEFT).astype(float), design(wins))
    oracle = logit.fit(disp=False, tol=1e-13)
    ours = fit(count(wins), DECISIVE)
    assert np.abs(np.diff(ours.strengths, prepend=0)[1:] - np.diff(oracle.params[:-1], prepend=0)).max() < TIGHT
    assert ours.side == pytest.approx(oracle.params[-1], abs=TIGHT)
    assert ours.log_likelihood == pytest.approx(oracle.llf, abs=TIGHT)

    kinds = {"groups": wins.rater}
    clustered = logit.fit(disp=False, tol=1e-13, cov_type="cluster", cov_kwds={**kinds, "use_correction": False})
    scores = cluster_scores(wins, ours, wins.rater)
    bread = np.linalg.pinv(ours.information)
    covariance = bread @ scores.T @ scores @ bread
    against_first = np.eye(6)[1:].copy()
    against_first[:-1, 0] = -1.0
    assert np.abs(against_first @ covariance @ against_first.T - clustered.cov_params()).max() < TIGHT


def test_half_width_is_the_largest_of_the_four(votes: Votes) -> None:
    """Each ingredient from statsmodels, put together by hand with R/(R-1), P/(P-1) and t."""
    from scipy.stats import t

    wins = votes.where(votes.outcome < Outcome.TIE)
    logit = statsmodels.api.Logit((wins.outcome == Outcome.LEFT).astype(float), design(wins))
    plain = {"use_correction": False}

    def variance(groups: np.ndarray) -> np.ndarray:
        found = logit.fit(disp=False, tol=1e-13, cov_type="cluster", cov_kwds={"groups": groups, **plain})
        return np.diag(found.cov_params())

    by_rater, by_prompt = variance(wins.rater) * 30 / 29, variance(wins.prompt) * 20 / 19
    by_cell, independent = variance(wins.rater * 20 + wins.prompt), variance(np.arange(len(wins)))
    largest = np.max([independent, by_rater, by_prompt, by_rater + by_prompt - by_cell], axis=0)
    found = contrasts(wins, fit(count(wins), DECISIVE))
    assert found.half_width[0, 1:] == pytest.approx(np.sqrt(largest[:-1]) * t.ppf(0.975, 19), abs=TIGHT)
    assert found.side_half_width == pytest.approx(np.sqrt(largest[-1]) * t.ppf(0.975, 19), abs=TIGHT)


def test_davidson_with_side_matches_a_conditional_logit_of_statsmodels(votes: Votes) -> None:
    """Davidson's model is a conditional logit: three alternatives a vote, a group of rows each."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    x = design(votes)
    alternatives = np.stack([x / 2, -x / 2, np.zeros_like(x)], axis=1)
    tie = np.zeros((len(votes), 3, 1))
    tie[:, 2] = 1.0
    chosen = np.eye(3)[votes.outcome]
    rows = np.concatenate([alternatives, tie], axis=2).reshape(-1, x.shape[1] + 1)
    model = ConditionalLogit(chosen.reshape(-1), rows, groups=np.repeat(np.arange(len(votes)), 3))
    oracle = model.fit(disp=False, method="newton", tol=1e-13)
    ours = fit(count(votes), DAVIDSON)
    assert ours.strengths[1:] - ours.strengths[0] == pytest.approx(oracle.params[:4], abs=TIGHT)
    assert (ours.side, ours.log_tie) == pytest.approx(tuple(oracle.params[4:]), abs=TIGHT)


def test_rao_kupper_matches_an_ordered_logit_of_statsmodels(votes: Votes) -> None:
    """Right < tie < left with thresholds ∓t around the side effect is a cumulative logit with two cut points."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    order = np.array([2, 0, 1])[votes.outcome]
    oracle = OrderedModel(order, design(votes)[:, :-1], distr="logit").fit(disp=False, method="newton", tol=1e-9)
    low = oracle.params[4]
    high = low + np.exp(oracle.params[5])
    ours = fit(count(votes), RAO_KUPPER)
    assert ours.strengths[1:] - ours.strengths[0] == pytest.approx(oracle.params[:4], abs=TIGHT)
    assert ours.side == pytest.approx(-(low + high) / 2, abs=TIGHT)
    assert ours.log_tie is not None and np.exp(ours.log_tie) == pytest.approx((high - low) / 2, abs=TIGHT)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_slopes_are_slopes(model: TieModel, votes: Votes) -> None:
    d, log_tie, step = np.array([-2.0, 0.3, 5.0]), -0.4, 1e-6
    at = model.likelihood(d, log_tie)
    by_d = (model.likelihood(d + step, log_tie).log_p - model.likelihood(d - step, log_tie).log_p) / (2 * step)
    by_tie = (model.likelihood(d, log_tie + step).log_p - model.likelihood(d, log_tie - step).log_p) / (2 * step)
    assert at.score[..., 0] == pytest.approx(by_d, abs=1e-8)
    assert at.score[..., 1] == pytest.approx(by_tie, abs=1e-8)
    assert at.p.sum(axis=-1) == pytest.approx(1.0)
    assert connection(count(votes), model).sound


def test_elo_points_give_the_share_of_decisive_wins() -> None:
    points = elo(np.array([0.9, 0.2, -1.1]))
    assert points.mean() == pytest.approx(1000.0)
    p = DAVIDSON.likelihood(np.array([0.9 + 1.1]), np.log(0.7)).p[0]
    assert win_probability(float(points[0] - points[2])) == pytest.approx(p[0] / (p[0] + p[1]))
    assert elo(np.array([0.9, 0.2, -1.1]), anchor=1)[1] == 1000.0
