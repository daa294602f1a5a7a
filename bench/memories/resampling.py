"""From a history's frames to those a backbone was trained on, and back: another rate, another size.

A model that learned video at 8 frames per second must be given 8 per second. Frames are chosen, never mixed or made
up: at each moment the one being shown. A history that is slower keeps all its own frames and passes faster. Frames
are stretched to the backbone's size, because all of each is to be remembered; recall stretches them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from bench.memories.header import Header
from bench.memories.picture import Picture
from bench.types import Frames, Size


@dataclass(frozen=True)
class Resampling:
    """Which frames are kept of a history at `fps` frames per second, when the backbone wants `wanted_fps`.

    >>> Resampling(fps=24.0, wanted_fps=8.0).sources(count=3)
    [0, 3, 6]
    """

    fps: float
    wanted_fps: float

    @property
    def kept_fps(self) -> float:
        """Frames kept per second."""
        return min(self.fps, self.wanted_fps)

    def source(self, kept: int) -> int:
        """The index in the history of the `kept`-th kept frame: the one shown at `kept / kept_fps` seconds."""
        return int(kept * self.fps / self.kept_fps + 1e-6)

    def sources(self, count: int) -> list[int]:
        """The first `count` of them."""
        return [self.source(kept) for kept in range(count)]

    def count(self, frames: int) -> int:
        """How many frames are kept of a history of `frames` frames.

        >>> Resampling(fps=12.0, wanted_fps=8.0).count(5)  # 0, 1, 3, 4
        4
        """
        kept = int(frames * self.kept_fps / self.fps) + 1
        while self.source(kept - 1) >= frames:
            kept -= 1
        return kept

    def nearest(self, source: int) -> int:
        """The kept frame nearest to a frame of the history; the earlier of two equally near.

        >>> Resampling(fps=12.0, wanted_fps=8.0).nearest(2)  # kept are 0, 1, 3, 4, …
        1
        """
        about = round(source * self.kept_fps / self.fps)
        near = range(max(0, about - 1), about + 2)
        return min(near, key=lambda kept: (abs(self.source(kept) - source), kept))

    def kept_at(self, header: Header, at_s: Sequence[float]) -> list[int]:
        """The kept frame that answers for each moment. Raises KeepframeError for one outside the history."""
        last = self.count(header.frames) - 1
        return [min(self.nearest(source), last) for source in header.frames_at(at_s)]


def latent_of(kept: int) -> int:
    """The latent that holds a kept frame: the first alone, then four to each.

    >>> [latent_of(kept) for kept in (0, 1, 4, 5)]
    [0, 1, 1, 2]
    """
    return (kept + 3) // 4


def scaled(frame: Picture, size: Size) -> UInt8[np.ndarray, "height2 width2 3"]:
    """A frame at another size: a mean over pixels where it shrinks, interpolated where it grows."""
    if (frame.shape[1], frame.shape[0]) == size:
        return frame
    shrinks = frame.shape[1] * frame.shape[0] > size.width * size.height
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


def scaled_all(frames: Frames, size: Size) -> UInt8[np.ndarray, "time height2 width2 3"]:
    """`scaled` for every frame."""
    out = np.empty((len(frames), size.height, size.width, 3), np.uint8)
    for index, frame in enumerate(frames):
        out[index] = scaled(frame, size)
    return out
