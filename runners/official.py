"""The published vbench package as metrics, in a box of its own: the proof of our numbers, and a way to get theirs.

`keepframe score rollouts --metrics official_temporal_flickering,temporal_flickering` puts both side by side. A value
is kept like any score, by the video's digest, the dimension and the package's version. The package fetches its own
weights into its own cache; only temporal_flickering needs none.
"""

import atexit
from functools import lru_cache
from typing import Literal

from runners.isolate import RECIPES, Box, program
from suites.features.protocols import Evidence, Feature, Reads, Series

VBENCH = RECIPES["vbench"]
TIMEOUT_S = 3600.0


class _Official:
    version = "vbench 0.1.5"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ()
    dimension: str

    @property
    def name(self) -> str:
        return f"official_{self.dimension}"

    def available(self) -> str | None:
        return VBENCH.missing()

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return ()

    def __call__(self, evidence: Evidence) -> Series:
        value = _box().ask(
            TIMEOUT_S, dimension=self.dimension, video=str(evidence.clip.path.resolve()), prompt=evidence.prompt
        )
        return Series.one(float(value))


class OfficialFlickering(_Official):
    """VBench's own temporal_flickering, by the vbench package in a box."""

    dimension = "temporal_flickering"


class OfficialSubject(_Official):
    """VBench's own subject_consistency, by the vbench package in a box, with weights that it fetches."""

    dimension = "subject_consistency"


class OfficialBackground(_Official):
    """VBench's own background_consistency, by the vbench package in a box, with weights that it fetches."""

    dimension = "background_consistency"


class OfficialSmoothness(_Official):
    """VBench's own motion_smoothness (AMT-S: non-commercial), by the vbench package in a box."""

    dimension = "motion_smoothness"


class OfficialDynamic(_Official):
    """VBench's own dynamic_degree, by the vbench package in a box, with weights that it fetches."""

    dimension = "dynamic_degree"
    better: Literal["higher", "lower", "neutral"] = "neutral"


class OfficialAesthetic(_Official):
    """VBench's own aesthetic_quality, by the vbench package in a box, with weights that it fetches."""

    dimension = "aesthetic_quality"


@lru_cache(maxsize=1)
def _box() -> Box:
    """One running box a process, ended with it."""
    box = Box(VBENCH.python, program(VBENCH), {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}).__enter__()
    atexit.register(box.__exit__, None, None, None)
    return box
