"""Pairs are drawn where they tell something, with the chance that is written down, and pilots are read rightly."""

from dataclasses import replace

import numpy as np
import pytest
from unit.preference_studies import study

from suites.preference.fit import fit
from suites.preference.pilot import Components, components
from suites.preference.scheduling import BALANCED_SHARE, bits, chances, draw, weights
from suites.preference.votes import Votes, count

WIDE = np.array([2.0, 1.9, 0.0, -2.0])


def test_close_pairs_are_drawn_most_and_every_pair_keeps_its_floor() -> None:
    counts = count(study(np.random.default_rng(0), 20, 10, 40, WIDE))
    found = chances(counts)
    assert found.sum() == pytest.approx(1.0) and np.all(np.diag(found) == 0)
    assert found[0, 1] == found.max() and found == pytest.approx(found.T)
    off = ~np.eye(4, dtype=bool)
    assert found[off].min() >= BALANCED_SHARE / 12
    assert chances(counts, balanced=1.0)[off] == pytest.approx(np.full(12, 1 / 12))


def test_bits_are_the_mutual_information_by_simulation() -> None:
    """Draw the difference, then a vote, and count how often they go together."""
    fitted = fit(count(study(np.random.default_rng(3), 8, 5, 12, np.array([0.2, 0.0, -0.2]))))
    random = np.random.default_rng(1)
    covariance = np.linalg.pinv(fitted.information)[:3, :3]
    d = random.normal(
        fitted.strengths[0] - fitted.strengths[1],
        np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]),
        size=400_000,
    )
    p = fitted.model.likelihood(d, fitted.log_tie or 0.0).p
    vote = (random.random(len(d))[:, None] > p.cumsum(axis=1)[:, :2]).sum(axis=1)
    joint = np.bincount((d > 0) * 3 + vote, minlength=6).reshape(2, 3) / len(d)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    assert bits(fitted)[0, 1] == pytest.approx(float((joint * np.log2(joint / apart)).sum()), abs=2e-4)


def test_without_votes_and_with_forbidden_pairs() -> None:
    nothing = np.zeros((3, 3, 3))
    assert chances(nothing)[0, 1] == pytest.approx(1 / 6)
    allowed = np.zeros((3, 3), dtype=bool)
    allowed[2, 0] = True
    assert draw(chances(nothing, allowed), np.random.default_rng(0)) == (2, 0, 1.0)
    with pytest.raises(ValueError, match="no pair"):
        chances(nothing, np.zeros((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="balanced share"):
        chances(nothing, balanced=0.2)


def test_draws_come_with_the_chance_they_have_and_weights_undo_it() -> None:
    found = chances(count(study(np.random.default_rng(0), 20, 10, 40, WIDE)))
    random = np.random.default_rng(5)
    drawn = [draw(found, random) for _ in range(4_000)]
    near = np.array([{0, 1} == {one.left, one.right} for one in drawn])
    assert near.mean() == pytest.approx(found[0, 1] + found[1, 0], abs=0.03)
    weighed = weights(np.array([one.propensity for one in drawn]), systems=4)
    assert weighed.max() <= 1 / BALANCED_SHARE and (weighed * near).mean() == pytest.approx(1 / 6, abs=0.02)
    with pytest.raises(ValueError, match="propensity"):
        weights(np.array([0.0]), systems=4)


def test_a_pilot_tells_where_the_doubt_comes_from() -> None:
    """Against the truth by simulation: how much the estimate varies over 200 studies of another size than the pilot."""
    strengths = np.array([0.5, 0.0, -0.5])
    pilots = [study(np.random.default_rng(seed), 40, 30, 50, strengths, taste=0.6) for seed in range(4)]
    found = [components(votes, fit(count(votes))) for votes in pilots]
    mean = Components(*(float(np.mean([getattr(one, part) for one in found])) for part in ("vote", "rater", "prompt")))
    planned = [study(np.random.default_rng(s), 25, 60, 20, strengths, taste=0.6) for s in range(100, 300)]
    estimates = np.array([fit(count(votes)).strengths for votes in planned])
    differences = np.stack([estimates[:, i] - estimates[:, j] for i, j in ((0, 1), (0, 2), (1, 2))])
    assert mean.variance(votes=500, raters=25, prompts=60) == pytest.approx(differences.var(axis=1).mean(), rel=0.2)
    assert mean.design_effect(votes=500, raters=25, prompts=60) > 1.3
    with pytest.raises(ValueError, match="two raters"):
        alone = pilots[0].where(pilots[0].rater == 0)
        components(alone, fit(count(alone)))


def actively(random: np.random.Generator, raters: int, each: int) -> tuple[Votes, np.ndarray]:
    """A study whose raters get the pairs that the votes before them ask for, and its propensities."""
    counts, rows = np.zeros((4, 4, 3)), []
    for rater in range(raters):
        chance = chances(counts)
        for drawn in [draw(chance, random) for _ in range(each)]:
            d = FIELD[drawn.left] - FIELD[drawn.right]
            p = np.exp([d / 2, -d / 2, np.log(0.6)])
            outcome = int(random.choice(3, p=p / p.sum()))
            rows.append((drawn.left, drawn.right, outcome, rater, int(random.integers(8)), drawn.propensity))
        counts = np.zeros((4, 4, 3))
        np.add.at(counts, tuple(np.array([row[:3] for row in rows]).T), 1.0)
    left, right, outcome, rater, prompt, propensity = (np.array(column) for column in zip(*rows, strict=True))
    names = [tuple(f"{what}{i}" for i in range(n)) for what, n in zip("srp", (4, raters, 8), strict=True)]
    return Votes(left, right, outcome, rater, prompt, np.zeros(len(left), dtype=np.int64), *names), propensity


FIELD = np.array([0.6, 0.2, -0.2, -0.6])


def test_weights_take_back_the_spread_that_active_pairs_add() -> None:
    """The same 40 studies read twice: the slope of estimates on the truth is 1.1 without weights, 1 with them."""
    random = np.random.default_rng(2)
    slopes = []
    for _ in range(40):
        votes, propensity = actively(random, raters=10, each=24)
        weighed = replace(votes, weight=weights(propensity, systems=4))
        slopes.append([float(fit(count(v)).strengths @ FIELD / (FIELD @ FIELD)) for v in (votes, weighed)])
    plain, weighted = np.array(slopes).T
    assert abs(weighted.mean() - 1) < 3 * weighted.std() / np.sqrt(40)
    assert (plain - weighted).mean() > 2 * (plain - weighted).std() / np.sqrt(40)
