"""The mean of all frames: the floor that scores of 17 to 20 dB have to be read against.

A static camera makes it hard to beat; a cut makes it useless. Either way it must be in the table.
"""

import numpy as np
from jaxtyping import Int64

from bench.memories.header import Header
from bench.memories.intake import History, begun
from bench.memories.picture import check_quality
from bench.memories.still import StillMemory
from bench.types import Frames, Size

KIND = b"M"


class MeanFrame:
    """Keeps the mean of all frames as one WebP picture (`quality` 1 to 99, or 100 for lossless).

    >>> encoder = MeanFrame(quality=100)
    >>> encoder.begin(fps=24.0, size=Size(4, 2))
    >>> encoder.write(np.stack([np.full((2, 4, 3), 10, np.uint8), np.full((2, 4, 3), 20, np.uint8)]))
    >>> int(encoder.finish().recall([0.0])[0, 0, 0, 0])
    15
    """

    def __init__(self, *, quality: int = 90) -> None:
        self._quality = check_quality(quality)
        self._history: History | None = None
        self._sum: Int64[np.ndarray, "height width 3"] = np.zeros((1, 1, 3), np.int64)

    def begin(self, fps: float, size: Size) -> None:
        """Start a history."""
        self._history = History(fps, size)
        self._sum = np.zeros((size[1], size[0], 3), np.int64)

    def write(self, frames: Frames) -> None:
        """Add a chunk."""
        for _, frame in begun(self._history).take(frames):
            self._sum += frame

    def finish(self) -> StillMemory:
        """The memory. Sums are whole numbers, so chunks cannot change it."""
        header = begun(self._history).header()
        self._history = None
        mean = (2 * self._sum + header.frames) // (2 * header.frames)  # rounded half up, in whole numbers
        return StillMemory.of(header, KIND, mean.astype(np.uint8), self._quality)

    def from_bytes(self, data: bytes) -> StillMemory:
        """The inverse of `to_bytes`."""
        header, picture = Header.unpack(KIND, data)
        return StillMemory(header, KIND, picture)
