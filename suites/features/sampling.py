"""Which frames: the sampling rules of the published metrics, as pure functions of the frame count and rate."""

import itertools
from fractions import Fraction

import numpy as np

from bench.types import Clip


def every(clip: Clip) -> range:
    """All frames."""
    return range(clip.frames)


def middle(total: int, count: int) -> list[int]:
    """The middle frame of each of `count` equal spans of `total` frames; a shorter video repeats its last frame.

    Source: `get_frame_indices(sample="middle")` of VBench and InternVideo.

    >>> middle(120, 8)
    [7, 22, 37, 52, 67, 82, 97, 112]
    >>> middle(3, 5)
    [0, 1, 2, 2, 2]
    """
    edges = np.linspace(0, total, min(count, total) + 1).astype(int)
    found = [int(low + high - 1) // 2 for low, high in itertools.pairwise(edges)]
    return found + [found[-1]] * (count - len(found))


def interval(fps: Fraction | float, wanted_fps: float = 8.0) -> int:
    """Every how many frames to look, to see about `wanted_fps` frames a second. Halves round to even, as VBench's do.

    >>> [interval(fps) for fps in (8, 12, 15, 16, 24, 25, 30, 60)]
    [1, 2, 2, 2, 3, 3, 4, 8]
    """
    return max(1, round(float(fps) / wanted_fps))
