"""Tokens that hold as much as their width can: the small video, and beside it a linear code of the whole block.

The code is learned with the DiT, one matrix per rate, and is no memory of the project: it is what the DiT practises on
before there is an encoder. A history encoder then starts by imitating it, so that the two need not find each other
by chance. (Trained against a DiT that had only met small videos, convolutions learned nothing: docs/RESULTS.md.)
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.causal import Stream
from bench.backbones.config import Shapes
from bench.backbones.rate import Rate
from bench.memories.history import HistoryEncoder, LargePatchifier, Variant

GAIN = 4.0
"""Of the code: its weights move so much faster than the DiT's, at the learning rate of both."""
SPREAD = 0.3
"""Of the code at its beginning, beside 0.8 of the small video."""


class LinearCode(LargePatchifier):
    """A linear layer per block, as the large patchifier's, that learns faster."""

    def __init__(self, shapes: Shapes, rate: Rate) -> None:
        super().__init__(shapes, rate)
        weight = self.blocks.conv.weight
        nn.init.normal_(weight, std=SPREAD / GAIN / weight[0].numel() ** 0.5)
        assert self.blocks.conv.bias is not None
        nn.init.zeros_(self.blocks.conv.bias)

    def forward(
        self, latents: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch dit blocks height2 width2"]:
        return GAIN * super().forward(latents, stream)


def dense_encoders(shapes: Shapes, rates: Sequence[Rate]) -> nn.ModuleDict:
    """By the name of its rate, what makes dense tokens."""
    encoders = nn.ModuleDict()
    for rate in rates:
        encoders[str(rate)] = encoder = HistoryEncoder(shapes, rate, Variant.ONLY_LOW)
        encoder.high = LinearCode(shapes, rate)
    return encoders


class ImitationLearner(nn.Module):
    """A history encoder that learns to give the tokens of another; the loss is their squared difference."""

    def __init__(self, encoder: HistoryEncoder, master: HistoryEncoder, first_layer: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.master, self.first_layer = master.requires_grad_(False), first_layer.requires_grad_(False)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, low = batch["latents"], batch["low"]
        with torch.no_grad():
            wanted = self.master(latents, low, self.first_layer).tokens.float()
        loss = F.mse_loss(self.encoder(latents, low, self.first_layer).tokens.float(), wanted)
        return loss, {}
