"""The recipe of the VAE: start as the best linear codec of blocks, then learn what convolutions can add.

Trained on crops, because it is convolutional; on frames at the backbone's rate. The loss is what recall is scored
by: squared error (for PSNR) with a little absolute error (for edges), and a faint pull of the latents to a Gaussian.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from bench.backbones.vae import VideoVAE
from bench.training.video import Collection, Video

CROP = 64
LENGTH = 17
KL_WEIGHT = 1e-5


class Crops(Dataset[dict[str, Tensor]]):
    """Batch `i`: random crops of random videos, longer videos more often."""

    def __init__(self, videos: Collection, batch: int, seed: int) -> None:
        self.videos = [video for video in videos.videos if video.frames >= LENGTH]
        weights = np.array([video.frames for video in self.videos], float)
        self.chances = weights / weights.sum()
        self.batch, self.seed = batch, seed

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        return {"frames": torch.stack([self._crop(rng) for _ in range(self.batch)])}

    def _crop(self, rng: np.random.Generator) -> Float[Tensor, "3 time height width"]:
        video = self.videos[rng.choice(len(self.videos), p=self.chances)]
        frames = video.read(int(rng.integers(video.frames - LENGTH + 1)), LENGTH)
        top, left = (8 * rng.integers((side - CROP) // 8 + 1) for side in frames.shape[1:3])
        piece = frames[:, top : top + CROP, left : left + CROP]
        if rng.random() < 0.5:
            piece = piece[:, :, ::-1]
        return to_tensor(piece)


def to_tensor(frames: np.ndarray) -> Float[Tensor, "3 time height width"]:
    """uint8 [time, height, width, 3] to [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2).float() / 127.5 - 1


class VAELearner(nn.Module):
    """The VAE with its loss."""

    def __init__(self, vae: VideoVAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        frames = batch["frames"]
        posterior = self.vae.encode(frames)
        shown = self.vae.decode(posterior.sample()).float()
        squared = F.mse_loss(shown, frames)
        absolute = F.l1_loss(shown, frames)
        mean, log_variance = posterior.mean.float(), posterior.log_variance.float()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        # decibels: the step is as long for an easy batch as for a hard one
        loss = 0.5 * torch.log(squared + 1e-5) + 0.3 * absolute / (absolute.detach() + 1e-3) + KL_WEIGHT * divergence
        psnr = -10 * torch.log10(squared.detach() / 4)
        return loss, {"psnr": psnr, "divergence": divergence.detach()}


@torch.no_grad()
def start_linear(vae: VideoVAE, crops: Crops, batches: int = 40) -> None:
    """Put the principal components of the training blocks into the linear way through; silence the convolutions.

    A component's latent is divided by the root of its standard deviation: half way to equal variances. Equal ones
    would let the faintest detail weigh as much as the brightness of a block in whatever is learned on latents.
    """
    rows = []
    for index in range(batches):
        frames = crops[index]["frames"]
        first = frames[:, :, :1].expand(-1, -1, 3, -1, -1)
        blocks = torch.cat([first, frames], 2).unfold(2, 4, 4).unfold(3, 8, 8).unfold(4, 8, 8)
        rows.append(blocks.permute(0, 2, 3, 4, 1, 5, 6, 7).reshape(-1, 768))
    blocks = torch.cat(rows).double()
    brightness = blocks.reshape(-1, 3, 256).mean((0, 2))
    blocks -= brightness.repeat_interleave(256)
    variances, vectors = torch.linalg.eigh(blocks.T @ blocks / len(blocks))
    count = vae.shapes.latent_channels
    vectors, spread = vectors[:, -count:].flip(1).T, variances[-count:].flip(0).sqrt()
    scale = spread.sqrt() * (spread.mean().sqrt())  # latents with a mean square near one
    encode, decode = vae.blocks.encode.conv, vae.blocks.decode
    assert encode.bias is not None and decode.bias is not None
    encode.weight.copy_((vectors / scale[:, None]).reshape(encode.weight.shape))
    encode.bias.copy_(-(vectors / scale[:, None]) @ brightness.repeat_interleave(256))
    decode.weight.copy_((vectors * scale[:, None]).reshape(decode.weight.shape))
    decode.bias.copy_(brightness)
    for last in (vae.to_posterior.conv, vae.to_pixels.conv):
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
    assert vae.to_posterior.conv.bias is not None
    vae.to_posterior.conv.bias[count:] = math.log(1e-4)  # begin with little noise


@torch.no_grad()
def round_trip_psnr(vae: VideoVAE, videos: list[Video], frames: int = 33) -> float:
    """Mean PSNR (dB, RGB, 8 bit) over videos of the first `frames` frames, encoded and decoded whole."""
    scores = []
    for video in videos:
        shown = to_tensor(video.read(0, frames))[None].to(next(vae.parameters()).device)
        back = vae.decode(vae.encode(shown).mean)[:, :, : shown.shape[2]].clamp(-1, 1)
        back, true = (back + 1).mul(127.5).round(), (shown[:, :, : back.shape[2]] + 1).mul(127.5).round()
        error = ((back - true) ** 2).mean((0, 1, 3, 4))
        scores.append(float((10 * torch.log10(255**2 / error.clamp(min=1e-2))).mean()))
    return sum(scores) / len(scores)
