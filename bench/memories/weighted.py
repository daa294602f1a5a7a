"""An encoder whose memories depend on trained weights says which: they are part of the address of a memory."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class WeightedEncoder(Protocol):
    """An encoder with weights. Other weights give other memories, so a run's key must change with them."""

    def weights(self) -> Mapping[str, str]:
        """sha256 of every file that decides what the encoder does, by a name of its own."""
