"""What the DiT reads beside the frames: the tokens of a memory, and those of a prompt."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bench.backbones.rate import Rate
from bench.backbones.rope import block_coordinates


class MemoryTokens(NamedTuple):
    """A memory as the DiT reads it: vectors of its inner width, where each sits, and how long it is.

    A token covers the latent frames that lie within half of its span from it.
    """

    tokens: Float[Tensor, "batch memory width"]
    coordinates: Float[Tensor, "memory 3"]  # (t, h, w) in units of the DiT's token grid: block centres
    spans: Float[Tensor, " memory"]  # latent frames

    def covers(self, times: Float[Tensor, " time"]) -> Bool[Tensor, "time memory"]:
        """Which tokens cover each of these latent frames.

        >>> places = torch.tensor([[0.5, 0.0, 0.0], [2.5, 0.0, 0.0]])
        >>> MemoryTokens(torch.zeros(1, 2, 4), places, torch.tensor([2.0, 2.0])).covers(torch.arange(1.0, 5.0)).tolist()
        [[True, False], [False, True], [False, True], [False, False]]
        """
        return (times[:, None] - self.coordinates[:, 0]).abs() <= self.spans / 2

    def picked(self, which: Bool[Tensor, " memory"] | Int[Tensor, " picked"]) -> "MemoryTokens":
        """Some of them."""
        return MemoryTokens(self.tokens[:, which], self.coordinates[which], self.spans[which])


def block_tokens(
    tokens: Float[Tensor, "batch memory width"], first: int, blocks: tuple[int, int, int], rate: Rate
) -> MemoryTokens:
    """Tokens that each stand for a block: `blocks` of them along (time, height, width), from index `first` in time."""
    coordinates = block_coordinates(first, blocks, rate, tokens.device)
    return MemoryTokens(tokens, coordinates, torch.full_like(coordinates[:, 0], rate.time))


def joined(parts: Sequence[MemoryTokens]) -> MemoryTokens:
    """The tokens of several memories, or of sections of one, one after the other."""
    return MemoryTokens(
        torch.cat([part.tokens for part in parts], dim=1),
        torch.cat([part.coordinates for part in parts]),
        torch.cat([part.spans for part in parts]),
    )


class TextTokens(NamedTuple):
    """An encoded prompt; `kept` is False where a shorter prompt of the batch was padded."""

    tokens: Float[Tensor, "batch words text_width"]
    kept: Bool[Tensor, "batch words"]
