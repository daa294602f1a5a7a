"""What is learned with the DiT's first guess alone: an encoder whose tokens tell it as much of the latents as they can.

A step takes a tenth of one with the whole DiT. First the guess itself is learned, with `dense` tokens: the small video
and beside it a linear code of the block, one matrix per rate. The code is no memory of the project: the DiT practises
on it before there is an encoder, and it is thrown away. Then each history encoder starts here, before stage one.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.rate import Rate
from bench.memories.history import HistoryEncoder, LargePatchifier, Variant
from bench.memories.history_high import HANDING_ON, HighBranch
from bench.training.flow import weighed
from bench.training.frame_query import masked

PLAIN = 0.2
"""How often the small video stands alone where dense tokens are learned from."""


def dense_encoders(shapes: Shapes, rates: Sequence[Rate]) -> nn.ModuleDict:
    """By the name of its rate, what makes dense tokens."""
    encoders = nn.ModuleDict()
    for rate in rates:
        encoders[str(rate)] = encoder = HistoryEncoder(shapes, rate, Variant.ONLY_LOW)
        encoder.high = LargePatchifier(shapes, rate)
    return encoders


def practised(encoders: nn.ModuleDict, rate: Rate, plain: float) -> HistoryEncoder:
    """The encoder of a rate; in `plain` of the cases, drawn by torch, the small video alone."""
    encoder = encoders[str(rate)]
    assert isinstance(encoder, HistoryEncoder)
    if float(torch.rand(())) < plain:
        return HistoryEncoder(encoder.shapes, rate, Variant.ONLY_LOW)
    return encoder


class GuessLearner(nn.Module):
    """Encoders, by the name of their rate, with the error of what the DiT guesses from their tokens.

    `plain` is how often the small video stands alone, `undeclared` how often all of the history is clean and asked
    for, and not a few frames of it that are the only clean ones. All of the DiT rests, but where `guess_learns` for its
    guess and the first layer, through which the small video comes.
    """

    weights: Tensor

    def __init__(
        self,
        dit: VideoDiT,
        encoders: Mapping[str, nn.Module],
        weights: Float[Tensor, " channel"],
        *,
        plain: float = 0.0,
        undeclared: float = 1.0,
        guess_learns: bool = False,
    ) -> None:
        super().__init__()
        self.dit, self.encoders, self.plain = dit.requires_grad_(False), nn.ModuleDict(encoders), plain
        self.undeclared = undeclared
        if dit.first_guess is None:
            raise ValueError("this DiT makes no first guess")
        dit.first_guess.requires_grad_(guess_learns)
        dit.first_layer.requires_grad_(guess_learns)
        self.register_buffer("weights", weights, persistent=False)
        self.slow = tuple(
            f"encoders.{name}.high.{part}"
            for name, encoder in encoders.items()
            if isinstance(encoder, HistoryEncoder) and isinstance(encoder.high, HighBranch)
            for part in HANDING_ON
        )

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        encoder = practised(self.encoders, Rate(*batch["rate"].tolist()), self.plain)
        name = "plain" if encoder.high is None else "whole"
        seen, asked = (batch["latents"], batch["low"]), (0, batch["latents"].shape[2])
        if self.undeclared < 1 and float(torch.rand(())) >= self.undeclared:
            first, end = batch["query"].tolist()
            seen, asked, name = masked(*seen, first, end, encoder.rate.time), (first, end), "declared"
        loss = weighed(self._error(encoder, batch["latents"], *seen, *asked).square(), self.weights)
        return loss, {name: loss.detach()}

    @torch.no_grad()
    def spreads(self, batches: Iterable[Mapping[str, Tensor]]) -> Float[Tensor, "2 channel"]:
        """Of each channel of the latents, and of what the guess leaves of it: root mean squares over all batches."""
        found = []
        for batch in batches:
            encoder = practised(self.encoders, Rate(*batch["rate"].tolist()), 0.0)
            latents = batch["latents"]
            parts = latents, self._error(encoder, latents, latents, batch["low"], 0, latents.shape[2])
            found.append(torch.stack([part.square().mean((0, 2, 3, 4)) for part in parts]))
        return torch.stack(found).mean(0).sqrt()

    def _error(
        self, encoder: HistoryEncoder, latents: Tensor, seen: Tensor, low: Tensor, first: int, end: int
    ) -> Float[Tensor, "batch channel time height width"]:
        """Of the guess about `latents` from `first` to `end`, by what the encoder makes of what it has `seen`."""
        memory = encoder(seen, low, self.dit.first_layer)
        times = torch.arange(first, end, dtype=torch.float32, device=latents.device)
        rows, columns = self.dit.shapes.patch[1:]
        guess = self.dit.guess(memory, times, latents.shape[3] // rows, latents.shape[4] // columns)
        return (guess - latents[:, :, first:end]).float()
