"""VBench-2.0's Human_Anatomy by detectors that the user brings: who in the picture is not put together as people are.

VBench-2.0's own are YOLO-World (GPL code) and three classifiers that are to be had by hand only.
"""

from collections.abc import Sequence
from operator import index
from typing import Any, Literal

import numpy as np

from bench.digest import key
from bench.types import Clip, Frames
from suites.features.plugins import identity, returned
from suites.features.protocols import Arrays, Evidence, Feature, Reads, Series, View
from suites.features.sampling import every


class People:
    """`seen[frame]` and `abnormal[frame]`: persons, and how many of them are malformed."""

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, model: Any) -> None:
        self.name = f"people {key('anatomy', identity=identity(model))[:16]}"
        self._model = model

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> "_Counting":
        return _Counting(self._model)


class _Counting:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._rows: list[tuple[int, int]] = []

    def write(self, frames: Frames) -> None:
        for frame in frames:
            found = self._model.look(frame)
            try:
                seen, abnormal = (index(count) for count in found)
            except (TypeError, ValueError) as error:
                raise returned("anatomy", self._model, f"{found!r}") from error
            if not 0 <= abnormal <= seen:
                raise returned("anatomy", self._model, f"{abnormal} malformed persons of {seen}")
            self._rows.append((seen, abnormal))

    def finish(self) -> Arrays:
        seen, abnormal = np.array(self._rows, np.int64).T
        return {"seen": seen, "abnormal": abnormal}


class HumanAnatomy:
    """VBench-2.0-style Human_Anatomy: of all persons in all frames, the part without a malformed body, face or hand.

    A video without anybody has 1, as there.
    """

    name = "vbench2_human_anatomy"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("anatomy",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (People(evidence.model("anatomy")),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features[People(evidence.model("anatomy")).name]
        seen, abnormal = int(found["seen"].sum()), int(found["abnormal"].sum())
        return Series.one(1.0 - abnormal / seen if seen else 1.0)
