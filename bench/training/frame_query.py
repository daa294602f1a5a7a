"""Stage one of the paper: the memory of a whole history is asked for a few of its frames, drawn at random.

Encoder and DiT (through LoRA) learn together; the loss is on the asked frames only. In the paper's form the asked
frames are the only clean ones in what the encoder sees (noise as a mask), which tells it what will be asked. Mixed
with that, `undeclared` is how often it sees the clean history instead: that is how a memory is used.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.dit import VideoDiT
from bench.backbones.text import TextEncoder
from bench.memories.history import HistoryEncoder
from bench.training.flow import draw_sigma, flow_loss

LEAST_MASK = 0.2


class FrameQueryLearner(nn.Module):
    """φ and the DiT's LoRA with the loss of stage one. The text encoder is frozen."""

    weights: Tensor
    slow = ("encoder.",)

    def __init__(
        self, dit: VideoDiT, text: TextEncoder, encoder: HistoryEncoder, weights: Tensor, undeclared: float
    ) -> None:
        super().__init__()
        self.dit, self.text, self.encoder = dit, text.requires_grad_(False), encoder
        self.register_buffer("weights", weights, persistent=False)
        self.undeclared = undeclared

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, low, (first, end) = batch["latents"], batch["low"], batch["query"].tolist()
        frames, name = latents[:, :, first:end], "undeclared"
        if float(torch.rand(())) >= self.undeclared:
            latents, low = masked(latents, low, first, end, self.encoder.rate.time)
            name = "declared"
        memory = self.encoder(latents, low, self.dit.first_layer)
        times = torch.arange(first, end, dtype=torch.float32, device=latents.device)
        loss = flow_loss(self.dit, frames, times, self.text(batch["text"]), memory, self.weights)
        return loss, {name: loss.detach()}


def masked(
    latents: Float[Tensor, "batch channel time height width"],
    low: Float[Tensor, "batch channel blocks height2 width2"],
    first: int,
    end: int,
    per_block: int,
) -> tuple[Tensor, Tensor]:
    """Noise over all frames but `first` to `end`, one level per history, from L(0.2, 1).

    The low-resolution latents come from the pixels, not from these latents, so they are masked too, but for the
    blocks that hold an asked frame: else the answer would stand beside the mask.
    """
    level = draw_sigma(len(latents), latents.device, LEAST_MASK)[:, None, None, None, None]
    index = torch.arange(latents.shape[2], device=latents.device)
    kept = ((index >= first) & (index < end))[None, None, :, None, None]
    block = torch.arange(low.shape[2], device=low.device)
    kept_low = ((block >= first // per_block) & (block <= (end - 1) // per_block))[None, None, :, None, None]
    return (
        torch.where(kept, latents, (1 - level) * latents + level * torch.randn_like(latents)),
        torch.where(kept_low, low, (1 - level) * low + level * torch.randn_like(low)),
    )
