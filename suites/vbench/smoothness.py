"""VBench's motion_smoothness: how well an interpolator guesses every second frame from its neighbours.

VBench's interpolator is AMT-S, whose licence is for non-commercial use, so the user brings it
(`--model interpolator=./mine.py:Amt`). With another one the numbers are not VBench's, whatever the name says; which
one it was stands in every score's address.
"""

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np

from bench.digest import key
from bench.errors import KeepframeError
from bench.types import Clip, Frames
from suites.features.plugins import identity, returned
from suites.features.protocols import Arrays, Evidence, Feature, Reads, Series, View
from suites.features.sampling import every


class Guessed:
    """`difference[guess]`: mean absolute difference, in grey levels, of frames 1, 3, 5, … from what the interpolator
    draws between their neighbours. A last frame with one neighbour is left out."""

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, model: Any) -> None:
        self.name = f"guessed frames {key('interpolator', identity=identity(model))[:16]}"
        self._model = model

    def frames(self, clip: Clip) -> Sequence[int]:
        if clip.frames < 3:
            raise KeepframeError(f"{clip.path} is too short: no frame lies between two.", "Give 3 or more.")
        return every(clip)

    def begin(self, clip: Clip) -> "_Guessing":
        return _Guessing(self._model)


class _Guessing:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._waiting: list[np.ndarray] = []
        self._found: list[float] = []

    def write(self, frames: Frames) -> None:
        for frame in frames:
            self._waiting.append(frame)
            if len(self._waiting) == 3:
                first, true, last = self._waiting
                guess = np.ascontiguousarray(self._model.between(first, last))
                if guess.shape != true.shape or guess.dtype != np.uint8:
                    what = f"{guess.shape} {guess.dtype}, not {true.shape} uint8"
                    raise returned("interpolator", self._model, what)
                self._found.append(cv2.norm(guess, true, cv2.NORM_L1) / true.size)
                self._waiting = [last]

    def finish(self) -> Arrays:
        return {"difference": np.array(self._found)}


class MotionSmoothness:
    """How well the user's interpolator guesses every second frame; VBench's, when it is AMT-S. 1 is exactly."""

    name = "motion_smoothness"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("interpolator",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Guessed(evidence.model("interpolator")),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features[Guessed(evidence.model("interpolator")).name]["difference"]
        return Series(np.arange(len(found)) * 2 + 1, (255.0 - found) / 255.0)
