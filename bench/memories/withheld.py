"""Control: the memory is made and then not given to the read-out.

What is left is what anybody answers who saw nothing: mid-grey, or, for a memory that a generator reads, what that
generator makes of no memory at all. A memory that scores no better than this keeps nothing that the metric can see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import KeepframeError
from bench.memories.context import Context, TokenEncoder
from bench.memories.controlled import Controlled
from bench.memories.header import Header
from bench.types import Frames

KIND = b"W"
MID_GREY = 128


@dataclass(frozen=True)
class WithheldMemory:
    """Nothing but the header."""

    header: Header

    @property
    def tokens(self) -> int:
        """None are read."""
        return 0

    @property
    def floats(self) -> int:
        """None are read."""
        return 0

    def to_bytes(self) -> bytes:
        """The header."""
        return self.header.pack(KIND, b"")

    def recall(self, at_s: Sequence[float]) -> Frames:
        """Mid-grey frames, uint8 `[len(at_s), height, width, 3]`."""
        width, height = self.header.size
        return np.full((len(self.header.frames_at(at_s)), height, width, 3), MID_GREY, np.uint8)


@dataclass(frozen=True)
class WithheldTokens(WithheldMemory):
    """The same of a memory of tokens: a generator is given its weights and no tokens."""

    encoder: TokenEncoder

    def context(self) -> Context:
        """A context with nothing in it, neither to read nor to go on from."""
        context: Context = self.encoder.withheld(self.header)
        return context

    def asked(self, at_s: Sequence[float]) -> Sequence[float]:
        """The moments themselves."""
        return at_s


class Withheld(Controlled):
    """Encodes with the memory `of` (built with `args`), so that the work is the same, and hands on nothing.

    The readout answers mid-grey; the reference generator, for a memory that it reads, what its weights make of nothing.

    Raises UsageError for an unknown memory or wrong arguments.

    >>> from bench.types import Size
    >>> encoder = Withheld(of="last-frame")
    >>> encoder.begin(fps=24.0, size=Size(4, 2))
    >>> encoder.write(np.zeros((5, 2, 4, 3), np.uint8))
    >>> encoder.finish().recall([0.1])[0, 0, 0].tolist()
    [128, 128, 128]
    """

    def __init__(self, *, of: str = "keyframes", args: dict[str, Any] | None = None) -> None:
        super().__init__(of, args)

    def finish(self) -> WithheldMemory:
        """The header; what the other memory kept is dropped here."""
        header, _ = self._finished()
        return self._without(header)

    def from_bytes(self, data: bytes) -> WithheldMemory:
        """The inverse of `to_bytes`."""
        header, payload = Header.unpack(KIND, data)
        if payload:
            raise KeepframeError(f"A withheld memory carries {len(payload)} bytes.", "Encode the history again.")
        return self._without(header)

    def _without(self, header: Header) -> WithheldMemory:
        return WithheldTokens(header, self._inner) if isinstance(self._inner, TokenEncoder) else WithheldMemory(header)
