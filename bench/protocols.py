"""What a plug-in must be. These are protocols: nothing needs to inherit from anything of ours.

A memory is measured through its bytes: the harness always calls `encoder.from_bytes(memory.to_bytes())`
and asks only what comes back, so that nothing can be remembered that was not paid for.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from bench.types import Continue, Frames, Recall, Size


@runtime_checkable
class Memory(Protocol):
    """What is kept of a history."""

    @property
    def tokens(self) -> int | None:
        """Tokens that a DiT would read, or None where that means nothing."""

    @property
    def floats(self) -> int | None:
        """Numbers that a network would read, or None where that means nothing."""

    def to_bytes(self) -> bytes:
        """Everything that recall needs. Its length is the rate; nothing else counts."""


@runtime_checkable
class ReadableMemory(Memory, Protocol):
    """A memory that answers by itself, without a generator: codecs, keyframes, means."""

    def recall(self, at_s: Sequence[float]) -> Frames:
        """The frames shown at `at_s` (seconds, any order, repeats allowed), as well as remembered."""


@runtime_checkable
class MemoryEncoder(Protocol):
    """Squeezes a history, streamed in chunks and in order, into a `Memory`.

    An encoder is used for one history at a time: `begin`, any number of `write`, `finish`. It may be told
    to `begin` again afterwards. How the history is cut into chunks must not change the memory.
    """

    def begin(self, fps: float, size: Size) -> None: ...

    def write(self, frames: Frames) -> None: ...

    def finish(self) -> Memory: ...

    def from_bytes(self, data: bytes) -> Memory:
        """The inverse of `Memory.to_bytes`; called on a fresh encoder built with the same arguments."""


@runtime_checkable
class DeclarableEncoder(MemoryEncoder, Protocol):
    """An encoder that can use being told, before it sees the history, which moments will be asked."""

    def declare(self, at_s: Sequence[float]) -> None: ...


@runtime_checkable
class VideoGenerator(Protocol):
    """Turns a memory into frames. Streams out, so that time to first frame is free to measure."""

    def generate(self, memory: Memory, request: Recall | Continue, *, seed: int) -> Iterator[Frames]: ...


@runtime_checkable
class Metric(Protocol):
    """A score of a recalled frame against the true one. One value per frame; it never reduces.

    `available()` is None when the metric can run here, else the sentence that says what is missing and
    the command that fetches it.
    """

    name: str
    version: str
    unit: str
    better: Literal["higher", "lower", "neutral"]

    def available(self) -> str | None: ...

    def __call__(self, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]: ...
