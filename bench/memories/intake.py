"""What an encoder knows of a history while it streams in: rate, size, and how many frames have passed.

Every built-in encoder reads its frames through `take`, so a wrong shape, a wrong type or a call out of order is
the same clear error everywhere.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8

from bench.errors import KeepframeError
from bench.memories.header import Header
from bench.types import Frames, Size

LARGEST_SIDE = 16383  # what a WebP picture can hold


class History:
    """Counts a history as it streams in.

    >>> history = History(fps=24.0, size=Size(4, 2))
    >>> [index for index, _ in history.take(np.zeros((3, 2, 4, 3), np.uint8))]
    [0, 1, 2]
    >>> history.header().frames
    3
    """

    def __init__(self, fps: float, size: Size) -> None:
        width, height = size
        if not 1e-3 <= fps <= 1e3:
            raise KeepframeError(f"A history cannot run at {fps} frames per second.", "Give a rate from 0.001 to 1000.")
        if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
            raise KeepframeError(
                f"Frames of {width}x{height} pixels cannot be kept.",
                f"Resize them to 1 to {LARGEST_SIDE} pixels a side.",
            )
        self.fps = float(fps)
        self.size = Size(width, height)
        self.frames = 0

    def take(self, frames: Frames) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
        """Each frame of a chunk with its index in the history.

        The frames are views of the caller's buffer: copy what is kept. Raises KeepframeError for a chunk that
        is not uint8 `[time, height, width, 3]` of the announced size.
        """
        expected = (self.size.height, self.size.width, 3)
        if frames.dtype != np.uint8 or frames.shape[1:] != expected:
            raise KeepframeError(
                f"A chunk of {frames.dtype} {frames.shape} was written to a history of {self.size} pixels.",
                f"Write uint8 frames of shape (time, {', '.join(map(str, expected))}).",
            )
        first = self.frames
        self.frames += len(frames)
        return zip(range(first, self.frames), frames, strict=True)

    def header(self) -> Header:
        """The header of the finished history. Raises KeepframeError when no frame was written."""
        if self.frames == 0:
            raise KeepframeError("The history has no frames, so there is nothing to remember.", "Write frames first.")
        return Header(self.fps, self.size, self.frames)


def begun(history: History | None) -> History:
    """The history that is being read. Raises KeepframeError when `begin` was not called."""
    if history is None:
        raise KeepframeError("write() or finish() was called outside a history.", "Call begin(fps, size) first.")
    return history
