"""ViCLIP's two towers, L/14 and B/16, from either published file.

A video tower that looks at eight frames at once, and CLIP's text tower cut to 32 tokens. The sizes are read off the
weights; the names are theirs. Published are a `.pth` (under `model`, with its training settings) and Hugging Face's
safetensors; both hold the same names.

Source: `Data/InternVid/viclip` of OpenGVLab/InternVideo, and the copy of it in VBench.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from bench.errors import KeepframeError
from suites.features.networks import device
from suites.features.published import read_state

HEAD_WIDTH = 64


class _QuickGELU(nn.Module):
    """OpenAI's approximation, with which CLIP was trained."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, width // HEAD_WIDTH, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        layers = OrderedDict(c_fc=nn.Linear(width, 4 * width), gelu=_QuickGELU(), c_proj=nn.Linear(4 * width, width))
        self.mlp = nn.Sequential(layers)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        seen = self.ln_1(x)
        x = x + self.attn(seen, seen, seen, need_weights=False, attn_mask=mask)[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class _Transformer(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(_Block(width) for _ in range(depth))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionTower(nn.Module):
    """All patches of all frames attend to each other; the one class token answers for the video."""

    def __init__(self, *, width: int, depth: int, patch: int, places: int, frames: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (1, patch, patch), (1, patch, patch), bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(places, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, frames, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = _Transformer(width, depth)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, channels))

    def forward(self, video: Float[Tensor, "batch time 3 height width"]) -> Float[Tensor, "batch channel"]:
        patches = self.conv1(video.transpose(1, 2)).flatten(3).permute(0, 2, 3, 1)  # batch, time, place, width
        patches = patches + self.positional_embedding[1:] + self.temporal_positional_embedding[:, :, None]
        token = self.class_embedding + self.positional_embedding[0]
        tokens = torch.cat([token.expand(len(video), 1, -1), patches.flatten(1, 2)], dim=1)
        out: Tensor = self.ln_post(self.transformer(self.ln_pre(tokens))[:, 0]) @ self.proj
        return out


class TextTower(nn.Module):
    """CLIP's: each token sees those before it, and the end token answers for the text."""

    def __init__(self, *, width: int, depth: int, words: int, length: int, channels: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(words, width)
        self.positional_embedding = nn.Parameter(torch.zeros(length, width))
        self.transformer = _Transformer(width, depth)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, channels))

    def forward(self, tokens: Int[Tensor, "batch token"]) -> Float[Tensor, "batch channel"]:
        length = tokens.shape[1]
        mask = torch.full((length, length), float("-inf"), device=tokens.device).triu(1)
        x = self.transformer(self.token_embedding(tokens) + self.positional_embedding, mask)
        ends = tokens.argmax(dim=-1)  # the end token has the highest number
        out: Tensor = self.ln_final(x[torch.arange(len(x), device=x.device), ends]) @ self.text_projection
        return out


class ViCLIP(nn.Module):
    """Both towers; embeddings of length 1."""

    def __init__(self, vision: VisionTower, text: TextTower) -> None:
        super().__init__()
        self.vision_encoder = vision
        self.text_encoder = text

    @property
    def frames(self) -> int:
        """How many frames a video is looked at by."""
        return self.vision_encoder.temporal_positional_embedding.shape[1]

    @property
    def text_length(self) -> int:
        """Tokens of a text, begin and end among them."""
        return self.text_encoder.positional_embedding.shape[0]

    def video(self, video: Float[Tensor, "batch time 3 height width"]) -> Float[Tensor, "batch channel"]:
        return F.normalize(self.vision_encoder(video), dim=-1)

    def text(self, tokens: Int[Tensor, "batch token"]) -> Float[Tensor, "batch channel"]:
        return F.normalize(self.text_encoder(tokens), dim=-1)


def from_state(state: Mapping[str, Tensor]) -> ViCLIP:
    """The network whose sizes and numbers these weights have, in evaluation mode, without gradients.

    Raises KeepframeError when they are not ViCLIP's.
    """
    try:
        width, _, _, patch, _ = state["vision_encoder.conv1.weight"].shape
        vision = VisionTower(
            width=width,
            depth=_depth(state, "vision_encoder."),
            patch=patch,
            places=len(state["vision_encoder.positional_embedding"]),
            frames=state["vision_encoder.temporal_positional_embedding"].shape[1],
            channels=state["vision_encoder.proj"].shape[1],
        )
        words, width = state["text_encoder.token_embedding.weight"].shape
        text = TextTower(
            width=width,
            depth=_depth(state, "text_encoder."),
            words=words,
            length=len(state["text_encoder.positional_embedding"]),
            channels=state["text_encoder.text_projection"].shape[1],
        )
        model = ViCLIP(vision, text)
        model.load_state_dict({name: value for name, value in state.items() if name != "temp"})  # only training's
    except (KeyError, ValueError, RuntimeError) as error:
        raise KeepframeError(
            f"These are not ViCLIP's weights: {error}.", "keepframe weights fetch viclip-l14 --again"
        ) from error
    return model.float().eval().requires_grad_(False)


def _depth(state: Mapping[str, Tensor], tower: str) -> int:
    begin = f"{tower}transformer.resblocks."
    return 1 + max(int(name.removeprefix(begin).split(".")[0]) for name in state if name.startswith(begin))


@lru_cache(maxsize=1)
def loaded(weights: Path) -> Any:
    """The network of a published file, kept for the process, on the GPU where there is one."""
    return from_state(read_state(weights, within="model")).to(device())
