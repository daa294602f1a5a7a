"""Votes that cannot be ranked are said to be so: never a silent number."""

from itertools import product

import numpy as np
import pytest

from suites.preference.connect import connection, used_counts
from suites.preference.fit import fit, likelihood
from suites.preference.intervals import contrasts
from suites.preference.models import DAVIDSON, DECISIVE, HALF_TIES, MODELS, RAO_KUPPER, TieModel
from suites.preference.tiers import standings
from suites.preference.votes import Outcome, Vote, Votes, count, gather


def table(systems: int, cells: dict[tuple[int, int], tuple[int, int, int]]) -> np.ndarray:
    counts = np.zeros((systems, systems, 3))
    for at, outcomes in cells.items():
        counts[at] = outcomes
    return counts


def voted(results: list[tuple[str, str, str]]) -> Votes:
    """Each result from every one of 4 raters on 4 prompts."""
    return gather(
        Vote(left, right, outcome, f"r{rater}", f"p{prompt}")
        for rater, prompt, (left, right, outcome) in product(range(4), range(4), results)
    )


def test_an_undefeated_system_is_flagged_and_still_first() -> None:
    """evalica 0.4.2 gives equal scores here, without a word."""
    votes = voted(
        [("a", "b", "left"), ("b", "a", "right"), ("b", "c", "left"), ("c", "b", "left"), ("c", "a", "right")]
    )
    found = fit(count(votes))
    assert found.penalised and not found.connection.sound
    assert found.connection.unbounded_above == (0,) and found.connection.unbounded_below == (1, 2)
    assert found.strengths[0] > found.strengths[1:].max() + 1
    sure = contrasts(votes, found)
    assert np.isfinite(sure.half_width).all()
    # the scores of certain votes vanish; the doubt that the prior leaves must not
    gap = np.zeros(len(found.information))
    gap[:2] = 1.0, -1.0
    assert sure.half_width[0, 1] >= 3.18 * np.sqrt(gap @ np.linalg.inv(found.information) @ gap)  # t with 3 df


def test_two_islands_have_no_difference() -> None:
    votes = voted(
        [(x, y, o) for x, y in ("ab", "ba", "cd", "dc") for o in ("left", "right", "tie")] + [("a", "b", "left")]
    )
    found = fit(count(votes))
    assert found.connection.components == ((0, 1), (2, 3)) and found.penalised
    sure = contrasts(votes, found)
    assert np.isnan(sure.difference[:2, 2:]).all() and np.isnan(sure.p[:2, 2:]).all()
    assert np.isnan(sure.from_mean).all()
    assert np.isfinite(sure.half_width[0, 1]) and np.isfinite(sure.half_width[2, 3])
    assert all(not set(s.beats) & ({2, 3} if s.system < 2 else {0, 1}) for s in standings(sure))


def test_a_system_without_votes_is_an_island() -> None:
    rows = [Vote(*sides, o, "r", "p") for sides in ("ab", "ba") for o in ("left", "right")]
    found = fit(count(gather(rows, systems=("a", "b", "new"))))
    assert found.connection.components == ((0, 1), (2,))
    assert found.strengths == pytest.approx([0.0, 0.0, 0.0])


def test_everybody_chooses_the_left() -> None:
    """The wins run in circles, so paths of wins (Ford) see nothing: it is the side that runs away."""
    counts = table(3, {(i, j): (5, 0, 0) for i in range(3) for j in range(3) if i != j})
    found = connection(counts, DAVIDSON)
    assert found.separated and not found.unbounded_above
    assert fit(counts).penalised and not fit(counts, side=False).penalised


def test_ties_can_run_away_too() -> None:
    """A beats C, both tie with B: A - C and ν grow together without end. Half ties have a maximum here."""
    counts = table(
        3, {(0, 2): (5, 0, 0), (2, 0): (0, 5, 0)} | dict.fromkeys(((0, 1), (1, 0), (1, 2), (2, 1)), (0, 0, 4))
    )
    assert connection(counts, DAVIDSON).separated and connection(counts, RAO_KUPPER).separated
    assert fit(counts).penalised
    # with half ties, B's ties hold A and C together
    assert connection(counts, HALF_TIES).sound
    assert not fit(counts, HALF_TIES).penalised


def test_one_order_only_leaves_the_side_out() -> None:
    counts = table(2, {(0, 1): (6, 3, 1)})
    found = fit(counts)
    assert found.connection.side_confounded and found.side is None and not found.penalised
    assert found.strengths[0] - found.strengths[1] == pytest.approx(np.log(2))


def test_a_circle_shown_in_one_order_still_tells_the_side() -> None:
    counts = table(3, {(0, 1): (6, 3, 0), (1, 2): (6, 3, 0), (2, 0): (6, 3, 0)})
    found = fit(counts)
    assert found.side == pytest.approx(np.log(2)) and found.strengths == pytest.approx(np.zeros(3))


def test_no_vote_with_a_winner_is_refused() -> None:
    for counts in (table(2, {(0, 1): (0, 0, 9)}), np.zeros((2, 2, 3))):
        with pytest.raises(ValueError, match="no vote has a winner"):
            fit(counts)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize("side", [True, False])
def test_sound_means_a_maximum_and_separated_means_none(model: TieModel, side: bool) -> None:
    """Against brute force over directions, in 20 small random studies each."""
    draw = np.random.default_rng(3)
    seen = set()
    for _ in range(20):
        counts = draw.poisson(0.45, (3, 3, 3)).astype(float) * (1 - np.eye(3))[..., None]
        found = connection(counts, model, side)
        if len(found.components) > 1 or not counts[..., :2].any():
            continue
        seen.add(found.separated)
        assert _climbs_away(counts, model, side and not found.side_confounded) == found.separated
    assert seen == {True, False}


def _climbs_away(counts: np.ndarray, model: TieModel, side: bool) -> bool:
    """Tries every direction with small whole steps: is there one along which no vote gets less likely, and some more?

    A vote's log likelihood is concave, so from 8 to 16 steps out it falls by more than a logit or never falls again.
    """
    used = used_counts(counts, model)
    seen = used > 0
    tied = model.has_tie_parameter and bool(used[..., 2].any())
    steps = np.arange(-4, 5)
    a, b, beta = (axis.reshape(-1, 1, 1) for axis in np.meshgrid(steps, steps, steps if side else [0]))
    theta = np.concatenate([a, b, np.zeros_like(a)], axis=1)
    d = theta - theta.transpose(0, 2, 1) + beta
    if not tied:
        ties = [(0.0, 0.0, 0.0)]
    elif model is RAO_KUPPER:
        ties = [(0.0, np.log(1 + 8 * t), np.log(1 + 16 * t)) for t in range(5)]
    else:
        ties = [(0.0, 4.0 * t, 8.0 * t) for t in range(-4, 5)]
    for tie in ties:
        near, far, farther = (
            likelihood(model, 0.0 if tied else None)(d * scale, at).log_p[:, seen]
            for scale, at in zip((0.0, 8.0, 16.0), tie, strict=True)
        )
        never_falls = (farther - far > -0.5).all(axis=1)
        if (never_falls & (farther - near > 0.1).any(axis=1)).any():
            return True
    return False


def test_cannot_judge_and_both_bad() -> None:
    votes = gather([Vote("a", "b", "cannot_judge", "r", "p"), Vote("a", "b", "both_bad", "r", "p")])
    assert count(votes).sum() == 1 and count(votes)[0, 1, Outcome.TIE] == 1


def test_votes_are_checked() -> None:
    with pytest.raises(ValueError, match="against itself"):
        gather([Vote("a", "a", "left", "r", "p")])
    with pytest.raises(ValueError, match="unknown outcome 'won'"):
        gather([Vote("a", "b", "won", "r", "p")])
    mixed = gather([Vote("a", "b", "left", "r", "p", "motion"), Vote("a", "b", "left", "r", "p", "text")])
    with pytest.raises(ValueError, match="several criteria"):
        count(mixed)
    assert count(mixed.on("motion")).sum() == 1


def test_one_rater_has_no_interval() -> None:
    votes = gather(
        Vote(*sides, o, "only", p) for sides in ("ab", "ba") for o in ("left", "right", "left") for p in "xyz"
    )
    sure = contrasts(votes, fit(count(votes), DECISIVE))
    assert np.isnan(sure.half_width[0, 1]) and np.isnan(sure.p[0, 1]) and sure.few_clusters
    assert all(not s.beats for s in standings(sure))
