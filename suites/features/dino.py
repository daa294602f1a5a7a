"""DINO's and DINOv2's vision transformers (ViT-B/16, ViT-B/14), for pictures of any size.

VBench feeds DINO whole frames, 224 pixels on the short side, and DINOv2 pictures smaller than those it was trained
on, so the table of positions is stretched. The published code stretches it by a scale with a tenth of a patch added,
and the common reimplementations do not; that changes the numbers, so the network is written out here. Module names
are those of the published weights.

Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (2021), facebookresearch/dino;
Oquab et al., "DINOv2" (2023), facebookresearch/dinov2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bench.errors import KeepframeError
from suites.features.networks import device, filled_later
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


class _QuickGELU(nn.Module):
    """OpenAI's approximation, with which CLIP was trained."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class _Mlp(nn.Module):
    def __init__(self, width: int, quick: bool) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.act = _QuickGELU() if quick else nn.GELU()
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


class _Scale(nn.Module):
    """DINOv2 multiplies what a branch adds, channel by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        return x * self.gamma


class _Block(nn.Module):
    def __init__(self, like: "Build") -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(like.width, eps=like.eps)
        self.attn = _Attention(like.width)
        self.ls1 = _Scale(like.width) if like.scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(like.width, eps=like.eps)
        self.mlp = _Mlp(like.width, like.quick)
        self.ls2 = _Scale(like.width) if like.scaled else nn.Identity()

    def forward(self, x: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class _Patches(nn.Module):
    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, side, side)


@dataclass(frozen=True)
class Build:
    """Sizes, and what tells the families apart: DINOv2 scales its branches; CLIP under DINO's names, as DreamSim keeps
    it, has another epsilon, a norm before the first block, and, where it is OpenAI's, the quick GELU."""

    width: int
    depth: int
    patch: int
    positions: int
    eps: float = 1e-6
    scaled: bool = False
    normed_first: bool = False
    quick: bool = False


class Dino(nn.Module):
    """The class token after the last norm: what DINO's features are, without the head it was trained with."""

    def __init__(self, like: Build) -> None:
        super().__init__()
        self.patch_embed = _Patches(like.width, like.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, like.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, like.positions, like.width))
        self.pos_drop = nn.LayerNorm(like.width, eps=like.eps) if like.normed_first else nn.Identity()
        self.blocks = nn.ModuleList(_Block(like) for _ in range(like.depth))
        self.norm = nn.LayerNorm(like.width, eps=like.eps)

    def forward(self, frames: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channel"]:
        out: Tensor = self.norm(self.raw(frames))
        return out

    def raw(self, frames: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channel"]:
        """The class token as the last block leaves it."""
        grid = self.patch_embed.proj(frames)
        rows, columns = grid.shape[-2:]
        tokens = torch.cat([self.cls_token.expand(len(frames), -1, -1), grid.flatten(2).transpose(1, 2)], dim=1)
        square = frames.shape[-1] == frames.shape[-2]
        tokens = self.pos_drop(tokens + self._positions(rows, columns, square))
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = tokens[:, 0]
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


def from_state(
    state: Mapping[str, Tensor], name: str = "dino-vitb16", *, eps: float = 1e-6, quick: bool = False
) -> Dino:
    """The network whose sizes and numbers these weights have. `name` is theirs in the catalogue.

    Raises KeepframeError when they are not of DINO's family.
    """
    try:
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        scaled, normed_first = "blocks.0.ls1.gamma" in state, "pos_drop.weight" in state
        positions = state["pos_embed"].shape[1]
        with filled_later():
            model = Dino(Build(width, depth, patch, positions, eps, scaled, normed_first, quick))
        model.load_state_dict({name: value for name, value in state.items() if name != "mask_token"})  # only training's
    except (KeyError, ValueError, RuntimeError) as error:
        raise KeepframeError(
            f"These weights are not DINO's: {error}.", f"keepframe weights fetch {name} --again"
        ) from error
    return model.float().eval().requires_grad_(False)


@lru_cache(maxsize=2)
def loaded(weights: Path, name: str = "dino-vitb16") -> Any:
    """The network of a published file, kept for the process, on the GPU where there is one."""
    return from_state(read_state(weights), name).to(device())
