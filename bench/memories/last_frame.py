"""Only the last frame: what a generator remembers that conditions on nothing but the end of the clip."""

from dataclasses import replace

import numpy as np

from bench.memories.header import Header
from bench.memories.intake import History, begun
from bench.memories.picture import Picture, check_quality
from bench.memories.still import StillMemory
from bench.types import Frames, Size

KIND = b"L"


class LastFrame:
    """Keeps the last frame as one WebP picture (`quality` 1 to 99, or 100 for lossless).

    >>> encoder = LastFrame(quality=100)
    >>> encoder.begin(fps=24.0, size=Size(4, 2))
    >>> encoder.write(np.stack([np.full((2, 4, 3), 10, np.uint8), np.full((2, 4, 3), 20, np.uint8)]))
    >>> int(encoder.finish().recall([0.0])[0, 0, 0, 0])
    20
    """

    def __init__(self, *, quality: int = 90) -> None:
        self._quality = check_quality(quality)
        self._history: History | None = None
        self._last: Picture = np.zeros((1, 1, 3), np.uint8)

    def begin(self, fps: float, size: Size) -> None:
        """Start a history."""
        self._history = History(fps, size)

    def write(self, frames: Frames) -> None:
        """Replace what was kept by the end of this chunk."""
        begun(self._history).take(frames)
        if len(frames):
            self._last = frames[-1].copy()

    def finish(self) -> StillMemory:
        """The memory."""
        header = begun(self._history).header()
        self._history = None
        return _with_moment(StillMemory.of(header, KIND, self._last, self._quality))

    def from_bytes(self, data: bytes) -> StillMemory:
        """The inverse of `to_bytes`."""
        header, picture = Header.unpack(KIND, data)
        return _with_moment(StillMemory(header, KIND, picture))


def _with_moment(memory: StillMemory) -> StillMemory:
    return replace(memory, kept_s=((memory.header.frames - 1) / memory.header.fps,))
