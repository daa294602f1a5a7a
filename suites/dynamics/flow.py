"""RAFT flow over a video, reduced to a few figures a pair while it streams: full flows are never kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench import weights
from bench.errors import KeepframeError
from bench.types import Clip, Frames
from suites.dynamics.raft import MINIMUM_SIDE, encode, flow, loaded, top_speed
from suites.features.protocols import Arrays, View
from suites.features.sampling import every, interval

TOP, TOP_STATIC = 0.05, 0.02  # parts of the picture that VBench's dynamic_degree and static filter look at


class SampledFlow:
    """Between every frame and the next about an eighth of a second on: `top[pair]`, mean length of the longest 5 %
    of the vectors in pixels, and `frame[pair]`, the first frame of the pair."""

    name = "flow at 8 fps"
    version = "1"
    weights: tuple[str, ...] = ("raft",)
    view: View | None = None

    def frames(self, clip: Clip) -> Sequence[int]:
        check_size(clip)
        return range(0, clip.frames, interval(clip.fps))

    def begin(self, clip: Clip) -> "Pairs":
        return Pairs(self.frames(clip), loaded(weights.path("raft")), TOP)


class NativeFlow:
    """Between all neighbouring frames, and between the first and the last both ways: `top[pair]`, mean length of the
    longest 2 % of the vectors in pixels, of the neighbours in order, and `ends`, of first-last and last-first."""

    name = "flow between all frames"
    version = "1"
    weights: tuple[str, ...] = ("raft",)
    view: View | None = None

    def frames(self, clip: Clip) -> Sequence[int]:
        check_size(clip)
        return every(clip)

    def begin(self, clip: Clip) -> "Pairs":
        return Pairs(self.frames(clip), loaded(weights.path("raft")), TOP_STATIC, ends=True)


def check_size(clip: Clip) -> None:
    """Raises KeepframeError for a picture on which RAFT's correlation pyramid has no room, or a lone frame."""
    if min(clip.size) < MINIMUM_SIDE:
        raise KeepframeError(
            f"{clip.path} is {clip.size}: RAFT needs {MINIMUM_SIDE} pixels a side.", "Score larger videos."
        )
    if clip.frames < 2:
        raise KeepframeError(f"{clip.path} has one frame: nothing moves in it.", "Give 2 frames or more.")


class Pairs:
    """RAFT between each frame that is written and the next, as the mean length of the longest `part` of the vectors."""

    def __init__(self, frames: Sequence[int], model: Any, part: float, *, ends: bool = False) -> None:
        self._frames = list(frames)
        self._model = model
        self._part = part
        self._ends = ends
        self._first: Any = None
        self._before: Any = None
        self._top: list[float] = []

    def write(self, frames: Frames) -> None:
        for frame in frames:
            now = encode(self._model, frame)
            if self._before is None:
                self._first = now if self._ends else None
            else:
                self._top.append(self._speed(self._before, now))
            self._before = now

    def finish(self) -> Arrays:
        arrays = {"top": np.array(self._top), "frame": np.array(self._frames[: len(self._top)], np.int64)}
        if self._ends:
            both = [self._speed(self._first, self._before), self._speed(self._before, self._first)]
            arrays["ends"] = np.array(both)
        return arrays

    def _speed(self, first: Any, second: Any) -> float:
        return top_speed(flow(self._model, first, second), self._part)
