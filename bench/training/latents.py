"""Latents of the training videos, on disk: the VAE is frozen, so each second of video goes through it once.

A video is cut into segments of twenty seconds, each encoded from its own beginning as a history is. Beside the
latents lie those of the low-resolution video, once per rate. The folder is named after the digest of the VAE, so
that another VAE never meets the latents of this one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.backbones.causal import Stream
from bench.backbones.rate import Rate
from bench.backbones.vae import VideoVAE
from bench.checkpoints.latents import LatentSpace
from bench.generation.prompts import nearest
from bench.memories.history_low import low_video
from bench.training.vae import to_tensor
from bench.training.video import Collection, Progress, Video

SEGMENT_S = 20
CHUNK = 32  # frames that go through the VAE at a time
NUDGE = 0.3  # of a latent, whose spread is one: small enough that the decoder is about linear


@dataclass(frozen=True)
class Segment:
    """Up to twenty seconds of one video, as normalised latents on disk."""

    video: Video
    first_s: float
    folder: Path
    latent_frames: int
    latents_per_s: float

    def latents(self, first: int, count: int) -> Float[Tensor, "channel time height width"]:
        """Latents `first` to `first + count`."""
        return _part(self.folder / "high.safetensors", first, count)

    def low(self, rate: Rate, first: int, count: int) -> Float[Tensor, "channel time height width"]:
        """The low-resolution latents of the blocks `first` to `first + count`."""
        return _part(self.folder / f"low-{rate}.safetensors", first, count)

    def prompt(self, latent_frame: int) -> str:
        """The line of the storyboard nearest in time."""
        at_s = self.first_s + latent_frame / self.latents_per_s
        return nearest(self.video.prompts, at_s)


def _part(path: Path, first: int, count: int) -> Tensor:
    with safe_open(path, framework="pt") as file:
        part: Tensor = file.get_slice("latents")[:, first : first + count]
    return part.float()


@torch.no_grad()
def statistics(vae: VideoVAE, videos: Collection, frames: int = 33, most: int = 40) -> tuple[list[float], list[float]]:
    """What makes latents zero on average and one in spread: a mean per channel, one spread for all, as lists.

    One spread, because channels that carry much of the picture should weigh much in what is learned on latents.
    Measured on the beginnings of the videos.
    """
    total = torch.zeros(vae.shapes.latent_channels, dtype=torch.float64)
    squares, count = total.clone(), 0
    device = next(vae.parameters()).device
    for video in videos.videos[:most]:
        latents = vae.encode(to_tensor(video.read(0, frames))[None].to(device)).mean.double().cpu()
        total += latents.sum((0, 2, 3, 4))
        squares += (latents**2).sum((0, 2, 3, 4))
        count += latents[0, 0].numel()
    mean = total / count
    spread = (squares / count - mean**2).mean().sqrt()
    return mean.tolist(), [float(spread)] * len(mean)


@torch.no_grad()
def pixel_weights(
    space: LatentSpace, segments: Sequence[Segment], folder: Path, most: int = 4, frames: int = 3
) -> Float[Tensor, " channel"]:
    """How much an error in each channel of a latent shows in the picture: mean squared error of pixels, 1 on average.

    Measured by putting a little noise on one channel at a time and decoding. Kept in `folder`, for a training that is
    resumed elsewhere has to go on with the very same.
    """
    path = folder / "pixel-weights.safetensors"
    if not path.exists():
        generator, shown = torch.Generator().manual_seed(0), torch.zeros(space.shapes.latent_channels)
        for segment in segments[:: max(1, len(segments) // most)][:most]:
            latents = segment.latents(0, frames)[None].to(space.device)
            clean = space.decode(latents)
            for channel in range(len(shown)):
                noise = torch.zeros_like(latents)
                noise[:, channel] = NUDGE * torch.randn(latents[:, channel].shape, generator=generator)
                shown[channel] += (space.decode(latents + noise) - clean).square().mean().cpu()
        _save_file({"weights": shown / shown.mean()}, path)
    weights: Tensor = load_file(path)["weights"]
    return weights


def encode_all(
    space: LatentSpace, videos: Collection, folder: Path, rates: Sequence[Rate], progress: Progress | None = None
) -> list[Segment]:
    """Every segment of `videos`, encoded unless it is there; those shorter than two seconds are left out."""
    length = SEGMENT_S * videos.fps + 1
    segments = []
    starts = [
        (video, start)
        for video in videos.videos
        for start in range(0, video.frames, length)
        if min(length, video.frames - start) >= 2 * videos.fps + 1
    ]
    for done, (video, start) in enumerate(starts, start=1):
        place = folder / f"{video.digest[:32]}-{start}"
        place.mkdir(parents=True, exist_ok=True)
        wanted = {"high": None} | {f"low-{rate}": rate for rate in rates}
        missing = {name: rate for name, rate in wanted.items() if not (place / f"{name}.safetensors").exists()}
        if missing:
            frames = space.to_pixels(video.read(start, length))
            for name, rate in missing.items():
                shown = frames if rate is None else low_video(frames, 0, space.shapes, rate)
                _save(_encode(space, shown)[0], place / f"{name}.safetensors")
        count = space.shapes.latent_frames(min(length, video.frames - start))
        per_s = videos.fps / space.shapes.vae_stride[0]
        segments.append(Segment(video, start / videos.fps, place, count, per_s))
        if progress:
            progress(done, len(starts), video.name)
    return segments


def _encode(
    space: LatentSpace, frames: Float[Tensor, "1 3 time height width"]
) -> Float[Tensor, "1 channel time2 height2 width2"]:
    stream: Stream = {}
    return torch.cat([space.encode(chunk, stream) for chunk in torch.split(frames, CHUNK, dim=2)], dim=2)


def _save(latents: Float[Tensor, "channel time height width"], path: Path) -> None:
    _save_file({"latents": latents.half().cpu().contiguous()}, path)


def _save_file(tensors: dict[str, Tensor], path: Path) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    save_file(tensors, part)
    part.replace(path)
