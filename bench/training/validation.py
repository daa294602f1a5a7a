"""How well the frames of held-back videos come back while training goes on: a few, quickly, always the same.

One step of the sampler from pure noise: with a memory to read, its answer is the mean of what could have been, which
is what PSNR asks for. The harness measures with the real sampler; this is for the curve.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.backbones.dit import VideoDiT
from bench.backbones.text import TextEncoder, to_bytes
from bench.checkpoints.latents import LatentSpace
from bench.memories.history import HistoryEncoder
from bench.training.latents import Segment

LENGTH, FIRST, COUNT = 24, 10, 4  # latent frames: of the history, before the asked run, in the run


@torch.no_grad()
def recall_psnr(
    dit: VideoDiT,
    text: TextEncoder,
    encoder: HistoryEncoder,
    space: LatentSpace,
    segments: Sequence[Segment],
    most: int = 6,
) -> float:
    """Mean PSNR (dB) of one asked run per video, undeclared, against the true frames (not their latents)."""
    scores = []
    rate, device = encoder.rate, dit.first_layer.weight.device
    for segment in [segment for segment in segments if segment.latent_frames >= LENGTH][:most]:
        latents = segment.latents(0, LENGTH)[None].to(device)
        low = segment.low(rate, 0, LENGTH // rate.time)[None].to(device)
        memory = encoder(latents, low, dit.first_layer)
        times = torch.arange(FIRST, FIRST + COUNT, dtype=torch.float32, device=device)
        noise = torch.randn(latents[:, :, :COUNT].shape, generator=torch.Generator().manual_seed(0)).to(device)
        sigma = torch.ones(1, COUNT, device=device)
        velocity = dit(noise, sigma, times, text(to_bytes([""]).to(device)), memory)
        scores.append(_psnr(space, segment, (noise - velocity).float()))
    return sum(scores) / len(scores) if scores else float("nan")


def _psnr(space: LatentSpace, segment: Segment, recalled: Float[Tensor, "1 channel time height width"]) -> float:
    """The run's first latent gives the decoder its past, so its frame is not scored."""
    shown = space.to_frames(space.decode(recalled.to(space.device)))[1:]
    per_latent = space.shapes.vae_stride[0]
    start = round(segment.first_s * segment.latents_per_s * per_latent) + 1 + per_latent * FIRST
    error = (shown.astype(np.float64) - segment.video.read(start, len(shown))) ** 2
    return float(10 * np.log10(255**2 / error.mean()))
