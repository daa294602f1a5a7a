"""Dimensions whose models the user brings: smoothness by an interpolator, imaging quality by pyiqa."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench import weights
from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.vbench.imaging import ImagingQuality, _loaded
from suites.vbench.smoothness import MotionSmoothness
from tests.unit.opencv_frames import opencv_frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return probe(write_clip("high-motion", 0, tmp_path_factory.mktemp("v"), size=Size(600, 64), fps=5, seconds=2))


class Average:
    name = "average"

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return ((first.astype(int) + second) // 2).astype(np.uint8)


def test_smoothness_is_the_error_of_every_second_frame(clip: Clip) -> None:
    found = judge([MotionSmoothness()], Evidence(clip, models={"interpolator": Average()})).series["motion_smoothness"]
    frames = opencv_frames(clip.path).astype(int)
    assert len(frames) == 10  # even: the last odd frame has one neighbour
    errors = [np.abs((frames[k - 1] + frames[k + 1]) // 2 - frames[k]).mean() for k in (1, 3, 5, 7)]
    assert found.frames.tolist() == [1, 3, 5, 7]
    assert found.values.mean() == pytest.approx((255 - np.mean(errors)) / 255, rel=1e-12)


def test_an_interpolator_of_the_wrong_size_is_refused(clip: Clip) -> None:
    class Small(Average):
        def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
            return first[:8]

    found = judge([MotionSmoothness()], Evidence(clip, models={"interpolator": Small()}))
    assert "returned (8, 600, 3)" in str(found.failures["motion_smoothness"])


def test_musiq_sees_what_vbench_shows_it(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.nn import functional as F

    class Musiq(torch.nn.Module):
        """Stands for pyiqa's: an answer that depends on every pixel and on the picture's size."""

        def __init__(self, pretrained_model_path: str) -> None:
            super().__init__()
            assert pretrained_model_path.endswith("musiq.pth")

        def forward(self, x: Any) -> Any:
            assert x.ndim == 4 and len(x) == 1
            return (x.square().sum() + x.shape[-1]).reshape(1, 1)

    module: Any = ModuleType("pyiqa.archs.musiq_arch")
    module.MUSIQ = Musiq
    for name in ("pyiqa", "pyiqa.archs"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "pyiqa.archs.musiq_arch", module)
    monkeypatch.setattr("suites.vbench.imaging.find_spec", lambda name: object())
    (tmp_path / "musiq.pth").write_bytes(b"w")
    monkeypatch.setattr(weights, "path", lambda name: tmp_path / "musiq.pth")
    _loaded.cache_clear()
    found = judge([ImagingQuality()], Evidence(clip))
    _loaded.cache_clear()
    assert not found.failures, found.failures
    frames = torch.from_numpy(opencv_frames(clip.path)).permute(0, 3, 1, 2).float()
    small = F.interpolate(frames, size=(int(64 * 512 / 600), 512), mode="bilinear", align_corners=False) / 255
    expected = [float(one.square().sum() + 512) for one in small]
    assert found.series["imaging_quality"].values.tolist() == pytest.approx(expected, rel=1e-6)


def test_without_pyiqa_it_says_what_to_install() -> None:
    from importlib.util import find_spec

    if find_spec("pyiqa") is None:
        assert "pip install pyiqa" in (ImagingQuality().available() or "")
