"""How much each frame differs from the one before: all that temporal flickering needs, in exact integer sums."""

from collections.abc import Sequence

import cv2
import numpy as np

from bench.errors import KeepframeError
from bench.types import Clip, Frames
from suites.features.protocols import Arrays, View
from suites.features.sampling import every


class FrameDifferences:
    """`mean[t]`: mean absolute difference of frames t and t + 1 over pixels and channels, 0 to 255."""

    name = "frame_differences"
    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def frames(self, clip: Clip) -> Sequence[int]:
        if clip.frames < 2:
            raise KeepframeError(
                f"{clip.path} has {clip.frames} frame: there is no change to measure.", "Give 2 frames or more."
            )
        return every(clip)

    def begin(self, clip: Clip) -> "_Differences":
        return _Differences()


class _Differences:
    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._means: list[float] = []

    def write(self, frames: Frames) -> None:
        for frame in frames:
            if self._before is not None:
                self._means.append(cv2.norm(frame, self._before, cv2.NORM_L1) / frame.size)
            self._before = frame

    def finish(self) -> Arrays:
        return {"mean": np.array(self._means, np.float64)}
