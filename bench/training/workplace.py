"""Where a training finds its videos, keeps its work and puts its weights; what it learns from, and on top of what."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.backbones.config import Shapes, shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.rate import Rate
from bench.backbones.text import TextEncoder
from bench.checkpoints.about import digest
from bench.checkpoints.files import fill, load, require
from bench.checkpoints.latents import LatentSpace
from bench.checkpoints.load import space as space_of
from bench.training.latents import Segment, encode_all, pixel_weights
from bench.training.video import Collection, collect
from bench.types import Size

Report = Callable[[str, int, int, str], None]
"""Called as `report(stage, done, total, what)`; stages are `decode`, `encode`, `guess` and `train`."""

NANO = Size(320, 192)


@dataclass(frozen=True)
class Latents:
    """Videos as the DiT sees them."""

    videos: Collection
    segments: list[Segment]
    weights: Tensor  # how much each channel of them shows


@dataclass(frozen=True)
class Workplace:
    """Where a training finds its videos, keeps its work, and puts its weights."""

    footage: tuple[Path, ...]
    work: Path  # decoded frames, latents, states: may be deleted when all is trained
    weights: Path  # checkpoints are read from and written to this folder
    report: Report
    name: str = "nano"
    size: Size = NANO
    fps: int = 8

    @property
    def shapes(self) -> Shapes:
        """Of the backbone that is trained."""
        return shapes(self.name)

    def videos(self) -> Collection:
        """Decoded at the backbone's size and rate."""
        return collect(
            self.footage,
            self.work / "frames",
            size=self.size,
            fps=self.fps,
            progress=self.telling("decode"),
        )

    def telling(self, stage: str) -> Callable[[int, int, str], None]:
        """Reports on one stage."""
        return lambda done, total, what: self.report(stage, done, total, what)

    def latents(self, rates: tuple[Rate, ...]) -> tuple[LatentSpace, Latents, Latents]:
        """The VAE, and the latents of what is learned from and of what is held back."""
        latent = space_of(self.weights, "cuda" if torch.cuda.is_available() else "cpu")
        folder, told = self.work / "latents" / latent.digest[:16], self.telling("encode")
        learned, kept = ((videos, encode_all(latent, videos, folder, rates, told)) for videos in self.videos().split())
        weights = pixel_weights(latent, learned[1], folder)
        return latent, Latents(*learned, weights), Latents(*kept, weights)

    def backbone(self) -> tuple[VideoDiT, TextEncoder, dict[str, str]]:
        """The trained DiT with its text encoder, and the digests of what is trained on top of them.

        Raises KeepframeError when its file is of other shapes, or of another VAE than the one that is there.
        """
        path = self.weights / "dit.safetensors"
        parents = {"vae": digest(self.weights / "vae.safetensors")}
        tensors, about = load(path)
        require(about, path, kind="dit", shapes=self.shapes, parents=parents)
        dit, text = VideoDiT(self.shapes), TextEncoder(self.shapes)
        fill(dit, tensors, "dit.", path)
        fill(text, tensors, "text.", path)
        return dit, text, {**parents, "dit": digest(path)}
