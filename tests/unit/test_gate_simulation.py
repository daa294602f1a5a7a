"""The worked example: what the gate answers when it is right, when it is wrong, and what the margin changes.

Scores are drawn as they are: videos differ by 4 dB, and a change moves each video by its own amount, 0.4 dB around the
mean. benchmarks/gate.py has the long version.
"""

from collections import Counter

import numpy as np
import pytest

from reports.gate.judge import judge

SPREAD_DB, MARGIN_DB = 0.4, 0.25


def verdicts(loss_db: float, *, videos: int = 50, margin_db: float = MARGIN_DB, studies: int = 1000) -> Counter[str]:
    """Shares of the verdicts of so many studies of one metric, at the first of three looks."""
    gaps = np.random.default_rng(11).normal(-loss_db, SPREAD_DB, (studies, videos))
    own = [str(i) for i in range(studies)]  # a family each: these are many studies, not one with many metrics
    found = judge(gaps, [margin_db] * studies, own, alpha=0.025, minimum_videos=10)
    return Counter({verdict: n / studies for verdict, n in Counter(answer.verdict for answer in found).items()})


def test_a_harmless_change_passes_95_times_of_100_at_50_videos() -> None:
    found = verdicts(0.0)
    assert found["pass"] + found["improved"] >= 0.95
    assert found["regressed"] == 0


def test_a_loss_of_the_margin_passes_at_most_once_in_80_times() -> None:
    found = verdicts(MARGIN_DB)
    assert found["pass"] + found["improved"] <= 0.0125 + 3 * np.sqrt(0.0125 / 1000)


def test_a_loss_of_twice_the_margin_is_flagged() -> None:
    assert verdicts(2 * MARGIN_DB)["regressed"] >= 0.95


def test_a_tiny_loss_is_inconclusive_with_few_videos_and_settled_by_many() -> None:
    assert verdicts(0.1, videos=15)["inconclusive"] > 0.5
    many = verdicts(0.1, videos=150)
    assert many["pass"] > 0.9


@pytest.mark.parametrize(("margin_db", "least", "most"), [(0.1, 0.0, 0.45), (0.25, 0.95, 1.0), (0.4, 0.99, 1.0)])
def test_a_wider_margin_lets_more_harmless_changes_pass(margin_db: float, least: float, most: float) -> None:
    found = verdicts(0.0, margin_db=margin_db)
    assert least <= found["pass"] + found["improved"] <= most


def test_many_metrics_do_not_flag_a_harmless_change_more_often_than_alpha() -> None:
    """18 metrics that share some of their noise; margins so small that only the test decides."""
    draw = np.random.default_rng(2)
    flagged = 0
    for _ in range(150):
        common = draw.normal(0, 1, (1, 30))
        gaps = np.sqrt(0.4) * common + np.sqrt(0.6) * draw.normal(0, 1, (18, 30))
        found = judge(gaps, [1e-9] * 18, ["gate"] * 18, alpha=0.05, minimum_videos=10)
        flagged += any(answer.verdict == "regressed" for answer in found)
    assert flagged / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    assert flagged / 150 < 0.35  # what 18 uncorrected tests would do
