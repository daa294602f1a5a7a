"""Every frame, tiny: the floor that keeps all of time and almost no space.

Thumbnails are stored 64 at a time, one above the other in one WebP picture, so that a 5-minute history needs no
more working memory than a 5-second one. Nothing is predicted from one frame to the next: for that there is `codec`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bench.errors import KeepframeError, UsageError
from bench.memories.header import Header
from bench.memories.intake import LARGEST_SIDE, History, begun
from bench.memories.picture import Picture, check_quality, compress, decompress
from bench.types import Frames, Size

KIND = b"T"
LAYOUT = struct.Struct("<HHH")  # thumbnail width and height, and one thumbnail every so many frames
LENGTH = struct.Struct("<I")
BLOCK = 64  # thumbnails to a WebP picture


@dataclass(frozen=True)
class ThumbnailMemory:
    """WebP pictures of up to 64 thumbnails, one above the other."""

    header: Header
    small: Size
    every: int
    blocks: tuple[bytes, ...]

    @property
    def tokens(self) -> None:
        """No DiT reads thumbnails of this size as they are."""
        return None

    @property
    def floats(self) -> None:
        """Pixels are not read by a network as they are."""
        return None

    def to_bytes(self) -> bytes:
        """Header, thumbnail size and step (6 bytes), then length (4 bytes) and WebP of every block."""
        blocks = [LENGTH.pack(len(block)) + block for block in self.blocks]
        return self.header.pack(KIND, LAYOUT.pack(*self.small, self.every) + b"".join(blocks))

    def recall(self, at_s: Sequence[float]) -> Frames:
        """For each moment the nearest thumbnail, enlarged (bicubic) to the history's size."""
        width, height = self.header.size
        count = -(-self.header.frames // self.every)
        asked = [min((index + self.every // 2) // self.every, count - 1) for index in self.header.frames_at(at_s)]
        recalled = np.empty((len(asked), height, width, 3), np.uint8)
        per_block = thumbnails_per_block(self.small)
        for number in {rank // per_block for rank in asked}:
            block = decompress(self.blocks[number]).reshape(-1, self.small.height, self.small.width, 3)
            for place, rank in enumerate(asked):
                if rank // per_block == number:
                    recalled[place] = cv2.resize(
                        block[rank % per_block], (width, height), interpolation=cv2.INTER_CUBIC
                    )
        return recalled


class Thumbnails:
    """Keeps every frame (or every `every`-th) at `width` pixels, as WebP (`quality` 1 to 99, or 100 for lossless).

    The height keeps the shape of the frame. 52 pixels is one pixel for each token of a 480p frame of the paper.
    Frames already smaller than `width` are kept as they are.

    >>> encoder = Thumbnails(width=4)
    >>> encoder.begin(fps=24.0, size=Size(16, 8))
    >>> encoder.write(np.full((5, 8, 16, 3), 128, np.uint8))
    >>> encoder.finish().recall([0.1]).shape
    (1, 8, 16, 3)
    """

    def __init__(self, *, width: int = 52, every: int = 1, quality: int = 90) -> None:
        for name, value in {"width": width, "every": every}.items():
            if not 1 <= value <= LARGEST_SIDE:
                raise UsageError(f"{name} = {value} is outside 1 to {LARGEST_SIDE}.", "Mend it in the memory's args.")
        self._width = width
        self._every = every
        self._quality = check_quality(quality)
        self._history: History | None = None

    def begin(self, fps: float, size: Size) -> None:
        """Start a history."""
        self._history = History(fps, size)
        width = min(self._width, size[0])
        self._small = Size(width, max(1, round(size[1] * width / size[0])))
        self._waiting: list[Picture] = []
        self._blocks: list[bytes] = []

    def write(self, frames: Frames) -> None:
        """Shrink the frames of this chunk, and compress a block whenever it is full."""
        for index, frame in begun(self._history).take(frames):
            if index % self._every == 0:
                small = cv2.resize(frame, self._small, interpolation=cv2.INTER_AREA)
                self._waiting.append(np.array(small, np.uint8))  # same size: resize may return its input
                if len(self._waiting) == thumbnails_per_block(self._small):
                    self._compress()

    def finish(self) -> ThumbnailMemory:
        """The memory."""
        header = begun(self._history).header()
        self._history = None
        if self._waiting:
            self._compress()
        return ThumbnailMemory(header, self._small, self._every, tuple(self._blocks))

    def from_bytes(self, data: bytes) -> ThumbnailMemory:
        """The inverse of `to_bytes`."""
        header, payload = Header.unpack(KIND, data)
        if len(payload) < LAYOUT.size:
            raise KeepframeError("A thumbnail memory ends before its first block.", "Encode the history again.")
        width, height, every = LAYOUT.unpack_from(payload)
        blocks = []
        offset = LAYOUT.size
        while offset < len(payload):
            (length,) = LENGTH.unpack_from(payload, offset)
            offset += LENGTH.size + length
            blocks.append(payload[offset - length : offset])
        return ThumbnailMemory(header, Size(width, height), every, tuple(blocks))

    def _compress(self) -> None:
        self._blocks.append(compress(np.concatenate(self._waiting), self._quality))
        self._waiting = []


def thumbnails_per_block(small: Size) -> int:
    """How many thumbnails of this size share a WebP picture.

    >>> thumbnails_per_block(Size(52, 30)), thumbnails_per_block(Size(4000, 3000))
    (64, 5)
    """
    return min(BLOCK, LARGEST_SIDE // small.height)
