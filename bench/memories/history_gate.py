"""What tells clean latents from noise inside φ, and codes the one otherwise where the other is beside it.

In the paper's training the frames that will be asked for are clean, and all others mixed with noise. Of a block in
which one frame is clean, a token can tell that one alone, with all of its numbers; where all are clean it has to share
them out. These are two codes, and choosing between them takes a product, which one linear layer per block does not
have, and convolutions with SiLU learn slowly (docs/RESULTS.md).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.config import GATE_WIDTH

FLOOR = 1e-3
"""Of a square, before its logarithm: far below the noise of any mask."""
BEGINS = 3.0, -1.0
"""Before the sigmoid: almost all of each channel comes through, and about a quarter of it a second time."""


class NoiseGate(nn.Module):
    """Each channel twice, each time times a number between 0 and 1 that the strengths of all channels there decide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.look = nn.Conv3d(channels, GATE_WIDTH, 1)
        self.decide = nn.Conv3d(GATE_WIDTH, 2 * channels, 1)
        nn.init.zeros_(self.decide.weight)
        with torch.no_grad():
            assert self.decide.bias is not None
            self.decide.bias.copy_(torch.tensor(BEGINS).repeat_interleave(channels))

    def forward(
        self, x: Float[Tensor, "batch channel time height width"]
    ) -> Float[Tensor, "batch channel2 time height width"]:
        if not x.shape[2]:  # torch refuses to convolve no frames
            return x.repeat(1, 2, 1, 1, 1)
        strengths = (x.square() + FLOOR).log()
        gates: Tensor = self.decide(F.silu(self.look(strengths))).sigmoid()
        return x.repeat(1, 2, 1, 1, 1) * gates
