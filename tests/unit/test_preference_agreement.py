"""Krippendorff's alpha against evalica's, and the cases where it has no value."""

from dataclasses import replace

import evalica
import numpy as np
import pandas as pd
import pytest
from unit.preference_studies import study

from suites.preference.agreement import agreement
from suites.preference.votes import Vote, Votes, gather


def as_frame(votes: Votes) -> pd.DataFrame:
    """Raters by comparisons, the answer as a system's index or -1 for a tie; a rater's first vote stays. Every
    comparison comes in both orders, so that "first" and "second" are equally likely by chance."""
    answers: dict[tuple, dict[int, float]] = {}
    for left, right, outcome, rater, prompt in zip(
        votes.left, votes.right, votes.outcome, votes.rater, votes.prompt, strict=True
    ):
        answer = (left, right, -1)[outcome]
        answers.setdefault((min(left, right), max(left, right), prompt), {}).setdefault(rater, float(answer))
    rows = [[unit.get(rater, np.nan) for unit in answers.values()] for rater in range(len(votes.raters))]
    codes = np.array(rows)
    for column, (first, second, _) in enumerate(answers):  # first, second, tie: the same words in every comparison
        values = codes[:, column]
        codes[:, column] = np.select([values == first, values == second, values == -1], [0.0, 1.0, 2.0], np.nan)
    mirrored = np.select([codes == 0, codes == 1, codes == 2], [1.0, 0.0, 2.0], np.nan)
    return pd.DataFrame(np.concatenate([codes, mirrored], axis=1))


@pytest.mark.parametrize("taste", [0.0, 1.0])
def test_alpha_matches_evalica(taste: float) -> None:
    draw = np.random.default_rng(5)
    votes = study(draw, raters=12, prompts=8, per_rater=30, strengths=np.array([-1.0, 0.0, 1.5]), taste=taste)
    found = agreement(votes)
    assert found.alpha == pytest.approx(evalica.alpha(as_frame(votes)).alpha, abs=1e-12)
    assert found.interval is not None and found.interval.low < found.alpha < found.interval.high
    assert agreement(votes) == found  # seeded


def test_random_answers_agree_by_chance_and_the_interval_says_so() -> None:
    covered = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        outcome = draw.choice(["left", "right", "tie"], size=(40, 3))
        votes = gather(Vote("a", "b", outcome[p, r], f"r{r}", f"p{p}") for p in range(40) for r in range(3))
        interval = agreement(votes).interval
        assert interval is not None
        covered += interval.low <= 0 <= interval.high
    assert covered >= 33  # of 40 at 95 %; the percentile bootstrap of 40 units is a little short


def test_perfect_agreement_is_one_whatever_the_sides() -> None:
    """Also when every vote goes to the system whose name comes first: names are no answer."""
    shown = [(("a", "b"), "left"), (("b", "a"), "right")]
    votes = gather(Vote(*pair, side, f"r{rater}", p) for rater, (pair, side) in enumerate(shown * 2) for p in "xyz")
    assert agreement(votes).alpha == pytest.approx(1.0)


def test_renaming_systems_changes_nothing() -> None:
    votes = study(np.random.default_rng(2), 10, 5, 20, np.array([-1.0, 0.0, 1.0]))
    other = replace(votes, left=2 - votes.left, right=2 - votes.right)
    assert agreement(votes).alpha == pytest.approx(agreement(other).alpha)


def test_no_shared_comparison_has_no_alpha() -> None:
    votes = gather([Vote("a", "b", "left", "r1", "p1"), Vote("a", "b", "right", "r2", "p2")])
    assert agreement(votes).alpha is None and agreement(votes).units == 0
    again = gather([Vote("a", "b", "left", "r1", "p1"), Vote("b", "a", "left", "r1", "p1")])
    assert agreement(again).units == 0  # one rater twice is no agreement between raters
