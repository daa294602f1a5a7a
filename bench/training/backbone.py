"""The recipe of the DiT and its text encoder: what a video foundation model brings along before any memory is learned.

Two kinds of lessons in turn. Frames that a memory covers, from its tokens: the small video, most often with a linear
code of the block beside it (bench/training/guessing.py), on which the DiT practises reading. And what comes next, on
crops and some whole pictures: from text alone, from the last frames as they are, or from the tokens of what was before.
No history encoder takes part.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.dit import Block, VideoDiT
from bench.backbones.rate import Rate
from bench.backbones.text import TextEncoder
from bench.memories.history import HistoryEncoder
from bench.training.flow import evened, flow_loss
from bench.training.guessing import PLAIN, dense_encoders, practised

GIVEN = 3
"""Of the frames before a section, how many are given as they are, at most (the paper's sliding window)."""
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
    """DiT and text encoder with their loss; `dense` are the codes of dense tokens, by the name of their rate."""

    weights: Tensor

    def __init__(self, shapes: Shapes, weights: Tensor, rates: Sequence[Rate]) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.dit, self.text = VideoDiT(shapes), TextEncoder(shapes)
        start_reading(self.dit)
        nn.init.zeros_(self.dit.last_layer.weight)
        nn.init.zeros_(self.dit.last_layer.bias)
        self.dense = dense_encoders(shapes, rates)

    def code(self, rate: Rate) -> HistoryEncoder:
        """What makes dense tokens at a rate."""
        return cast(HistoryEncoder, self.dense[str(rate)])

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, (first, end) = batch["latents"], batch["query"].tolist()
        rate = Rate(*batch["rate"].tolist())
        history, start = batch["low"].shape[2] * rate.time, first
        encoder = practised(self.dense, rate, PLAIN)
        if first < history:
            name = "from_small" if encoder.high is None else "from_dense"
        else:  # what comes next
            name = ("next_from_text", "next_from_frames", "next_from_memory")[int(torch.randint(3, ()))]
        memory = None
        if name == "next_from_frames":
            start -= 1 + int(torch.randint(min(GIVEN, first), ()))
        elif name != "next_from_text":
            memory = encoder(latents[:, :, :history], batch["low"], self.dit.first_layer)
        times = torch.arange(start, end, dtype=torch.float32, device=latents.device)
        text = self.text(batch["text"])
        weights = evened(self.weights, self.dit.spreads[0])
        loss = flow_loss(self.dit, latents[:, :, start:end], times, text, memory, weights, times < first)
        return loss, {name: loss.detach()}
