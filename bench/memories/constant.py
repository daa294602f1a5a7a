"""The floor under every floor: one colour, three bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bench.errors import KeepframeError
from bench.memories.header import Header
from bench.memories.intake import History, begun
from bench.types import Frames, Size

KIND = b"C"


@dataclass(frozen=True)
class ConstantMemory:
    """The mean colour of a history (RGB, three bytes after the header)."""

    header: Header
    colour: bytes

    @property
    def tokens(self) -> None:
        """A colour is not a picture that a DiT would read."""
        return None

    @property
    def floats(self) -> None:
        """As for tokens."""
        return None

    def to_bytes(self) -> bytes:
        """Header and colour."""
        return self.header.pack(KIND, self.colour)

    def recall(self, at_s: Sequence[float]) -> Frames:
        """Frames of that colour, uint8 `[len(at_s), height, width, 3]`."""
        width, height = self.header.size
        asked = self.header.frames_at(at_s)
        return np.tile(np.frombuffer(self.colour, np.uint8), (len(asked), height, width, 1))


class ConstantColour:
    """Keeps the mean colour of all pixels of all frames.

    >>> encoder = ConstantColour()
    >>> encoder.begin(fps=24.0, size=Size(4, 2))
    >>> encoder.write(np.full((5, 2, 4, 3), 7, np.uint8))
    >>> encoder.finish().recall([0.1])[0, 0, 0].tolist()
    [7, 7, 7]
    """

    def __init__(self) -> None:
        self._history: History | None = None
        self._sum = np.zeros(3, np.int64)

    def begin(self, fps: float, size: Size) -> None:
        """Start a history."""
        self._history = History(fps, size)
        self._sum = np.zeros(3, np.int64)

    def write(self, frames: Frames) -> None:
        """Add a chunk."""
        for _, frame in begun(self._history).take(frames):
            self._sum += np.array(cv2.sumElems(frame)[:3], np.int64)  # exact: whole numbers in float64

    def finish(self) -> ConstantMemory:
        """The memory. Sums are whole numbers, so chunks cannot change it."""
        header = begun(self._history).header()
        self._history = None
        pixels = header.frames * header.size.width * header.size.height
        mean = (2 * self._sum + pixels) // (2 * pixels)  # rounded half up, in whole numbers
        return ConstantMemory(header, mean.astype(np.uint8).tobytes())

    def from_bytes(self, data: bytes) -> ConstantMemory:
        """The inverse of `to_bytes`."""
        header, colour = Header.unpack(KIND, data)
        if len(colour) != 3:
            raise KeepframeError(f"A constant colour has 3 bytes, not {len(colour)}.", "Encode the history again.")
        return ConstantMemory(header, colour)
