"""The video DiT that reads a memory: a flow-matching transformer in which every group of tokens has a noise level.

Tokens of memory stand in the same sequence as the frames being generated, and self-attention is how they are read.
They are clean (sigma 0) and the frames are not, so the timestep acts per group: the memory is one group and each
latent frame is one. That also serves a sliding window: recent frames with sigma 0 beside noisy ones.
The blocks follow Wan 2.1: a modulation shared by all layers plus a learned table in each, cross-attention to text.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.config import Shapes
from bench.backbones.rope import Rotation, frame_coordinates, rotate, rotation
from bench.errors import UsageError


class MemoryTokens(NamedTuple):
    """A memory as the DiT reads it: vectors of its inner width, and where each sits."""

    tokens: Float[Tensor, "batch memory width"]
    coordinates: Float[Tensor, "memory 3"]  # (t, h, w) in units of the DiT's token grid: block centres


class TextTokens(NamedTuple):
    """An encoded prompt; `kept` is False where a shorter prompt of the batch was padded."""

    tokens: Float[Tensor, "batch words text_width"]
    kept: Bool[Tensor, "batch words"]


class Groups(NamedTuple):
    """Values per group of tokens, and which group each token is in."""

    values: Float[Tensor, "batch groups part width"]
    of_token: Int[Tensor, " tokens"]

    def part(self, index: int) -> Float[Tensor, "batch tokens width"]:
        """One of the parts, spread over the tokens."""
        return self.values[:, self.of_token, index]


def attend(
    query: Float[Tensor, "batch tokens heads channel"],
    key: Float[Tensor, "batch others heads channel"],
    value: Float[Tensor, "batch others heads channel"],
    mask: Bool[Tensor, "batch 1 1 others"] | None = None,
) -> Float[Tensor, "batch tokens width"]:
    """PyTorch's attention with heads where linear layers put them, and joined again. `mask` is True where to look."""
    parts = [part.transpose(1, 2) for part in (query, key, value)]
    seen = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=mask)
    return seen.transpose(1, 2).flatten(-2)


class SelfAttention(nn.Module):
    """Attention over the whole sequence, with normalised queries and keys and rotary positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_query, self.norm_key = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], positions: Rotation
    ) -> Float[Tensor, "batch tokens width"]:
        query = rotate(self.norm_query(self.query(x)).unflatten(-1, (self.heads, -1)), positions)
        key = rotate(self.norm_key(self.key(x)).unflatten(-1, (self.heads, -1)), positions)
        value = self.value(x).unflatten(-1, (self.heads, -1))
        y: Tensor = self.out(attend(query, key, value))
        return y


class CrossAttention(nn.Module):
    """How tokens read the prompt."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_query, self.norm_key = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch words width"],
        kept: Bool[Tensor, "batch words"],
    ) -> Float[Tensor, "batch tokens width"]:
        query = self.norm_query(self.query(x)).unflatten(-1, (self.heads, -1))
        key = self.norm_key(self.key(text)).unflatten(-1, (self.heads, -1))
        value = self.value(text).unflatten(-1, (self.heads, -1))
        y: Tensor = self.out(attend(query, key, value, kept[:, None, None]))
        return y


class Block(nn.Module):
    """Self-attention, the prompt, an MLP. The noise level shifts, scales and gates the first and the last."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width = shapes.width
        self.modulation = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attention = SelfAttention(width, shapes.heads)
        self.norm_text = nn.LayerNorm(width, eps=1e-6)
        self.read_text = CrossAttention(width, shapes.heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, shapes.mlp_width), nn.GELU(approximate="tanh"), nn.Linear(shapes.mlp_width, width)
        )

    def forward(
        self, x: Float[Tensor, "batch tokens width"], positions: Rotation, noise: Groups, text: TextTokens
    ) -> Float[Tensor, "batch tokens width"]:
        level = Groups(noise.values + self.modulation, noise.of_token)
        y: Tensor = self.norm1(x) * (1 + level.part(1)) + level.part(0)
        x = x + self.attention(y, positions) * level.part(2)
        x = x + self.read_text(self.norm_text(x), text.tokens, text.kept)
        y = self.norm2(x) * (1 + level.part(4)) + level.part(3)
        y = self.mlp(y) * level.part(5)
        return x + y


class VideoDiT(nn.Module):
    """Predicts the velocity `noise - latents` of `x = (1 - sigma) * latents + sigma * noise`.

    `first_layer` is the patchifier with its projection: the history encoder puts its low-resolution branch through it.

    >>> from bench.backbones.config import shapes
    >>> dit = VideoDiT(shapes("nano"))
    >>> text = TextTokens(torch.zeros(1, 1, 128), torch.ones(1, 1, dtype=torch.bool))
    >>> noisy = torch.zeros(1, 16, 2, 4, 6)
    >>> tuple(dit(noisy, torch.ones(1, 2), torch.tensor([0.0, 5.0]), text).shape)
    (1, 16, 2, 4, 6)
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width = shapes.width
        self.shapes = shapes
        self.first_layer = nn.Conv3d(shapes.latent_channels, width, shapes.patch, shapes.patch)
        self.text_in = nn.Sequential(
            nn.Linear(shapes.text_width, width), nn.GELU(approximate="tanh"), nn.Linear(width, width)
        )
        self.sigma_in = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.sigma_to_blocks = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList([Block(shapes) for _ in range(shapes.layers)])
        self.last_modulation = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.last_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        rows, columns = shapes.patch[1:]
        self.last_layer = nn.Linear(width, shapes.latent_channels * rows * columns)

    def forward(
        self,
        noisy: Float[Tensor, "batch channel time height width"],  # height and width are even
        sigma: Float[Tensor, "batch time"],  # 0 is clean, 1 is noise
        times: Float[Tensor, " time"],  # index of each latent frame in the video: frames may be asked for in any order
        text: TextTokens,
        memory: MemoryTokens | None = None,
    ) -> Float[Tensor, "batch channel time height width"]:
        rows, columns = self.shapes.patch[1:]
        if noisy.shape[3] % rows or noisy.shape[4] % columns:
            raise UsageError(
                f"The DiT cannot generate {noisy.shape[3]}x{noisy.shape[4]} latents: its patches are {rows}x{columns}.",
                "Take frames whose sides are multiples of 16 pixels.",
            )
        x = self.first_layer(noisy)
        frames, height, width = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)
        coordinates = frame_coordinates(times, height, width)
        group = torch.arange(frames, device=x.device).repeat_interleave(height * width)
        if memory is not None:
            x = torch.cat([memory.tokens.to(x.dtype), x], dim=1)
            coordinates = torch.cat([memory.coordinates, coordinates])
            group = F.pad(group + 1, (len(memory.coordinates), 0))
            sigma = torch.cat([torch.zeros_like(sigma[:, :1]), sigma], dim=1)
        level = self.sigma_in(waves(sigma).to(x.dtype))
        noise = Groups(self.sigma_to_blocks(level).unflatten(-1, (6, -1)), group)
        positions = rotation(coordinates, self.shapes.width // self.shapes.heads)
        prompt = TextTokens(self.text_in(text.tokens), text.kept)
        for block in self.blocks:
            x = block(x, positions, noise, prompt)
        shown = frames * height * width
        x = x[:, -shown:]  # the memory was read; it is not an output
        last = Groups(level[:, :, None] + self.last_modulation, group[-shown:])
        x = self.last_layer(self.last_norm(x) * (1 + last.part(1)) + last.part(0))
        return self._unpatchify(x, frames, height, width)

    def _unpatchify(
        self, x: Float[Tensor, "batch tokens patch"], frames: int, height: int, width: int
    ) -> Float[Tensor, "batch channel time height2 width2"]:
        rows, columns = self.shapes.patch[1:]
        x = x.reshape(len(x), frames, height, width, rows, columns, -1)
        return x.permute(0, 6, 1, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)  # batch c t (h r) (w s)


def waves(sigma: Float[Tensor, "batch groups"]) -> Float[Tensor, "batch groups 256"]:
    """A noise level as sines and cosines of 128 frequencies, after scaling [0, 1] to the usual 0 to 1000."""
    frequencies = 10000.0 ** -(torch.arange(128, dtype=torch.float32, device=sigma.device) / 128)
    angles = 1000.0 * sigma.float()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
