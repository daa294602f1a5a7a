"""The verdict of a check: what passes, what is flagged, what is open, and that nothing lost is averaged away."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.errors import UsageError
from reports.gate.judge import videos_needed
from tests.unit.gate_tables import decided, metric, scores


def test_a_harmless_change_passes_and_a_bad_one_is_flagged() -> None:
    assert decided({"psnr": scores(0.0)}).verdict == "pass"
    check = decided({"psnr": scores(-0.8)})
    assert (check.verdict, check.exit_code) == ("regressed", 3)
    assert "PSNR: regressed." in check.reasons[0]


def test_a_gain_is_improved_and_exits_with_0() -> None:
    check = decided({"psnr": scores(0.8)})
    assert (check.verdict, check.exit_code) == ("improved", 0)


def test_a_small_loss_is_inconclusive_and_says_how_many_videos_would_settle_it() -> None:
    check = decided({"psnr": scores(-0.12)})
    assert (check.verdict, check.exit_code) == ("inconclusive", 4)
    assert check.needed is not None and check.needed > 50
    assert f"About {check.needed} videos" in check.reasons[0]


def test_the_number_of_videos_has_the_power_that_it_promises() -> None:
    """Against scipy's non-central t: the power of the non-inferiority test at n is 80 %, and below it is less."""
    n = videos_needed(-0.05, 0.4, 0.25, alpha=0.05)
    assert n is not None

    def power(videos: int) -> float:
        critical = scipy_stats.t.ppf(0.975, videos - 1)
        return float(scipy_stats.nct.sf(critical, videos - 1, 0.2 / 0.4 * np.sqrt(videos)))

    assert power(n) >= 0.795
    assert power(n - 3) < 0.80


def test_a_lower_is_better_metric_is_turned_round() -> None:
    rise = scores(0.05, spread=0.01)
    assert decided({"lpips": rise}, {"metrics": {"lpips": {"margin": {"absolute": 0.01}}}}).verdict == "regressed"
    turned = {"metrics": {"lpips": {"margin": {"absolute": 0.01}, "better": "higher"}}}
    assert decided({"lpips": rise}, turned).verdict == "improved"


def test_a_significant_loss_below_the_margin_passes_and_is_said() -> None:
    check = decided({"psnr": scores(-0.1, spread=0.05)})
    assert check.verdict == "pass"
    assert "A loss is shown, but less than the margin." in check.reasons[0]


def test_a_metric_for_information_never_decides() -> None:
    values = {"psnr": scores(0.0), "ssim": scores(-3.0)}
    check = decided(values, {"metrics": {"ssim": {"role": "info"}}})
    assert (check.verdict, metric(check, "ssim").verdict) == ("pass", "regressed")


def test_too_few_videos_conclude_nothing() -> None:
    check = decided({"psnr": scores(0.0, videos=6, spread=0.01)})
    assert (check.verdict, check.needed) == ("inconclusive", 10)
    assert "fewer than 10" in check.reasons[0]


# -- lost ------------------------------------------------------------------------------------------------------


def test_one_lost_case_is_a_regression_whatever_the_rest_gained() -> None:
    values = scores(2.0)
    values["candidate"][7] = np.nan
    failure = {
        "system": "candidate",
        "case": "case-0007",
        "stage": "recall",
        "error": "OSError",
        "message": "out of memory",
    }
    check = decided({"psnr": values, "ssim": values}, failures=[failure])
    assert (check.verdict, check.exit_code) == ("regressed", 3)
    assert [(one.case, one.metric) for one in check.lost] == [("case-0007", None)]
    assert "out of memory" in check.reasons[0]


def test_a_failure_that_the_baseline_has_too_is_not_new() -> None:
    values = scores(0.0)
    values["baseline"][3] = values["candidate"][3] = np.nan
    check = decided({"psnr": values})
    assert (check.verdict, metric(check).videos, check.lost) == ("pass", 49, ())


def test_a_lost_moment_is_a_lost_case() -> None:
    values = scores(0.0)
    values["candidate"][3, 2] = np.nan
    assert decided({"psnr": values}).verdict == "regressed"


def test_a_score_that_is_infinite_counts_as_lost() -> None:
    values = scores(0.0)
    values["candidate"][3, 2] = np.inf
    check = decided({"psnr": values})
    assert check.verdict == "regressed"
    assert any("not numbers" in line for line in check.warnings)


def test_a_metric_that_the_candidate_does_not_have_is_missing_and_a_regression() -> None:
    gone = {name: grid.copy() for name, grid in scores(0.0).items()}
    gone["candidate"][:] = np.nan
    check = decided({"psnr": scores(0.0), "ssim": gone})
    assert (metric(check, "ssim").verdict, check.verdict) == ("missing", "regressed")


def test_a_metric_that_the_baseline_does_not_have_gates_only_when_it_is_asked_for() -> None:
    new = {name: grid.copy() for name, grid in scores(0.0).items()}
    new["baseline"][:] = np.nan
    values = {"psnr": scores(0.0), "ssim": new}
    assert decided(values).verdict == "pass"
    asked = decided(values, {"metrics": {"ssim": {"role": "gate"}}})
    assert (asked.verdict, asked.exit_code) == ("not comparable", 5)


def test_a_baseline_without_a_score_is_not_comparable_and_never_a_pass() -> None:
    values = scores(0.0)
    values["baseline"][:] = np.nan
    check = decided({"psnr": values})
    assert (check.verdict, check.exit_code) == ("not comparable", 5)


def test_what_only_the_candidate_answered_is_said() -> None:
    values = scores(0.0)
    values["baseline"][:2] = np.nan
    values["baseline"][2, 0] = np.nan
    check = decided({"psnr": values})
    assert (check.verdict, metric(check).videos) == ("pass", 47)
    assert "Not compared, since only the candidate answered: 2 cases." in check.warnings
    assert "Compared in part, since the baseline has fewer scores: 1 case." in check.warnings


def test_a_run_that_is_not_finished_says_so() -> None:
    values = scores(0.0)
    values["candidate"][5] = np.nan
    check = decided({"psnr": values})
    assert (check.verdict, check.lost[0].why) == ("regressed", "nothing is stored: the run is not finished")


# -- margins ---------------------------------------------------------------------------------------------------


def test_margins_are_absolute_relative_or_in_noise_floors() -> None:
    values = {"psnr": scores(0.0)}
    relative = metric(decided(values, {"metrics": {"psnr": {"margin": {"relative": 0.01}}}}))
    assert relative.margin == pytest.approx(0.01 * values["psnr"]["baseline"].mean())
    noise = {"metrics": {"psnr": {"margin": {"noise": 2.0}}}}
    assert metric(decided(values, noise, floors={"psnr": 0.2})).margin == pytest.approx(0.4)
    with pytest.raises(UsageError, match="keepframe calibrate"):
        decided(values, noise)


def test_a_margin_below_the_noise_floor_is_refused_and_a_default_one_is_widened() -> None:
    values = {"psnr": scores(0.0)}
    with pytest.raises(UsageError, match="below the noise floor"):
        decided(values, {"metrics": {"psnr": {"margin": {"absolute": 0.1}}}}, floors={"psnr": 0.3})
    widened = decided(values, floors={"psnr": 0.3})
    assert metric(widened).margin == 0.3
    assert any("widened" in line for line in widened.warnings)


# -- what is shown beside it -----------------------------------------------------------------------------------


def test_the_worst_videos_come_worst_first_with_their_worst_moment() -> None:
    values = scores(0.0, spread=0.0)
    values["candidate"][[4, 9, 2]] -= np.array([[3.0], [2.0], [1.0]])
    values["candidate"][9, 1] -= 5.0
    check = decided({"psnr": values})
    assert [one.video for one in check.worst] == ["video-0009.mp4", "video-0004.mp4", "video-0002.mp4"]
    assert check.worst[0].moment == 1
    assert check.worst[0].candidate - check.worst[0].baseline == pytest.approx(-7.0)


def test_slices_are_by_tag_and_position_and_never_gate() -> None:
    values = scores(0.0, spread=0.1)
    values["candidate"][:10] -= 1.0
    check = decided({"psnr": values}, tags=[["text"]] * 10 + [[]] * 40)
    found = {row.name: row for row in check.slices}
    assert {"tag text", "oldest third", "middle third", "newest third"} == set(found)
    assert found["tag text"].worse and found["tag text"].videos == 10
    assert check.verdict == "inconclusive"  # by all videos, whatever the slice says


def test_the_order_of_the_rows_changes_nothing() -> None:
    values = {"psnr": scores(-0.1), "ssim": scores(0.1, seed=1)}
    assert decided(values, shuffle=1) == decided(values, shuffle=2)
