"""The paper's history encoder (arXiv 2512.23851, "PFP", later "TinyHistory"): a long video in a few tokens of the DiT.

Two branches meet in the DiT's hidden space: a small copy of the video, through the VAE and the DiT's own first layer
(`history_low`), and convolutions over the full latents that add what the copy lost (`history_high`). Their sum is
appended to the DiT's sequence. Encoding is causal, so only a new section has to be encoded when a video goes on.

This is the network. It is not a memory that a run can name: that needs trained weights, and random ones never pass
as a model.
"""

from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.causal import CausalConv3d, Stream
from bench.backbones.config import Shapes
from bench.backbones.rate import Rate
from bench.backbones.tokens import MemoryTokens, block_tokens
from bench.memories.history_high import HighBranch


class Variant(Enum):
    """The encoder of the paper, and those of its ablations."""

    PROPOSED = "proposed"
    ONLY_LOW = "only-lr"  # no weights of its own
    WITHOUT_LOW = "without-lr"
    LARGE_PATCHIFIER = "large-patchifier"  # one linear layer per block, as FramePack has it


class LargePatchifier(nn.Module):
    """Each block of latents to one token by a single linear layer."""

    def __init__(self, shapes: Shapes, rate: Rate) -> None:
        super().__init__()
        self.rate = rate
        time, rows, columns = shapes.patch
        block = time * rate.time, rows * rate.height, columns * rate.width
        self.blocks = CausalConv3d(shapes.latent_channels, shapes.width, block, block)

    @torch.no_grad()
    def start_from(self, first_layer: nn.Conv3d) -> None:
        """Begin as the DiT's first layer on the mean over each block, as FramePack spreads a pretrained projection."""
        weight = first_layer.weight
        for axis, times in zip((2, 3, 4), (self.rate.time, self.rate.height, self.rate.width), strict=True):
            weight = weight.repeat_interleave(times, dim=axis) / times
        self.blocks.conv.weight.copy_(weight)
        if self.blocks.conv.bias is not None and first_layer.bias is not None:
            self.blocks.conv.bias.copy_(first_layer.bias)

    def forward(
        self, latents: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch dit blocks height2 width2"]:
        y: Tensor = self.blocks(latents, stream)
        return y


class HistoryEncoder(nn.Module):
    """Latents of a history to tokens of its memory, at a rate. φ in the paper.

    >>> from bench.backbones.config import shapes
    >>> from bench.backbones.dit import VideoDiT
    >>> nano, rate = shapes("nano"), Rate.parse("4x4x2")
    >>> first_layer = VideoDiT(nano).first_layer
    >>> memory = HistoryEncoder(nano, rate)(torch.zeros(1, 16, 4, 24, 40), torch.zeros(1, 16, 2, 6, 10), first_layer)
    >>> tuple(memory.tokens.shape), memory.coordinates[0].tolist()
    ((1, 30, 192), [0.5, 1.5, 1.5])
    """

    def __init__(self, shapes: Shapes, rate: Rate, variant: Variant = Variant.PROPOSED) -> None:
        super().__init__()
        self.shapes, self.rate, self.variant = shapes, rate, variant
        self.high: nn.Module | None = None
        if variant is Variant.LARGE_PATCHIFIER:
            self.high = LargePatchifier(shapes, rate)
        elif variant is not Variant.ONLY_LOW:
            self.high = HighBranch(shapes, rate)
        # how much of the small video's token comes in, by channel: all of it, as in the paper, whose branch is far
        # narrower than a token. One that fills a token has told what is in the small video already: there it begins
        # with none, and takes in what helps (docs/RESULTS.md)
        self.small_gain: nn.Parameter | None = None
        if variant is Variant.PROPOSED:
            fills = shapes.history_channels[-1] >= shapes.width
            self.small_gain = nn.Parameter(torch.full((shapes.width, 1, 1, 1), 0.0 if fills else 1.0))

    @property
    def reads_low(self) -> bool:
        """Whether the low-resolution video is read at all."""
        return self.variant in (Variant.PROPOSED, Variant.ONLY_LOW)

    def forward(
        self,
        latents: Float[Tensor, "batch channel time height width"],
        low: Float[Tensor, "batch channel blocks height2 width2"],  # latents of `low_video` for the same frames
        first_layer: nn.Module,  # the DiT's: it is not part of the encoder, and is trained or frozen with the DiT
        stream: Stream | None = None,
    ) -> MemoryTokens:
        """The memory; with a `stream`, the part of it that is new. Latents of an unfinished block wait, or are dropped.

        Raises `ValueError` when the two videos do not cover the same blocks.
        """
        parts: list[Tensor] = [] if self.high is None else [self.high(latents, stream)]
        if self.reads_low:
            token = self.small(low, first_layer)
            parts.append(token if self.small_gain is None else self.small_gain * token)
        if parts[0].shape != parts[-1].shape:
            high, small = (tuple(part.shape[2:]) for part in parts)
            raise ValueError(
                f"the branches give {high} and {small} tokens (T, H, W): feed both the same frames, "
                "and make the low ones with low_video"
            )
        merged = torch.stack(parts).sum(0)
        first = 0 if stream is None else stream.get(self, 0)
        blocks, height, width = merged.shape[2:]
        if stream is not None:
            stream[self] = first + blocks
        return block_tokens(merged.flatten(2).transpose(1, 2), first, (blocks, height, width), self.rate)

    def small(
        self, low: Float[Tensor, "batch channel blocks height width"], first_layer: nn.Module
    ) -> Float[Tensor, "batch dit blocks height2 width2"]:
        """The low-resolution branch alone."""
        if not low.shape[2]:  # torch refuses to convolve no frames
            rows, columns = self.shapes.patch[1:]
            return low.new_zeros(len(low), self.shapes.width, 0, low.shape[3] // rows, low.shape[4] // columns)
        y: Tensor = first_layer(low)
        return y
