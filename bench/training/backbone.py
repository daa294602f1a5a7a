"""The recipe of the DiT and its text encoder: what a video foundation model brings along before any memory is learned.

Four lessons, mixed: video from text alone; the next frames from frames that are given; frames from their own latents
in the first layer's tokens; and frames from a small copy of the video, put through the first layer and placed at the
centres of the blocks it covers. The last makes tokens of another scale readable, which large models learn from mixed
resolutions. No history encoder takes part.

A DiT that learned this reads of a token only what the small copy fills: a third of its dimensions, and what else an
encoder puts there goes by unseen. So it goes on with `dense` tokens, in which a linear code of the block fills the rest
(bench/training/guessing.py).
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.dit import Block, MemoryTokens, VideoDiT
from bench.backbones.rate import Rate
from bench.backbones.text import TextEncoder
from bench.memories.history import HistoryEncoder, Variant
from bench.training.flow import flow_loss
from bench.training.guessing import PLAIN, dense_encoders

FROM_TEXT, FROM_FRAMES, FROM_THEMSELVES = 0.05, 0.05, 0.15
DENSE_LESSONS = 0.4
"""How often those three come up when dense tokens are learned, of how often they did before."""
NEAR = 4.0
"""What queries and keys have in common before training; what they learn from begins with a spread of 0.6."""
SHARPEST = 2.8
"""How much longer the queries and keys of the last head are than those of the first: its attention is sharper by the
square of it. Heads between lie evenly, as the slopes of ALiBi do (Press et al. 2022, arXiv 2108.12409)."""
OPEN = 0.7
"""What the gates of attention and MLP begin with. As they are made, at about 0.07, little goes through a block."""
LEVEL = 0.5
"""Spread of the first layer's bias. Layer norms take the strength of a token away, but not beside a constant."""


@torch.no_grad()
def start_reading(dit: VideoDiT) -> None:
    """Begin with attention that looks at what is near, whatever it is, and with layers that let through what it reads.

    All queries and keys share one vector, which rotary positions turn away from itself with distance. Where to look
    for a moment need not be found by chance then. How near differs between heads.
    """
    assert dit.first_layer.bias is not None
    nn.init.normal_(dit.first_layer.bias, std=LEVEL)
    for block in dit.blocks:
        assert isinstance(block, Block)
        attention, heads = block.attention, block.attention.heads
        lengths = SHARPEST ** torch.linspace(0, 1, heads)
        for layer, norm in ((attention.query, attention.norm_query), (attention.key, attention.norm_key)):
            nn.init.zeros_(layer.bias)
            layer.bias.view(heads, 2, -1)[:, 0] = NEAR  # the first of each rotated pair
            norm.weight.copy_(lengths.repeat_interleave(len(norm.weight) // heads))
        block.modulation[[2, 5]] = OPEN  # the gates


class BackboneLearner(nn.Module):
    """DiT and text encoder with their loss. At the `dense` rates, tokens with a linear code of the block are read."""

    weights: Tensor

    def __init__(self, shapes: Shapes, weights: Tensor, dense: Sequence[Rate] = ()) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.dit, self.text = VideoDiT(shapes), TextEncoder(shapes)
        start_reading(self.dit)
        nn.init.zeros_(self.dit.last_layer.weight)
        nn.init.zeros_(self.dit.last_layer.bias)
        self.dense = dense_encoders(shapes, dense)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        text = self.text(batch["text"])
        lesson = float(torch.rand(())) / (DENSE_LESSONS if self.dense else 1.0)
        latents, (first, end) = batch["latents"], batch["query"].tolist()
        if lesson < FROM_TEXT + FROM_FRAMES:
            count = min(latents.shape[2], 4)
            times = torch.arange(count, dtype=torch.float32, device=latents.device)
            given = times < (0 if lesson < FROM_TEXT else 1 + int(torch.randint(max(1, count - 1), ())))
            if given.all():
                given = times < 0
            loss = flow_loss(self.dit, latents[:, :, :count], times, text, None, self.weights, given)
            return loss, {"from_text" if lesson < FROM_TEXT else "from_frames": loss.detach()}
        times = torch.arange(first, end, dtype=torch.float32, device=latents.device)
        if lesson < FROM_TEXT + FROM_FRAMES + FROM_THEMSELVES:
            memory = self._themselves(latents, first, end)
            loss = flow_loss(self.dit, latents[:, :, first:end], times, text, memory, self.weights)
            return loss, {"from_themselves": loss.detach()}
        rate, name = Rate(*batch["rate"].tolist()), "from_small"
        encoder = HistoryEncoder(self.dit.shapes, rate, Variant.ONLY_LOW)
        if str(rate) in self.dense and float(torch.rand(())) >= PLAIN:
            encoder, name = cast(HistoryEncoder, self.dense[str(rate)]), "from_dense"
        memory = encoder(latents, batch["low"], self.dit.first_layer)
        loss = flow_loss(self.dit, latents[:, :, first:end], times, text, memory, self.weights)
        return loss, {name: loss.detach()}

    def _themselves(
        self, latents: Float[Tensor, "batch channel time height width"], first: int, end: int
    ) -> MemoryTokens:
        """The asked frames and a neighbour on each side, uncompressed: what to copy, and what to tell it from."""
        first, end = max(0, first - 1), min(latents.shape[2], end + 1)
        times = torch.arange(first, end, dtype=torch.float32, device=latents.device)
        return self.dit.patchify(latents[:, :, first:end], times)
