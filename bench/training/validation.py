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

LENGTH, COUNT = 24, 4  # latent frames: of the history, and of the run in its middle that is asked for


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
    for segment in sorted(segments, key=lambda segment: -min(segment.latent_frames, LENGTH))[:most]:
        blocks = min(segment.latent_frames, LENGTH) // rate.time
        latents = segment.latents(0, blocks * rate.time)[None].to(device)
        memory = encoder(latents, segment.low(rate, 0, blocks)[None].to(device), dit.first_layer)
        first = (blocks * rate.time - COUNT) // 2
        times = torch.arange(first, first + COUNT, dtype=torch.float32, device=device)
        noise = torch.randn(latents[:, :, :COUNT].shape, generator=torch.Generator().manual_seed(0)).to(device)
        sigma = torch.ones(1, COUNT, device=device)
        velocity = dit(noise, sigma, times, text(to_bytes([""]).to(device)), memory)
        scores.append(_psnr(space, segment, first, (noise - velocity).float()))
    return sum(scores) / len(scores)


def _psnr(
    space: LatentSpace, segment: Segment, first: int, recalled: Float[Tensor, "1 channel time height width"]
) -> float:
    """The run's first latent gives the decoder its past, so its frame is not scored."""
    shown = space.to_frames(space.decode(recalled.to(space.device)))[1:]
    per_latent = space.shapes.vae_stride[0]
    start = round(segment.first_s * segment.latents_per_s * per_latent) + 1 + per_latent * first
    error = (shown.astype(np.float64) - segment.video.read(start, len(shown))) ** 2
    return float(10 * np.log10(255**2 / error.mean()))
