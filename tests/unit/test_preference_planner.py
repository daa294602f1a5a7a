"""The plan keeps what its docstring promises, and the number of votes it names buys the interval it names."""

from collections import Counter

import numpy as np
import pytest
from unit.preference_studies import TIE, study

from suites.preference.elo import POINTS_PER_LOGIT
from suites.preference.fit import fit
from suites.preference.planner import Design, Kind, Showing, half_width, plan, votes_needed
from suites.preference.votes import count


def spread(counter: Counter, expected_keys: int) -> int:
    """Most minus fewest; a key that never came counts as 0."""
    return max(counter.values()) - (min(counter.values()) if len(counter) == expected_keys else 0)


@pytest.mark.parametrize(
    "design",
    [
        Design(4, 6, 9, 13),
        Design(5, 7, 30, 11),
        Design(2, 4, 10, 3, repeats=1),
        Design(3, 2, 8, 6),
        Design(8, 20, 20, 40),
    ],
    ids=str,
)
def test_the_plan_is_balanced(design: Design) -> None:
    sessions = plan(design, seed=4)
    assert plan(design, seed=4) == sessions != plan(design, seed=5)
    assert len(sessions) == design.raters
    real = [showing for session in sessions for showing in session if showing.kind is Kind.REAL]
    assert len(real) == design.raters * design.per_rater
    pairs = design.systems * (design.systems - 1) // 2

    def pair(s: Showing) -> tuple[int, int]:
        return min(s.left, s.right), max(s.left, s.right)

    assert spread(Counter(map(pair, real)), pairs) <= 1
    assert spread(Counter((s.left, s.right) for s in real), 2 * pairs) <= 2
    for one in set(map(pair, real)):
        shown = [s for s in real if pair(s) == one]
        assert spread(Counter(s.left for s in shown), 2) <= 1
        assert spread(Counter(s.prompt for s in shown), design.prompts) <= 1
    for at, session in enumerate(sessions):
        assert all(s.rater == at for s in session)
        mine = [s for s in session if s.kind is Kind.REAL]
        assert len({(pair(s), s.prompt) for s in mine}) == len(mine)  # no comparison twice
        assert spread(Counter(map(pair, mine)), pairs) <= 1
        assert Counter(s.kind for s in session)[Kind.GOLD] == design.gold
        gold_left = [s.gold_left for s in session if s.kind is Kind.GOLD]
        assert gold_left.count(True) == design.gold // 2 + design.gold % 2
        repeats = [s for s in session if s.kind is Kind.REPEAT]
        assert len(repeats) == design.repeats
        for repeat in repeats:
            original = Showing(at, repeat.right, repeat.left, repeat.prompt, Kind.REAL)
            assert session.index(original) < session.index(repeat)


def test_each_comparison_is_mirrored_when_it_comes_back() -> None:
    for prompts in (2, 3):
        real = [s for session in plan(Design(3, prompts, 6, 3 * prompts, gold=0, repeats=0)) for s in session]
        assert set(Counter((s.left, s.right, s.prompt) for s in real).values()) == {3}


def test_impossible_designs_are_refused() -> None:
    with pytest.raises(ValueError, match="only 12 comparisons"):
        Design(3, 4, 5, 13)
    with pytest.raises(ValueError, match="repeats"):
        Design(3, 4, 5, 3, repeats=4)
    with pytest.raises(ValueError, match="two systems"):
        Design(1, 4, 5, 3)
    for wrong in ({"half_width": 0.0}, {"half_width": 10.0, "tie_rate": 1.0}):
        with pytest.raises(ValueError):
            votes_needed(4, **wrong)


def test_the_votes_named_buy_the_interval_named() -> None:
    """Without tastes the design effect is 1; the spread of 150 simulated estimates is the width asked for."""
    votes = votes_needed(6, half_width=35, tie_rate=TIE / (2 + TIE), design_effect=1)
    draw = np.random.default_rng(2)
    gaps = []
    for _ in range(150):
        strengths = fit(count(study(draw, 20, 20, votes // 20, np.zeros(6)))).strengths
        gaps.append((strengths[:, None] - strengths)[np.triu_indices(6, k=1)])
    assert 1.96 * np.std(gaps) * POINTS_PER_LOGIT == pytest.approx(35, rel=0.06)
    assert half_width(6, votes, TIE / (2 + TIE), design_effect=1) == pytest.approx(35, rel=1e-3)


@pytest.mark.parametrize(("systems", "points", "votes"), [(6, 50, 1237), (8, 35, 3533), (12, 25, 10882)])
def test_published_table(systems: int, points: float, votes: int) -> None:
    assert votes_needed(systems, points, 0.25, design_effect=1) == pytest.approx(votes, abs=2)
