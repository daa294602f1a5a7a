"""Many fits at once are the same fits one at a time, and resampled raters spread as raters do."""

import numpy as np
import pytest
from unit.preference_studies import study

from suites.preference.bootstrap import bootstrap, first_share
from suites.preference.fit import fit
from suites.preference.models import MODELS, TieModel
from suites.preference.refit import refit
from suites.preference.votes import Votes, count, tables

STRENGTHS = np.array([0.6, 0.2, -0.1, -0.7])


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
@pytest.mark.parametrize("side", [True, False])
def test_many_fits_are_each_fit(model: TieModel, side: bool) -> None:
    draw = np.random.default_rng(2)
    made = [count(study(draw, 10, 6, votes, STRENGTHS)) for votes in (80, 80, 80, 3)]  # the last one is thin
    made.append(np.zeros_like(made[0]))
    found = refit(np.stack(made), fit(made[0], model, side))
    for table, strengths in zip(made[:4], found[:4], strict=True):
        assert strengths == pytest.approx(fit(table, model, side).strengths, abs=1e-9)
    assert np.isnan(found[4]).all()


def test_thin_panels_are_fitted_as_fit_would() -> None:
    """A few votes: many resampled tables have no finite maximum, and get the prior of `fit`."""
    votes = study(np.random.default_rng(1), 5, 3, 8, 3 * STRENGTHS)
    fitted = fit(count(votes))
    assert not fitted.penalised
    found = bootstrap(votes, fitted, rounds=40)
    draw = np.random.default_rng(0).integers(5, size=(40, 5))
    penalised = 0
    for raters, strengths in zip(draw, found, strict=True):
        by_hand = fit(sum(count(votes.where(votes.rater == rater)) for rater in raters))
        penalised += by_hand.penalised
        assert strengths == pytest.approx(by_hand.strengths, abs=1e-8)
    assert 5 < penalised < 40  # both roads are taken


def test_tables_by_rater_and_by_prompt_add_up() -> None:
    votes = study(np.random.default_rng(0), 5, 4, 20, STRENGTHS)
    for by in ("rater", "prompt"):
        assert np.array_equal(tables(votes, by).sum(axis=0), count(votes))
    assert np.array_equal(tables(votes, "rater")[3], count(votes.where(votes.rater == 3)))


def drawn_by_hand(votes: Votes, seed: int) -> np.ndarray:
    """One panel by the definition: names drawn, their votes joined, fitted."""
    raters = np.random.default_rng(seed).integers(len(votes.raters), size=len(votes.raters))
    return fit(sum(count(votes.where(votes.rater == rater)) for rater in raters)).strengths


def test_a_round_is_the_fit_of_a_panel_drawn_by_hand() -> None:
    votes = study(np.random.default_rng(4), 12, 6, 40, STRENGTHS)
    found = bootstrap(votes, fit(count(votes)), rounds=1, seed=9)
    assert found[0] == pytest.approx(drawn_by_hand(votes, 9), abs=1e-9)


def test_resampled_raters_spread_as_their_variance_says() -> None:
    """Against the sandwich clustered by rater, which is another road to the same number."""
    from suites.preference.intervals import variances

    votes = study(np.random.default_rng(5), 60, 20, 60, STRENGTHS, taste=0.5)
    fitted = fit(count(votes))
    contrast = np.zeros((1, len(fitted.information)))
    contrast[0, :2] = 1.0, -1.0
    found = bootstrap(votes, fitted)
    spread = float(np.std(found[:, 0] - found[:, 1]))
    assert spread == pytest.approx(float(np.sqrt(variances(votes, fitted, contrast).rater[0])), rel=0.1)
    assert first_share(found).sum() == pytest.approx(1.0) and first_share(found)[0] > 0.9


def test_weights_of_two_are_votes_cast_twice() -> None:
    from dataclasses import replace

    votes = study(np.random.default_rng(6), 10, 5, 30, STRENGTHS)
    twice = replace(votes, weight=np.full(len(votes), 2.0))
    assert np.array_equal(count(twice), 2 * count(votes))
    assert np.array_equal(tables(twice, "rater"), 2 * tables(votes, "rater"))


def test_equal_weights_change_no_interval() -> None:
    from dataclasses import replace

    from suites.preference.intervals import contrasts

    votes = study(np.random.default_rng(6), 10, 5, 30, STRENGTHS, taste=0.3)
    weighed = replace(votes, weight=np.full(len(votes), 2.0))
    plain, weighted = (contrasts(v, fit(count(v))) for v in (votes, weighed))
    assert weighted.half_width == pytest.approx(plain.half_width)
