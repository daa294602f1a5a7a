"""VBench's imaging_quality: MUSIQ, trained on SPAQ, frame by frame.

MUSIQ's published code and weights (pyiqa) are for non-commercial use and no part of this project: who may use them
installs them. The picture that MUSIQ sees is made here, as VBench makes it.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench import weights
from bench.errors import KeepframeError
from bench.types import Clip, Frames
from suites.features.networks import device
from suites.features.protocols import Arrays, Evidence, Feature, Reads, Series, View
from suites.features.sampling import every
from suites.features.views import resized
from suites.vbench.consistency import missing

LONGEST = 512


def musiq_picture(frames: Frames) -> Any:
    """VBench's mode "longer": where a side is longer than 512, the longer is made 512 (bilinear, no antialiasing), the
    other cut to whole pixels; then 0 to 1.

    >>> musiq_picture(np.zeros((1, 240, 600, 3), np.uint8)).shape
    torch.Size([1, 3, 204, 512])
    """
    height, width = frames.shape[1:3]
    scale = min(LONGEST / max(height, width), 1.0)
    return resized(frames, (int(scale * height), int(scale * width)), "bilinear") / 255.0


class MusiqFrames:
    """`score[frame]`: MUSIQ's opinion of every frame, 0 to 100."""

    name = "musiq frames"
    version = "1"
    weights: tuple[str, ...] = ("musiq-spaq",)

    def __init__(self) -> None:
        self.view: View | None = musiq_picture

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> "_Looking":
        return _Looking(_loaded(weights.path("musiq-spaq")))


class _Looking:
    """One picture at a time, as VBench: MUSIQ pads what is batched."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._scores: list[float] = []

    def write(self, frames: Any) -> None:
        import torch

        with torch.inference_mode():
            self._scores += [float(self._model(one[None].to(device()))) for one in frames]

    def finish(self) -> Arrays:
        return {"score": np.array(self._scores)}


class ImagingQuality:
    """How clean the frames are as pictures (noise, blur, exposure), as MUSIQ sees it. 0 to 100, a value a frame.

    VBench's total divides the mean over videos by 100; so does `suites/vbench/leaderboard.py`.
    """

    name = "imaging_quality"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ()

    def available(self) -> str | None:
        if find_spec("pyiqa") is None:
            return "It needs the package pyiqa, which is for non-commercial use.\n  pip install pyiqa"
        return missing(MusiqFrames.weights)

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (MusiqFrames(),)

    def __call__(self, evidence: Evidence) -> Series:
        scores = evidence.features[MusiqFrames.name]["score"]
        return Series(np.arange(len(scores)), scores)


@lru_cache(maxsize=1)
def _loaded(path: Path) -> Any:
    from pyiqa.archs.musiq_arch import MUSIQ

    try:
        return MUSIQ(pretrained_model_path=str(path)).to(device()).eval()
    except Exception as error:
        raise KeepframeError(
            f"{path} is not MUSIQ's: {error}.", "keepframe weights fetch musiq-spaq --again"
        ) from error
