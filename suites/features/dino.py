"""DINO's vision transformer (ViT-B/16), for pictures that are not square.

VBench feeds DINO whole frames, 224 pixels on the short side, so the table of positions is stretched. The published
code stretches it by a scale with a tenth of a patch added, and the common reimplementations do not; that changes the
numbers, so the network is written out here. Module names are those of the published weights.

Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (2021), facebookresearch/dino.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bench.errors import KeepframeError
from suites.features.networks import device
from suites.features.published import read_state

HEAD_WIDTH = 64


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        batch, tokens, width = x.shape
        query, key, value = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = _Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = _Mlp(width)

    def forward(self, x: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class _Patches(nn.Module):
    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, side, side)


class Dino(nn.Module):
    """The class token after the last norm: what DINO's features are, without the head it was trained with."""

    def __init__(self, *, width: int, depth: int, patch: int, positions: int) -> None:
        super().__init__()
        self.patch_embed = _Patches(width, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions, width))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, frames: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channel"]:
        grid = self.patch_embed.proj(frames)
        rows, columns = grid.shape[-2:]
        tokens = torch.cat([self.cls_token.expand(len(frames), -1, -1), grid.flatten(2).transpose(1, 2)], dim=1)
        square = frames.shape[-1] == frames.shape[-2]
        tokens = tokens + self._positions(rows, columns, square)
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)[:, 0]
        return out

    def _positions(self, rows: int, columns: int, square: bool) -> Float[Tensor, "1 token width"]:
        known = self.pos_embed.shape[1] - 1
        if rows * columns == known and square:
            return self.pos_embed
        side = round(known**0.5)
        table = self.pos_embed[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        # the tenth is the published code's guard against rounding; it also moves every sampling point a little
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        table = F.interpolate(table, scale_factor=scale, mode="bicubic").permute(0, 2, 3, 1)
        return torch.cat([self.pos_embed[:, :1], table.reshape(1, rows * columns, -1)], dim=1)


def from_state(state: Mapping[str, Tensor]) -> Dino:
    """The network whose sizes and numbers these weights have.

    Raises KeepframeError when they are not DINO's.
    """
    try:
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        model = Dino(width=width, depth=depth, patch=patch, positions=state["pos_embed"].shape[1])
        model.load_state_dict(dict(state))
    except (KeyError, ValueError, RuntimeError) as error:
        raise KeepframeError(
            f"These weights are not DINO's: {error}.", "keepframe weights fetch dino-vitb16"
        ) from error
    return model.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def loaded(weights: Path) -> Any:
    """The network of a published file, kept for the process, on the GPU where there is one."""
    return from_state(read_state(weights)).to(device())
