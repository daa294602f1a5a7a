"""Control: the same memory, asked at the wrong moments.

A score that survives this was not earned by remembering *when*. The history is cut into 16 equal spans; every
question goes to another span, at the same place inside it. The shuffle is drawn from the seed, so it is the same
in every run.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.errors import UsageError
from bench.memories.context import Context, TokenMemory
from bench.memories.controlled import Controlled
from bench.memories.header import Header
from bench.protocols import Memory, ReadableMemory
from bench.types import Frames

KIND = b"S"
SPANS = 16


def moved_spans(seed: int) -> list[int]:
    """Which span answers for each: one random cycle through all 16, so none stays in place (Sattolo, 1986).

    >>> all(place != span for place, span in enumerate(moved_spans(seed=0)))
    True
    """
    spans = list(range(SPANS))
    draw = random.Random(seed)
    for place in range(SPANS - 1, 0, -1):
        other = draw.randrange(place)
        spans[place], spans[other] = spans[other], spans[place]
    return spans


@dataclass(frozen=True)
class _Behind:
    """Another memory behind a header of its own, which is 22 bytes and says how long the history was."""

    header: Header
    inner: Memory
    spans: tuple[int, ...]

    @property
    def tokens(self) -> int | None:
        """As for the memory itself."""
        return self.inner.tokens

    @property
    def floats(self) -> int | None:
        """As for the memory itself."""
        return self.inner.floats

    def to_bytes(self) -> bytes:
        """Header, then the bytes of the memory itself."""
        return self.header.pack(KIND, self.inner.to_bytes())

    def moved(self, at_s: Sequence[float]) -> list[float]:
        """The moments of other spans that are looked up instead. Raises KeepframeError outside of the history."""
        self.header.frames_at(at_s)
        return [self._moved(moment) for moment in at_s]

    def _moved(self, moment: float) -> float:
        length_s = self.header.duration_s / SPANS
        span = min(max(int(moment / length_s), 0), SPANS - 1)
        return min(self.spans[span] * length_s + (moment - span * length_s), self.header.duration_s)


@dataclass(frozen=True)
class ShuffledMemory(_Behind):
    """A memory that answers by itself, shuffled."""

    inner: ReadableMemory

    def recall(self, at_s: Sequence[float]) -> Frames:
        """What the memory answers at the moments of other spans."""
        return self.inner.recall(self.moved(at_s))


@dataclass(frozen=True)
class ShuffledTokens(_Behind):
    """A memory that a generator reads, shuffled. It can be asked for moments, and not gone on from."""

    inner: TokenMemory

    def context(self) -> Context:
        """The context of the memory itself."""
        context: Context = self.inner.context()
        return replace(context, past=None)

    def asked(self, at_s: Sequence[float]) -> Sequence[float]:
        """The moments of other spans."""
        return self.moved(at_s)


class Shuffled(Controlled):
    """Encodes with the memory `of` (built with `args`) and shuffles what is asked of it.

    Below 16 frames some spans share a frame, so the control is weaker; a history of one frame cannot be shuffled.
    Raises UsageError for an unknown memory, wrong arguments, or a memory that neither answers by itself nor has
    tokens for the reference generator.

    >>> from bench.types import Size
    >>> encoder = Shuffled(of="last-frame")
    >>> encoder.begin(fps=24.0, size=Size(4, 2))
    >>> import numpy as np
    >>> encoder.write(np.zeros((32, 2, 4, 3), np.uint8))
    >>> encoder.finish().recall([0.0, 1.0]).shape
    (2, 2, 4, 3)
    """

    def __init__(self, *, of: str = "keyframes", args: dict[str, Any] | None = None, seed: int = 0) -> None:
        super().__init__(of, args)
        self._of = of
        self._spans = tuple(moved_spans(seed))

    def finish(self) -> ShuffledMemory | ShuffledTokens:
        """The memory."""
        return self._behind(*self._finished())

    def from_bytes(self, data: bytes) -> ShuffledMemory | ShuffledTokens:
        """The inverse of `to_bytes`."""
        header, inner = Header.unpack(KIND, data)
        return self._behind(header, self._inner.from_bytes(inner))

    def _behind(self, header: Header, memory: Memory) -> ShuffledMemory | ShuffledTokens:
        if isinstance(memory, ReadableMemory):
            return ShuffledMemory(header, memory, self._spans)
        if isinstance(memory, TokenMemory):
            return ShuffledTokens(header, memory, self._spans)
        raise UsageError(f"The memory {self._of!r} has no recall().", "Shuffle one that answers by itself.")
