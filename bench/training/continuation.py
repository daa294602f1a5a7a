"""Stage two of the paper: the memory of a clean history, a prompt, and the next section is generated.

A fresh LoRA on top of stage one's (folded in); the encoder goes on learning, or is frozen for the ablation.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench.backbones.dit import VideoDiT
from bench.backbones.text import TextEncoder
from bench.memories.history import HistoryEncoder
from bench.training.flow import evened, flow_loss

SECTION = 4  # latent frames: two seconds at eight frames a second


class ContinuationLearner(nn.Module):
    """φ and a LoRA with the loss of stage two. `window` latent frames before the section are given as they are."""

    weights: Tensor
    slow = ("encoder.",)

    def __init__(self, dit: VideoDiT, text: TextEncoder, encoder: HistoryEncoder, weights: Tensor, window: int) -> None:
        super().__init__()
        self.dit, self.text, self.encoder = dit, text.requires_grad_(False), encoder
        self.register_buffer("weights", weights, persistent=False)
        self.window = window

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, (first, end) = batch["latents"], batch["query"].tolist()
        memory = self.encoder(latents[:, :, :first], batch["low"], self.dit.first_layer)
        start = max(0, first - self.window)
        times = torch.arange(start, end, dtype=torch.float32, device=latents.device)
        frames, text = latents[:, :, start:end], self.text(batch["text"])
        weights = evened(self.weights, self.dit.spreads[0])
        return flow_loss(self.dit, frames, times, text, memory, weights, times < first), {}
