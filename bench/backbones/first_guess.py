"""What a memory says about latents before any layer has looked: a linear guess, read by place.

Every token of the DiT's grid takes its part out of the memory tokens that cover it. What it reads are values linear
in the tokens, turned by the place of each along oblique waves and turned back by its own (as GTA turns the values of
attention, arXiv 2310.10375), so that one linear code of a block gives every part of it. Where it looks depends on
distance alone: a softmax of it, as in attention with Gaussian heads (You et al. 2020, arXiv 2005.00742).

The paper's DiT has no such thing: with 40 heads and layers it learns to read by attention. One of 4 layers does not:
its rotary waves run along the axes, by which no linear code of 4x4x2 tokens can be taken apart (docs/RESULTS.md).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.attention import KeyValue
from bench.backbones.config import Shapes
from bench.backbones.rope import oblique_rotation, rotate

FASTEST = 2.4
"""Of the waves at the beginning, along each axis, in radians per token; the fastest that a grid shows is pi."""
SHARPNESS = 2.0
"""By how much one token of distance squared counts in the softmax, at the beginning."""
NOTHING = -30.0
"""What there is to read far from all memory, in the same units: nothing, beyond four tokens or so."""


class FirstGuess(nn.Module):
    """Memory tokens to patches of latents at any place. It begins by guessing zero."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width, self.heads = 2 * shapes.width, 2 * shapes.heads
        self.value = nn.Linear(shapes.width, width, bias=False)
        self.waves = nn.Parameter(FASTEST * (2 * torch.rand(self.heads, width // self.heads // 2, 3) - 1))
        self.sharpness = nn.Parameter(torch.full((self.heads, 3), SHARPNESS))
        rows, columns = shapes.patch[1:]
        self.out = nn.Linear(width, shapes.latent_channels * rows * columns)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def key_value(
        self, memory: Float[Tensor, "batch memory width"], coordinates: Float[Tensor, "memory 3"]
    ) -> KeyValue:
        """What there is to read, and where (the same for every head and example)."""
        value = self.value(memory).unflatten(-1, (self.heads, -1))
        return KeyValue(coordinates[None, :, None], rotate(value, oblique_rotation(coordinates, self.waves)))

    def forward(self, coordinates: Float[Tensor, "tokens 3"], seen: KeyValue) -> Float[Tensor, "batch tokens patch"]:
        distance = (coordinates[:, None] - seen.key[0, :, 0]).square()
        scores = -sum(distance[..., axis] * self.sharpness[:, axis, None, None].float() for axis in range(3))
        assert isinstance(scores, Tensor)
        nothing = torch.full_like(scores[..., :1], NOTHING)
        weights = torch.cat([scores, nothing], dim=-1).softmax(-1)[..., :-1].to(seen.value.dtype)
        read = torch.einsum("hnm,bmhc->bnhc", weights, seen.value)
        y: Tensor = self.out(rotate(read, oblique_rotation(coordinates, self.waves).back).flatten(-2))
        return y
