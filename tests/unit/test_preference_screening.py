"""The rule finds raters who do not look, and leaves alone those who do."""

import numpy as np
import pytest

from suites.preference.screening import screen
from suites.preference.votes import Outcome, Vote, Votes, gather

BAD = ("random", "left", "tie")


def panel(draw: np.random.Generator, honest: int, each_bad: int) -> tuple[Votes, np.ndarray, np.ndarray]:
    """40 votes and 4 gold pairs a rater; honest ones see systems 0.5 logit apart, err on 3 % and lean left a little."""
    names, rows, gold = [], [], []
    for kind in ["honest"] * honest + [bad for bad in BAD for _ in range(each_bad)]:
        name = f"{len(names):04d}-{kind}"
        names.append(name)
        chances = {"honest": (0.44, 0.34, 0.22), "random": (1 / 3, 1 / 3, 1 / 3), "left": (1, 0, 0), "tie": (0, 0, 1)}
        outcomes = draw.choice(["left", "right", "tie"], size=40, p=chances[kind])
        rows += [Vote("a", "b", outcome, name, f"p{at}") for at, outcome in enumerate(outcomes)]
        right = {"honest": 0.97, "random": 1 / 3, "left": 0.5, "tie": 0.0}[kind]
        gold += (draw.random(4) < right).tolist()
    return gather(rows), np.repeat(np.arange(len(names)), 4), np.array(gold)


def test_spam_is_found_and_honest_raters_are_not() -> None:
    votes, rater, right = panel(np.random.default_rng(0), honest=300, each_bad=20)
    found = screen(votes, rater, right)
    flagged = {kind: [bool(s.reasons) for s in found if s.rater.endswith(kind)] for kind in ("honest", *BAD)}
    assert np.mean(flagged["honest"]) <= 0.02
    assert np.mean(flagged["random"]) >= 0.75
    assert all(flagged["left"]) and all(flagged["tie"])


def test_side_p_is_the_binomial_test() -> None:
    from scipy.stats import binomtest

    for left, right in ((20, 0), (13, 7), (10, 10), (3, 9)):
        votes = gather([Vote("a", "b", "left", "r", "p")] * left + [Vote("a", "b", "right", "r", "p")] * right)
        none = np.array([], dtype=np.int64)
        found = screen(votes, none, none.astype(bool))[0]
        assert found.side_p == pytest.approx(binomtest(left, left + right).pvalue)
        assert found.gold_share is None and found.tie_share == 0.0


def test_nothing_judged_is_nothing_proved() -> None:
    votes = gather([Vote("a", "b", Outcome.CANNOT_JUDGE.name.lower(), "r", "p")] * 20)
    found = screen(votes, np.array([0]), np.array([True]))[0]
    assert found.reasons == () and found.tie_share is None and found.gold_share == 1.0
