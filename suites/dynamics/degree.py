"""How much moves: VBench's yes or no, the speed that it is cut from, and whether a video is still.

A yes or no hides a rollout that slowly stalls, so the speed is reported beside it, pair by pair: its curve over the
video is the motion curve. Lengths are in parts of the short side (256 of them), so they do not grow with the size.
"""

from importlib.util import find_spec
from typing import Literal

import numpy as np
from jaxtyping import Float64

from bench import weights
from bench.errors import UnavailableError
from bench.types import Size
from suites.dynamics.flow import NativeFlow, SampledFlow
from suites.features.protocols import Evidence, Feature, Series


def is_moving(top: Float64[np.ndarray, " pair"], size: Size, frames: int) -> bool:
    """VBench's dynamic_degree: whether enough pairs are faster than 6 pixels at a short side of 256.

    Enough is a quarter of the sampled `frames`, rounded (halves to even). VBench's own edges are kept: two sampled
    frames always move, since none of their pairs need be fast.

    Source: `check_move` in `vbench/dynamic_degree.py` of VBench 45e79ec1.

    >>> is_moving(np.array([7.0] * 4 + [0.0] * 11), Size(256, 256), 16), is_moving(np.zeros(15), Size(256, 256), 16)
    (True, False)
    """
    fast = int((top > 6.0 * (min(size) / 256.0)).sum())
    return len(top) > 0 and fast >= round(4 * (frames / 16.0))


def is_static(top: Float64[np.ndarray, " pair"], ends: Float64[np.ndarray, "2"], size: Size, frames: int) -> bool:
    """VBench's static filter: few fast pairs of neighbours, and the end close to the beginning.

    Source: `check_static` in `static_filter.py` of VBench 45e79ec1.
    """
    threshold, count = 3.0 * (min(size) / 256.0), round(2 * (frames / 16.0))
    return int((top > threshold).sum()) <= count and not bool((ends > threshold * count * 2).any())


class _Flow:
    """What the metrics of flow share: they need torchvision and RAFT's weights."""

    version = "1"
    unit = ""
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def available(self) -> str | None:
        if any(find_spec(package) is None for package in ("torch", "torchvision")):
            return "Optical flow needs the packages torch and torchvision.\n  pip install 'keepframe[vbench]'"
        try:
            weights.path("raft")
        except UnavailableError as error:
            return str(error)
        return None


class DynamicDegree(_Flow):
    """VBench's dynamic_degree: 1 where a video moves enough, else 0; the mean over videos is the score."""

    name = "dynamic_degree"
    better: Literal["higher", "lower", "neutral"] = "neutral"

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (SampledFlow(),)

    def __call__(self, evidence: Evidence) -> Series:
        top = evidence.features["flow at 8 fps"]["top"]
        return Series.one(float(is_moving(top, evidence.clip.size, len(top) + 1)))


class FlowSpeed(_Flow):
    """How fast the fastest 5 % of the picture move in an eighth of a second, in 256ths of the short side. One value
    a pair of frames; VBench's threshold is 6."""

    name = "flow_speed"
    better: Literal["higher", "lower", "neutral"] = "neutral"

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (SampledFlow(),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features["flow at 8 fps"]
        return Series(found["frame"], found["top"] * 256.0 / min(evidence.clip.size))


class StaticFilter(_Flow):
    """1 where VBench's static filter takes a video as still, else 0. Temporal flickering is meant for those."""

    name = "static_filter"
    better: Literal["higher", "lower", "neutral"] = "neutral"

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (NativeFlow(),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features["flow between all frames"]
        clip = evidence.clip
        return Series.one(float(is_static(found["top"], found["ends"], clip.size, clip.frames)))
