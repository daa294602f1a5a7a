"""The recipe of the DiT and its text encoder: what a video foundation model brings along before any memory is learned.

Three lessons, mixed: video from text alone; the next frames from frames that are given; and frames from a small
copy of the video, put through the first layer and placed at the centres of the blocks it covers. The last makes
tokens of another scale readable, which large models learn from mixed resolutions. No history encoder takes part.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.dit import Block, VideoDiT
from bench.backbones.rate import Rate
from bench.backbones.text import TextEncoder
from bench.memories.history import HistoryEncoder, Variant
from bench.training.flow import flow_loss

FROM_TEXT, FROM_FRAMES = 0.1, 0.1
NEAR = 1.5
"""What queries and keys have in common before training; what they learn from begins with a spread of 0.6."""


@torch.no_grad()
def start_near(dit: VideoDiT) -> None:
    """Begin with attention that looks at what is near, whatever it is.

    All queries and keys share one vector, which rotary positions turn away from itself with distance. Where to look
    for a moment need not be found by chance then.
    """
    for block in dit.blocks:
        assert isinstance(block, Block)
        for layer in (block.attention.query, block.attention.key):
            nn.init.zeros_(layer.bias)
            layer.bias.view(block.attention.heads, 2, -1)[:, 0] = NEAR  # the first of each rotated pair


class BackboneLearner(nn.Module):
    """DiT and text encoder with their loss."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.dit, self.text = VideoDiT(shapes), TextEncoder(shapes)
        start_near(self.dit)
        nn.init.zeros_(self.dit.last_layer.weight)
        nn.init.zeros_(self.dit.last_layer.bias)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        text = self.text(batch["text"])
        lesson = float(torch.rand(()))
        latents, (first, end) = batch["latents"], batch["query"].tolist()
        if lesson < FROM_TEXT + FROM_FRAMES:
            count = min(latents.shape[2], 4)
            times = torch.arange(count, dtype=torch.float32, device=latents.device)
            given = times < (0 if lesson < FROM_TEXT else 1 + int(torch.randint(max(1, count - 1), ())))
            if given.all():
                given = times < 0
            loss = flow_loss(self.dit, latents[:, :, :count], times, text, None, given)
            return loss, {"from_text" if lesson < FROM_TEXT else "from_frames": loss.detach()}
        height, width, time = batch["rate"].tolist()
        small = HistoryEncoder(self.dit.shapes, Rate(height, width, time), Variant.ONLY_LOW)
        memory = small(latents, batch["low"], self.dit.first_layer)
        times = torch.arange(first, end, dtype=torch.float32, device=latents.device)
        loss = flow_loss(self.dit, latents[:, :, first:end], times, text, memory)
        return loss, {"from_small": loss.detach()}
