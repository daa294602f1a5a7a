"""Do the intervals and claims keep their promises? Seeded studies whose truth is known, with raters and prompts that
have tastes (sd 0.5 logit), a side bias and ties. The bands allow for chance: 120 studies are few, and enough to fail
what arenas publish."""

import numpy as np
import pytest
from unit.preference_studies import study

from suites.preference.fit import fit
from suites.preference.intervals import cluster_scores, contrasts
from suites.preference.tiers import standings
from suites.preference.votes import count

STUDIES = 120
TRUTH = np.linspace(-0.6, 0.6, 6)


def simulated(strengths: np.ndarray, taste: float, clusters: int, seed: int) -> list:
    draw = np.random.default_rng(seed)
    made = (study(draw, clusters, clusters, 2_000 // clusters, strengths, taste) for _ in range(STUDIES))
    return [(votes, fit(count(votes))) for votes in made]


@pytest.mark.parametrize(("taste", "clusters"), [(0.5, 40), (0.5, 20), (0.0, 40)])
def test_intervals_of_differences_cover_95_percent(taste: float, clusters: int) -> None:
    # what a population of raters and prompts with tastes would estimate is a little nearer to 0 than TRUTH, because
    # averaging chances over tastes flattens them; the mean over all studies is that value, up to its own small error
    upper = np.triu_indices(len(TRUTH), k=1)
    fitted = simulated(TRUTH, taste, clusters, seed=11)
    found = [contrasts(votes, fits) for votes, fits in fitted]
    estimates = np.array([f.difference[upper] for f in found])
    covered = np.abs(estimates - estimates.mean(axis=0)) <= np.array([f.half_width[upper] for f in found])
    assert 0.925 <= covered.mean() <= 0.99


def test_counting_votes_as_independent_does_not_cover() -> None:
    """The trap that the guard is for: the same studies, with the sandwich of independent votes."""
    upper = np.triu_indices(len(TRUTH), k=1)
    estimates, halves = [], []
    for votes, fits in simulated(TRUTH, 0.5, 20, seed=11):
        scores = cluster_scores(votes, fits, np.arange(len(votes)))
        bread = np.linalg.pinv(fits.information)
        v = (bread @ scores.T @ scores @ bread)[:6, :6]
        estimates.append((fits.strengths[:, None] - fits.strengths)[upper])
        halves.append(1.96 * np.sqrt(np.diag(v)[:, None] + np.diag(v) - 2 * v)[upper])
    covered = np.abs(np.array(estimates) - np.mean(estimates, axis=0)) <= np.array(halves)
    assert covered.mean() < 0.85


@pytest.mark.parametrize(("taste", "clusters"), [(0.5, 40), (0.0, 20)])
def test_equal_systems_are_rarely_told_apart(taste: float, clusters: int) -> None:
    """Family-wise error: 5 % of 120 studies is 6; 11 or more would happen in 2 % of such tests."""
    false = 0
    for votes, fits in simulated(np.zeros(6), taste, clusters, seed=5):
        false += any(standing.beats for standing in standings(contrasts(votes, fits)))
    assert false <= 10


def test_distant_systems_are_told_apart() -> None:
    """A test that never claims anything would pass the one above."""
    claims = [
        sum(len(s.beats) for s in standings(contrasts(votes, fits)))
        for votes, fits in simulated(TRUTH, 0.5, 40, seed=3)[:30]
    ]
    assert np.mean(claims) > 3


def test_davidson_recovers_the_truth_and_half_ties_squeeze_it() -> None:
    from suites.preference.models import HALF_TIES

    truth = np.linspace(-1.2, 1.2, 5)
    votes = study(np.random.default_rng(1), raters=200, prompts=50, per_rater=300, strengths=truth)
    found = fit(count(votes))
    assert np.abs(found.strengths - truth).max() < 0.04
    assert found.side == pytest.approx(0.3, abs=0.03)
    squeezed = fit(count(votes), HALF_TIES).strengths
    assert np.ptp(squeezed) < 0.93 * np.ptp(found.strengths)
