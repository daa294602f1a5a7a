"""The memory that a control is about: made as a spec would make it, and given the history as it would be."""

from collections.abc import Sequence
from typing import Any

from bench.memories.header import Header
from bench.memories.intake import History, begun
from bench.memories.weighted import WeightedEncoder
from bench.protocols import DeclarableEncoder, Memory, MemoryEncoder
from bench.registry import bind, resolve
from bench.types import Frames, Size


def built(of: str, args: dict[str, Any]) -> MemoryEncoder:
    """The encoder `of` with `args`. Raises UsageError for an unknown name or wrong arguments.

    >>> type(built("keyframes", {"every_s": 2})).__name__
    'Keyframes'
    """
    target = resolve("memory", of)
    encoder: MemoryEncoder = target(**bind(target, args))
    return encoder


class Controlled:
    """What controls have in common: the history goes to the memory `of`, and its header is noted."""

    def __init__(self, of: str, args: dict[str, Any] | None) -> None:
        self._inner = built(of, args or {})
        self._history: History | None = None

    def weights(self) -> dict[str, str]:
        """sha256 of the weights of the memory itself, where it has any."""
        return dict(self._inner.weights()) if isinstance(self._inner, WeightedEncoder) else {}

    def declare(self, at_s: Sequence[float]) -> None:
        """Passed on to a memory that can use it."""
        if isinstance(self._inner, DeclarableEncoder):
            self._inner.declare(at_s)

    def begin(self, fps: float, size: Size) -> None:
        """Start a history."""
        self._history = History(fps, size)
        self._inner.begin(fps, size)

    def write(self, frames: Frames) -> None:
        """Pass a chunk on."""
        begun(self._history).take(frames)
        self._inner.write(frames)

    def _finished(self) -> tuple[Header, Memory]:
        """The header of the history, and what the memory kept of it."""
        header = begun(self._history).header()
        self._history = None
        return header, self._inner.finish()
