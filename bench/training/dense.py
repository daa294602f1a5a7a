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
from bench.memories.history_high import HighBranch

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
    """An encoder's high branch that learns to add what makes its tokens those of a master.

    What is to be added may be ten times as strong as the small video. It is learned at a spread of one, where a
    learning rate moves the last layer as it moves all others, and `finish` makes that layer as strong as is wanted.
    """

    def __init__(
        self,
        encoder: HistoryEncoder,
        master: HistoryEncoder,
        first_layer: nn.Module,
        example: Mapping[str, Tensor],  # a batch that tells how strong it is
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.master, self.first_layer = master.requires_grad_(False), first_layer.requires_grad_(False)
        self.strength = 1.0
        self.strength = float(self._wanted(example).std())

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        assert self.encoder.high is not None
        return F.mse_loss(self.encoder.high(batch["latents"]).float(), self._wanted(batch)), {}

    @torch.no_grad()
    def finish(self) -> None:
        """Give the encoder's tokens the strength that was left out."""
        high = self.encoder.high
        assert isinstance(high, HighBranch | LargePatchifier)
        last = high.project.conv if isinstance(high, HighBranch) else high.blocks.conv
        last.weight *= self.strength
        if last.bias is not None:
            last.bias *= self.strength

    @torch.no_grad()
    def _wanted(self, batch: Mapping[str, Tensor]) -> Tensor:
        assert self.master.high is not None
        wanted: Tensor = self.master.high(batch["latents"])
        if not self.encoder.reads_low:
            wanted = wanted + self.master.small(batch["low"], self.first_layer)
        return wanted.float() / self.strength
