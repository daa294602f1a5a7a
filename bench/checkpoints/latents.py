"""The latent space that everything else lives in: the VAE with its statistics, and the video it was trained on.

The DiT and the history encoder see latents of mean 0 and deviation 1 per channel; only this file knows that the VAE's
own are not. Pixels come in and go out as bytes, so nobody else has to know the VAE's range either.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.backbones.causal import Stream
from bench.backbones.config import Shapes
from bench.backbones.precision import has_fast_bfloat16
from bench.backbones.vae import VideoVAE
from bench.checkpoints.about import About
from bench.checkpoints.files import fill, load
from bench.errors import KeepframeError
from bench.types import Frames, Size


@dataclass(frozen=True, eq=False)
class LatentSpace:
    """A trained VAE. `mean` and `std` are of its latents, `[channel, 1, 1, 1]`; `fps` and `size` of its training."""

    vae: VideoVAE
    mean: Tensor
    std: Tensor
    fps: Fraction
    size: Size
    digest: str  # sha256 of its file

    @property
    def shapes(self) -> Shapes:
        """The shapes of the VAE, and of the whole backbone that it is part of."""
        return self.vae.shapes

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mean.device

    def to_pixels(self, frames: Frames) -> Float[Tensor, "1 3 time height width"]:
        """RGB bytes to the VAE's range, -1 to 1."""
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device)
        return pixels.permute(3, 0, 1, 2)[None].float() / 127.5 - 1

    def to_frames(self, pixels: Float[Tensor, "1 3 time height width"]) -> Frames:
        """The inverse of `to_pixels`, rounded; what lies outside of the range is cut off."""
        rounded = ((pixels[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        frames: Frames = rounded.permute(1, 2, 3, 0).contiguous().cpu().numpy()
        return frames

    @torch.no_grad()
    def encode(
        self, pixels: Float[Tensor, "1 3 time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "1 channel time2 height2 width2"]:
        """Normalised latents of what is complete; see `VideoVAE.encode`."""
        with self._fast():
            mean = self.vae.encode(pixels, stream).mean
        return (mean.float() - self.mean) / self.std

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "1 channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "1 3 frames height2 width2"]:
        """Pixels of normalised latents; see `VideoVAE.decode`."""
        with self._fast():
            pixels = self.vae.decode(latents * self.std + self.mean, stream)
        return pixels.float()

    def _fast(self) -> AbstractContextManager[Any]:
        """bfloat16 where that is fast (three times, with AVX-512), for less than 0.003 dB of the round trip."""
        fast = has_fast_bfloat16(self.device)
        return torch.autocast(self.device.type, torch.bfloat16) if fast else nullcontext()


def latent_space(path: Path, digest: str, device: str) -> LatentSpace:
    """The latent space of a VAE file. Raises as `load` does, and KeepframeError for metadata that does not fit."""
    tensors, about = load(path)
    if about.kind != "vae":
        raise KeepframeError(f"{path} holds a {about.kind}, not a vae.", "Name a checkpoint of a vae.")
    vae = VideoVAE(about.shapes)
    fill(vae, tensors, "", path)
    channels = about.shapes.latent_channels
    mean, std = (_statistics(about, name, channels, path).to(device) for name in ("latent_mean", "latent_std"))
    facts = {name: about.args.get(name) for name in ("fps", "width", "height")}
    for name, value in facts.items():
        if not isinstance(value, int | float) or value <= 0:
            raise KeepframeError(f"{path} says {name} = {value!r} of the video it was trained on.", "Train it again.")
    size = Size(int(facts["width"] or 0), int(facts["height"] or 0))
    about.shapes.latent_grid(size)
    vae = vae.eval().requires_grad_(False).to(device)
    return LatentSpace(vae, mean, std, Fraction(facts["fps"] or 0).limit_denominator(1001), size, digest)


def _statistics(about: About, name: str, channels: int, path: Path) -> Tensor:
    values: Any = about.args.get(name)
    if not isinstance(values, list) or len(values) != channels:
        raise KeepframeError(f"{path} does not hold {channels} numbers called {name!r}.", "Train it again.")
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1, 1)
