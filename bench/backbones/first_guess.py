"""What a memory says about latents before any layer has looked: a linear guess, read by place.

Every token of the DiT's grid takes its part out of the memory tokens that cover it. What it reads are values linear
in the tokens, turned by the place of each along oblique waves and turned back by its own (as GTA turns the values of
attention, arXiv 2310.10375), so that one linear code of a block gives every part of it. Where it looks depends on
distance alone: a softmax of it, as in attention with Gaussian heads (You et al. 2020, arXiv 2005.00742).
Of frames that no token covers, as of those after the end of a history, it says nothing.

The paper's DiT has no such thing: with 40 heads and layers it learns to read by attention. One of 4 layers does not:
its rotary waves run along the axes, by which no linear code of 4x4x2 tokens can be taken apart (docs/RESULTS.md).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.rope import frame_coordinates, oblique_rotation, rotate
from bench.backbones.tokens import MemoryTokens

FASTEST = 2.4
"""Of the waves at the beginning, along each axis, in radians per token; the fastest that a grid shows is pi."""
SHARPNESS = 2.0
"""By how much one token of distance squared counts in the softmax, at the beginning."""


class FirstGuess(nn.Module):
    """Memory tokens to patches of latents at any place. It begins by guessing zero."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width, self.heads = shapes.first_guess, 2 * shapes.heads
        self.value = nn.Linear(shapes.width, width, bias=False)
        self.waves = nn.Parameter(FASTEST * (2 * torch.rand(self.heads, width // self.heads // 2, 3) - 1))
        self.sharpness = nn.Parameter(torch.full((self.heads, 2), SHARPNESS))
        rows, columns = shapes.patch[1:]
        self.patch = shapes.latent_channels * rows * columns
        self.out = nn.Linear(width, self.patch)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, memory: MemoryTokens, times: Float[Tensor, " time"], height: int, width: int
    ) -> Float[Tensor, "batch tokens patch"]:
        """Patches of frames by their indices, on a grid of `height` by `width` tokens. Zeros where none covers."""
        frames = []
        for time, covers in zip(times, memory.covers(times), strict=True):
            near = memory.picked(covers)
            if len(near.spans):
                frames.append(self._read(near, frame_coordinates(time[None], height, width)))
            else:
                frames.append(near.tokens.new_zeros(len(near.tokens), height * width, self.patch))
        return torch.cat(frames, dim=1)

    def _read(self, memory: MemoryTokens, places: Float[Tensor, "tokens 3"]) -> Float[Tensor, "batch tokens patch"]:
        value = self.value(memory.tokens).unflatten(-1, (self.heads, -1))
        value = rotate(value, oblique_rotation(memory.coordinates, self.waves))
        distance = (places[:, None, 1:] - memory.coordinates[:, 1:]).square()
        weights = (-distance * self.sharpness[:, None, None].float()).sum(-1).softmax(-1).to(value.dtype)
        read = torch.einsum("hnm,bmhc->bnhc", weights, value)
        y: Tensor = self.out(rotate(read, oblique_rotation(places, self.waves).back).flatten(-2))
        return y
