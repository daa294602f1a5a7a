"""A small causal video VAE with the strides of Wan's: 4 in time, 8 in height and width.

The DiT and the history encoder live on its latents, so its round trip is the ceiling of everything that a memory
can give back. It is causal so that a video can be encoded as it arrives: the first frame has a latent of its own,
then every four frames have one. Chunk by chunk equals at once, in both directions.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.causal import CausalConv3d, Stream, inverse_rms
from bench.backbones.config import Shapes
from bench.types import Size


class Posterior(NamedTuple):
    """A Gaussian over latents: train on a sample of it, use its mean."""

    mean: Float[Tensor, "batch channel time height width"]
    log_variance: Float[Tensor, "batch channel time height width"]

    def sample(self, generator: torch.Generator | None = None) -> Float[Tensor, "batch channel time height width"]:
        """One draw: `mean + std * noise`."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + (0.5 * self.log_variance).exp() * noise


class ChannelNorm(nn.Module):
    """RMS norm over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1, 1))

    def forward(
        self, x: Float[Tensor, "batch channel time height width"]
    ) -> Float[Tensor, "batch channel time height width"]:
        y: Tensor = x * (inverse_rms(x) * self.gain)
        return y


class Residual(nn.Module):
    """Two causal convolutions beside a straight way through."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = ChannelNorm(channels), CausalConv3d(channels, channels)
        self.norm2, self.conv2 = ChannelNorm(channels), CausalConv3d(channels, channels)

    def forward(
        self, x: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch channel time height width"]:
        y: Tensor = self.conv1(F.silu(self.norm1(x)), stream)
        y = self.conv2(F.silu(self.norm2(y)), stream)
        return x + y


class Upsample(nn.Module):
    """Twice the height and width, and twice the frames but for the first of a video, which stays alone."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.time = CausalConv3d(inputs, 2 * inputs, (3, 1, 1))
        self.space = CausalConv3d(inputs, outputs, (1, 3, 3))

    def forward(
        self, x: Float[Tensor, "batch inputs time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch outputs time2 height2 width2"]:
        starts = stream is None or self not in stream
        x = self.time(x, stream).unflatten(1, (2, -1))  # two frames for each: batch, 2, channel, time, height, width
        x = x.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
        if starts:
            x = x[:, :, 1:]  # the first latent stands for one frame
        if stream is not None:
            stream[self] = True
        y: Tensor = self.space(x.repeat_interleave(2, dim=3).repeat_interleave(2, dim=4), stream)
        return y


def space_to_depth(
    x: Float[Tensor, "batch channel time height width"],
) -> Float[Tensor, "batch channel4 time height2 width2"]:
    """Each 2x2 square of pixels as channels. `F.pixel_unshuffle` per frame, which fails where there is no frame."""
    batch, channel, time, height, width = x.shape
    squares = x.reshape(batch, channel, time, height // 2, 2, width // 2, 2)
    return squares.permute(0, 1, 4, 6, 2, 3, 5).flatten(1, 3)


def depth_to_space(
    x: Float[Tensor, "batch channel time height width"],
) -> Float[Tensor, "batch channel2 time height2 width2"]:
    """Undo `space_to_depth`."""
    batch, channel, time, height, width = x.shape
    squares = x.reshape(batch, channel // 4, 2, 2, time, height, width)
    return squares.permute(0, 1, 4, 5, 2, 6, 3).flatten(5, 6).flatten(3, 4)


class Blocks(nn.Module):
    """The linear way through: each 4x8x8 block of pixels to one latent, and back, by one matrix each.

    A shortcut around the convolutions, as in DC-AE (arXiv 2410.10733), but learned: started at the principal
    components of video it is the best linear codec there is, and the convolutions only have to add to it. The first
    frame of a video stands for a block of four frames that are all alike.
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        block = shapes.vae_stride
        self.repeats = block[0] - 1
        self.encode = CausalConv3d(3, shapes.latent_channels, block, block)
        self.decode = nn.ConvTranspose3d(shapes.latent_channels, 3, block, block)

    def to_latents(
        self, frames: Float[Tensor, "batch 3 time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch channel time2 height2 width2"]:
        if not frames.shape[2]:  # a video begins with its first frame, not with an empty chunk
            _, rows, columns = self.decode.stride
            return frames.new_zeros(
                len(frames), self.decode.in_channels, 0, frames.shape[3] // rows, frames.shape[4] // columns
            )
        if stream is None or self.encode not in stream:
            frames = torch.cat([frames[:, :, :1].expand(-1, -1, self.repeats, -1, -1), frames], dim=2)
        y: Tensor = self.encode(frames, stream)
        return y

    def to_frames(
        self, latents: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch 3 frames height2 width2"]:
        starts = stream is None or self not in stream
        if not latents.shape[2]:  # torch refuses to convolve no frames
            _, rows, columns = self.decode.stride
            return latents.new_zeros(len(latents), 3, 0, latents.shape[3] * rows, latents.shape[4] * columns)
        if stream is not None:
            stream[self] = True
        y: Tensor = self.decode(latents)
        return y[:, :, self.repeats :] if starts else y


class VideoVAE(nn.Module):
    """Frames to latents and back: a linear codec of blocks, plus what convolutions add to it.

    >>> from bench.backbones.config import shapes
    >>> vae = VideoVAE(shapes("nano"))
    >>> latents = vae.encode(torch.zeros(1, 3, 9, 16, 24)).mean
    >>> tuple(latents.shape), tuple(vae.decode(latents).shape)
    ((1, 16, 3, 2, 3), (1, 3, 9, 16, 24))
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.shapes = shapes
        if shapes.vae_stride != (4, 8, 8):
            raise ValueError(f"this VAE has strides (4, 8, 8), not {shapes.vae_stride}")
        fine, middle, coarse = (shapes.vae_width * times for times in (1, 2, 4))
        self.blocks = Blocks(shapes)
        # the first halving of the picture is a reshape: convolutions at full size would cost more than all others
        self.encoder = nn.ModuleList(
            [
                CausalConv3d(3 * 4, fine),
                Residual(fine),
                CausalConv3d(fine, middle, stride=(2, 2, 2)),
                Residual(middle),
                CausalConv3d(middle, coarse, stride=(2, 2, 2)),
                Residual(coarse),
                Residual(coarse),
            ]
        )
        self.to_posterior = CausalConv3d(coarse, 2 * shapes.latent_channels, (1, 1, 1))
        self.decoder = nn.ModuleList(
            [
                CausalConv3d(shapes.latent_channels, coarse),
                Residual(coarse),
                Residual(coarse),
                Upsample(coarse, middle),
                Residual(middle),
                Upsample(middle, fine),
                Residual(fine),
            ]
        )
        self.last_norm = ChannelNorm(fine)
        self.to_pixels = CausalConv3d(fine, 3 * 4)

    def freeze_encoder(self) -> None:
        """Let training reach the decoder alone: latents, and all that was learned on them, stay what they are."""
        for part in (self.encoder, self.to_posterior, self.blocks.encode):
            part.requires_grad_(False)

    def encode(
        self,
        frames: Float[Tensor, "batch 3 time height width"],  # RGB, [-1, 1]; height and width are multiples of 8
        stream: Stream | None = None,
    ) -> Posterior:
        """Latents of `frames`; with a `stream`, those that are complete now.

        Frames of an unfinished group of four give no latent: they wait in the stream, or are dropped without one.
        Raises `UsageError` for a size that is not a multiple of 8.
        """
        self.shapes.latent_grid(Size(width=frames.shape[4], height=frames.shape[3]))
        x = space_to_depth(frames)
        for layer in self.encoder:
            x = layer(x, stream)
        mean, log_variance = self.to_posterior(x, stream).chunk(2, dim=1)
        return Posterior(self.blocks.to_latents(frames, stream) + mean, log_variance.clamp(-30, 20))

    def decode(
        self, latents: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch 3 frames height2 width2"]:
        """Frames of `latents`, about [-1, 1], not clamped: one for the first latent of a video, four for each other."""
        x = latents
        for layer in self.decoder:
            x = layer(x, stream)
        added = depth_to_space(self.to_pixels(F.silu(self.last_norm(x)), stream))
        return self.blocks.to_frames(latents, stream) + added
