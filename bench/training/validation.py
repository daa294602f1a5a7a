"""How well the frames of held-back videos come back while training goes on: a few, quickly, always the same.

One step of the sampler from pure noise: with a memory to read, its answer is the mean of what could have been, which
is what PSNR asks for. The harness measures with the real sampler; this is for the curve.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from bench.backbones.dit import VideoDiT
from bench.backbones.text import TextEncoder, to_bytes
from bench.backbones.vae import VideoVAE
from bench.memories.history import HistoryEncoder
from bench.training.latents import Segment, Statistics

LENGTH, FIRST, COUNT = 24, 10, 4  # latent frames: of the history, before the asked run, in the run


@torch.no_grad()
def recall_psnr(
    dit: VideoDiT,
    text: TextEncoder,
    encoder: HistoryEncoder,
    vae: VideoVAE,
    scale: Statistics,
    segments: Sequence[Segment],
    most: int = 6,
) -> float:
    """Mean PSNR (dB) of one asked run per video, undeclared, against the true frames (not their latents)."""
    scores = []
    rate = encoder.rate
    for segment in [segment for segment in segments if segment.latent_frames >= LENGTH][:most]:
        latents = segment.latents(0, LENGTH)[None]
        low = segment.low(rate, 0, LENGTH // rate.time)[None]
        memory = encoder(latents, low, dit.first_layer)
        times = torch.arange(FIRST, FIRST + COUNT, dtype=torch.float32)
        noise = torch.randn(latents[:, :, :COUNT].shape, generator=torch.Generator().manual_seed(0))
        velocity = dit(noise, torch.ones(1, COUNT), times, text(to_bytes([""])), memory)
        scores.append(_psnr(vae, scale, segment, noise - velocity))
    return sum(scores) / len(scores) if scores else float("nan")


def _psnr(
    vae: VideoVAE, scale: Statistics, segment: Segment, recalled: Float[Tensor, "1 channel time height width"]
) -> float:
    """The run's first latent gives the decoder its past, so its frames are not scored."""
    mean, std = (torch.tensor(row).view(1, -1, 1, 1, 1) for row in (scale.mean, scale.std))
    shown = vae.decode(recalled * std + mean)[0, :, 1:].clamp(-1, 1)
    per_latent = vae.shapes.vae_stride[0]
    start = round(segment.first_s * segment.latents_per_s * per_latent) + 1 + per_latent * FIRST
    true = torch.from_numpy(segment.video.read(start, shown.shape[1])).permute(3, 0, 1, 2).float()
    error = (((shown + 1) * 127.5).round() - true).square().mean()
    return float(10 * torch.log10(255**2 / error))
