"""Policies: defaults that need no file, and errors that name the key and the way out."""

from pathlib import Path

import pytest

from bench.errors import UsageError
from reports.comparison import MetricInfo
from reports.gate.policy import Policy, judged, load

PSNR = MetricInfo("psnr", "1", "dB", "higher")
MINE = MetricInfo("mine", "1", "", "lower")
HUE = MetricInfo("hue", "1", "", "neutral")


def read(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_without_a_file_the_suite_says_what_gates() -> None:
    found = judged(load(None), "retrieval", (PSNR, MetricInfo("vmaf", "1", "", "higher"), MINE, HUE))
    assert [one.role for one in found] == ["gate", "info", "gate", "info"]
    assert [str(one.margin) for one in found[:3]] == ["0.25", "1", "2.000% of the baseline"]


def test_a_policy_is_read_whole(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        """
        alpha = 0.1
        looks = 1
        minimum_videos = 20
        [metrics.psnr]
        role = "info"
        [metrics.mine]
        better = "higher"
        margin = { noise = 2.0 }
        family = "own"
        """,
    )
    psnr, mine = judged(policy, "retrieval", (PSNR, MINE))
    assert (psnr.role, str(psnr.margin)) == ("info", "0.25")
    assert (mine.role, mine.metric.better, mine.family, str(mine.margin)) == ("gate", "higher", "own", "2 noise floors")
    assert policy.digest != Policy().digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alfa = 0.05", "unknown key 'alfa'. Did you mean 'alpha'?"),
        ('[metrics.psnr]\nrolle = "gate"', "unknown key 'metrics.psnr.rolle'. Did you mean 'role'?"),
        ("[metrics.psnr]\nmargin = { absolut = 1.0 }", "Did you mean 'absolute'?"),
        ("[metrics.psnr]\nmargin = { absolute = 1.0, noise = 2.0 }", "exactly one of"),
        ("[metrics.psnr]\nmargin = { absolute = -1.0 }", "greater than 0"),
        ("[metrics.psnr]\nmargin = { absolute = nan }", "finite number"),
        ("[metrics.psnr]\nmargin = { noise = 0.5 }", "greater than or equal to 1"),
        ("alpha = 0.7", "less than 0.5"),
        ("alpha = ", "is not TOML"),
    ],
)
def test_a_wrong_policy_is_explained(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"policy\.toml") as error:
        read(tmp_path, text)
    assert said in str(error.value)


def test_a_policy_that_does_not_fit_the_run_is_refused() -> None:
    with pytest.raises(UsageError, match=r"names the metric 'pnsr'.*\n.*Did you mean 'psnr'"):
        judged(Policy.model_validate({"metrics": {"pnsr": {}}}), "retrieval", (PSNR,))
    with pytest.raises(UsageError, match="no metric gate"):
        judged(Policy.model_validate({"metrics": {"psnr": {"role": "info"}}}), "retrieval", (PSNR,))
    with pytest.raises(UsageError, match="no direction"):
        judged(Policy.model_validate({"metrics": {"hue": {"role": "gate"}}}), "retrieval", (HUE, PSNR))


def test_a_missing_policy_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Cannot read the policy"):
        load(tmp_path / "none.toml")
