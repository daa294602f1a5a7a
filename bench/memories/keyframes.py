"""A few whole frames; the answer is the one nearest in time.

This is the floor that a compressed memory has to beat at the same bytes and at the same tokens. How many frames
are kept is given in one of three ways: one every so many seconds, or as many as a byte or a token budget holds.
"""

import bisect
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from bench.errors import KeepframeError, UsageError
from bench.memories.header import HEADER_BYTES, Header, frame_at
from bench.memories.intake import History, begun
from bench.memories.picture import check_quality, compress, decompress, picture_tokens
from bench.memories.spread import Budget, Candidates, most_that_fit
from bench.types import Frames, Size

KIND = b"K"
ENTRY = struct.Struct("<II")  # frame index, number of bytes of the picture that follows


@dataclass(frozen=True)
class KeyframeMemory:
    """WebP pictures by frame index, ascending."""

    header: Header
    pictures: tuple[tuple[int, bytes], ...]

    @property
    def tokens(self) -> int:
        """What a DiT would read: the tokens of every kept frame, uncompressed."""
        return len(self.pictures) * picture_tokens(self.header.size)

    @property
    def floats(self) -> None:
        """Pixels are not read by a network as they are."""
        return None

    @property
    def kept_s(self) -> tuple[float, ...]:
        """When the kept frames begin to be shown (seconds, `index / fps`): asked there, the answer is a hit."""
        return tuple(index / self.header.fps for index, _ in self.pictures)

    def to_bytes(self) -> bytes:
        """Header, then for every picture 8 bytes (index, length) and the WebP."""
        entries = [ENTRY.pack(index, len(picture)) + picture for index, picture in self.pictures]
        return self.header.pack(KIND, b"".join(entries))

    def recall(self, at_s: Sequence[float]) -> Frames:
        """For each moment the kept frame nearest to the one shown then (the earlier of two equally near)."""
        width, height = self.header.size
        kept = [index for index, _ in self.pictures]
        nearest = [_nearest(kept, index) for index in self.header.frames_at(at_s)]
        recalled = np.empty((len(nearest), height, width, 3), np.uint8)
        for rank in set(nearest):
            recalled[np.array(nearest) == rank] = decompress(self.pictures[rank][1])
        return recalled


class Keyframes:
    """Keeps whole frames as WebP (`quality` 1 to 99, or 100 for lossless).

    Give one of `every_s` (one frame every so many seconds, from the first on; 1 s when nothing is given),
    `budget_bytes` (the length of `to_bytes()`, never exceeded) or `budget_tokens` (one per 16x16 pixels of a
    frame). With a byte budget that no frame fits into, one frame is kept at the highest quality that does.

    `declare` names the moments that will be asked of the next history: then those are kept instead, as many as
    the budget holds; with `every_s`, as many as would have been kept undeclared.

    Raises UsageError for wrong arguments and KeepframeError for a budget too small for one frame.

    >>> encoder = Keyframes(every_s=0.5, quality=100)
    >>> encoder.begin(fps=4.0, size=Size(4, 2))
    >>> encoder.write(np.stack([np.full((2, 4, 3), 10 * i, np.uint8) for i in range(8)]))
    >>> memory = encoder.finish()
    >>> memory.kept_s, memory.recall([0.25])[0, 0, 0].tolist()
    ((0.0, 0.5, 1.0, 1.5), [0, 0, 0])
    """

    def __init__(
        self,
        *,
        every_s: float | None = None,
        budget_bytes: int | None = None,
        budget_tokens: int | None = None,
        quality: int = 90,
    ) -> None:
        given = {"every_s": every_s, "budget_bytes": budget_bytes, "budget_tokens": budget_tokens}
        for name, value in given.items():
            if value is not None and not (isfinite(value) and value > 0):
                raise UsageError(f"{name} = {value} must be above 0.", "Mend it in the memory's args.")
        names = [name for name, value in given.items() if value is not None]
        if len(names) > 1:
            raise UsageError(f"Keyframes got {' and '.join(names)}.", "Give one of them.")
        self._every_s = 1.0 if not names else every_s
        self._budget_bytes = budget_bytes
        self._budget_tokens = budget_tokens
        self._quality = check_quality(quality)
        self._next_declared: tuple[float, ...] = ()
        self._history: History | None = None

    def declare(self, at_s: Sequence[float]) -> None:
        """The moments (seconds) that will be asked of the history that begins next, and of no other."""
        self._next_declared = tuple(at_s)

    def begin(self, fps: float, size: Size) -> None:
        """Start a history. Raises UsageError when the token budget is below one frame of this size."""
        self._history = History(fps, size)
        self._budget = self._budget_for(self._history.size)
        self._candidates = Candidates(self._budget)
        self._regular = 0  # frames due so far by `every_s`
        self._declared = {frame_at(moment, fps) for moment in self._next_declared}
        self._asked: dict[int, bytes] = {}
        self._next_declared = ()

    def write(self, frames: Frames) -> None:
        """Compress the frames of this chunk that may be kept."""
        history = begun(self._history)
        for index, frame in history.take(frames):
            due = self._is_due(index, history.fps)
            if self._declared:
                if index in self._declared:
                    self._asked[index] = compress(frame, self._quality)
            elif due:
                self._candidates.add(index, compress(frame, self._quality))

    def finish(self) -> KeyframeMemory:
        """The memory."""
        header = begun(self._history).header()
        self._history = None
        if self._asked:
            budget = Budget(pictures=self._regular) if self._every_s else self._budget
            pictures = most_that_fit(self._asked, budget, ENTRY.size)
            spare = list(self._asked.items())[len(self._asked) // 2]
        elif self._declared:
            raise KeepframeError("None of the declared moments lies in the history.", "Declare moments inside it.")
        else:
            pictures = self._candidates.best(ENTRY.size)
            spare = self._candidates.middle()
        return KeyframeMemory(header, tuple((pictures or self._shrunk(*spare)).items()))

    def from_bytes(self, data: bytes) -> KeyframeMemory:
        """The inverse of `to_bytes`."""
        header, payload = Header.unpack(KIND, data)
        pictures = []
        offset = 0
        while offset < len(payload):
            index, length = ENTRY.unpack_from(payload, offset)
            offset += ENTRY.size + length
            pictures.append((index, payload[offset - length : offset]))
        return KeyframeMemory(header, tuple(pictures))

    def _budget_for(self, size: Size) -> Budget:
        if self._budget_bytes is not None:
            return Budget(total_bytes=self._budget_bytes - HEADER_BYTES)
        if self._budget_tokens is None:
            return Budget()
        each = picture_tokens(size)
        if self._budget_tokens < each:
            raise UsageError(
                f"budget_tokens = {self._budget_tokens} holds no frame of {size} pixels, which costs {each}.",
                f"Give at least {each}, or resize the footage.",
            )
        return Budget(pictures=self._budget_tokens // each)

    def _is_due(self, index: int, fps: float) -> bool:
        if self._every_s is None:
            return self._candidates.wants(index)
        due = index == frame_at(self._regular * self._every_s, fps)
        while frame_at(self._regular * self._every_s, fps) <= index:  # more than one a frame when every_s < 1 / fps
            self._regular += 1
        return due

    def _shrunk(self, index: int, picture: bytes) -> dict[int, bytes]:
        """One frame at the highest lossy quality that the byte budget holds."""
        frame = decompress(picture)
        room = (self._budget.total_bytes or 0) - ENTRY.size
        fits = bisect.bisect_left(range(1, self._quality), True, key=lambda q: len(compress(frame, q)) > room)
        if fits == 0:
            raise KeepframeError(
                f"budget_bytes = {self._budget_bytes} holds no frame of {frame.shape[1]}x{frame.shape[0]} pixels.",
                "Raise the budget, or resize the footage.",
            )
        return {index: compress(frame, fits)}


def _nearest(kept: Sequence[int], index: int) -> int:
    """The rank in `kept` (ascending) of the value nearest to `index`; the earlier of two equally near."""
    after = bisect.bisect_left(kept, index)
    if after == len(kept) or (after > 0 and index - kept[after - 1] <= kept[after] - index):
        return after - 1
    return after
