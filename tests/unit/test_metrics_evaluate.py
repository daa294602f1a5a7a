"""Several metrics at once: work is shared, failures stay with the metric that failed."""

import numpy as np
import pytest

from bench.errors import KeepframeError, UnavailableError
from bench.protocols import Metric
from suites.metrics import evaluate, ms_ssim, psnr, ssim
from suites.metrics.lpips import LpipsAlex, LpipsVgg
from suites.metrics.psnr import Psnr
from suites.metrics.ssim import MsSsim, Ssim
from suites.metrics.vmaf import Vmaf

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 256, (2, 170, 180, 3), np.uint8)
SEEN = TRUE // 2


class Toy:
    """A plug-in metric that returns what it is told to."""

    name = "toy"
    version = "1"
    unit = ""
    better = "higher"

    def __init__(self, returns: object = None, missing: str | None = None) -> None:
        self.returns = returns
        self.missing = missing

    def available(self) -> str | None:
        return self.missing

    def __call__(self, reference: np.ndarray, recalled: np.ndarray) -> object:
        if isinstance(self.returns, Exception):
            raise self.returns
        return self.returns


@pytest.mark.parametrize("metric", [Psnr(), Ssim(), MsSsim(), Vmaf(), LpipsAlex(), LpipsVgg()])
def test_every_metric_is_one(metric: Metric) -> None:
    assert isinstance(metric, Metric)
    assert metric.better == ("lower" if metric.name.startswith("lpips") else "higher")


def test_values_are_those_of_the_functions() -> None:
    values, failures = evaluate([Psnr(), Ssim(), MsSsim()], TRUE, SEEN)
    assert not failures
    assert list(values) == ["psnr", "ssim", "ms_ssim"]
    for name, function in (("psnr", psnr), ("ssim", ssim), ("ms_ssim", ms_ssim)):
        np.testing.assert_array_equal(values[name], function(TRUE, SEEN))


def test_metrics_of_one_family_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from suites.metrics import structural as function

    calls = []

    def counted(reference: np.ndarray, recalled: np.ndarray) -> dict[str, np.ndarray]:
        calls.append(len(reference))
        return function(reference, recalled)

    monkeypatch.setattr(Ssim, "joint", staticmethod(counted))
    monkeypatch.setattr(MsSsim, "joint", staticmethod(counted))
    monkeypatch.setattr(Ssim, "__call__", lambda *_: pytest.fail("computed twice"))
    monkeypatch.setattr(MsSsim, "__call__", lambda *_: pytest.fail("computed twice"))
    assert evaluate([Ssim(), MsSsim()], TRUE, SEEN).values.keys() == {"ssim", "ms_ssim"}
    assert calls == [2]


def test_frames_too_small_for_one_metric_cost_that_metric_only() -> None:
    values, failures = evaluate([Psnr(), Ssim(), MsSsim()], TRUE[:, :100], SEEN[:, :100])
    assert values.keys() == {"psnr", "ssim"}
    assert isinstance(failures["ms_ssim"], KeepframeError)
    assert "180x100 are too small for ms_ssim" in str(failures["ms_ssim"])


def test_what_is_missing_is_said_with_the_way_to_get_it() -> None:
    metric = Toy(missing="The toy is not here.\n  toy fetch")
    values, failures = evaluate([metric, Psnr()], TRUE, SEEN)
    assert values.keys() == {"psnr"}
    error = failures["toy"]
    assert isinstance(error, UnavailableError)
    assert (error.what, error.mend) == ("The toy is not here.", "toy fetch")


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        (np.zeros(3), r"shape \(3,\) for 2 frames"),
        (1.0, r"shape \(\) for 2 frames"),
        ([1.0, float("nan")], "not a finite number"),
        ([1.0, float("inf")], "not a finite number"),
        (ZeroDivisionError("toy broke"), "toy broke"),
        (None, "shape|float"),
    ],
)
def test_a_metric_that_misbehaves_costs_its_own_cells_only(returns: object, words: str) -> None:
    values, failures = evaluate([Toy(returns), Psnr()], TRUE, SEEN)
    assert values.keys() == {"psnr"}
    with pytest.raises(Exception, match=words):
        raise failures["toy"]


def test_wrong_frames_fail_every_metric_by_name() -> None:
    _, failures = evaluate([Psnr(), Toy([1.0, 2.0])], TRUE, SEEN)
    assert not failures
    assert evaluate([Toy([1, 2])], TRUE, SEEN).values["toy"].dtype == np.float64
