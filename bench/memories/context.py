"""What a generator gets from a memory that a DiT reads: tokens, where they sit, and whose they are.

The reference generator asks a memory for nothing else, so that controls (bench/memories/withheld.py, shuffled.py)
stand between the two as they do for memories that answer by themselves. No torch is imported by this file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bench.memories.header import Header
from bench.protocols import Memory


@dataclass(frozen=True, eq=False)
class Context:
    """`tokens` is None when nothing is to be read, `past` when the memory cannot be gone on from.

    Tokens that are not `settled` stand for a last block that was filled up: going on makes them anew.
    """

    reader: Any  # bench.checkpoints.load.Reader
    header: Header  # of the history; recalled frames have its size
    tokens: Any  # bench.backbones.dit.MemoryTokens, or None
    past: Any = None  # bench.memories.history_stream.HistoryStream, or None
    settled: Any = None  # a boolean tensor over the tokens; None: all are


@runtime_checkable
class TokenMemory(Memory, Protocol):
    """A memory that is read through a DiT."""

    def context(self) -> Any:
        """A `Context`; loads the weights."""

    def asked(self, at_s: Sequence[float]) -> Sequence[float]:
        """The moments to look up when these are asked for: themselves, but for a control."""


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder whose memories a DiT reads."""

    def withheld(self, header: Header) -> Any:
        """The `Context` of a memory of that history with nothing in it."""
