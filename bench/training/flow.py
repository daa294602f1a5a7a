"""The flow-matching loss that all DiT recipes share: noise some frames, predict `noise - latents` of them."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.backbones.dit import VideoDiT
from bench.backbones.tokens import MemoryTokens, TextTokens

PURE = 0.4
"""How many examples are pure noise. A recall begins there, and most of what it will be is read in that step."""
SHIFT = 3.0
"""Noise levels are drawn from a logit-normal and shifted towards noise, where the memory has to be read."""


def draw_sigma(count: int, device: torch.device, lowest: float = 0.0) -> Float[Tensor, " batch"]:
    """Noise levels in (lowest, 1): L(lowest, 1) of the paper, read as a shifted logit-normal put into that range."""
    level = torch.sigmoid(torch.randn(count, device=device))
    level = SHIFT * level / (1 + (SHIFT - 1) * level)
    return lowest + (1 - lowest) * level


def evened(weights: Float[Tensor, " channel"], spreads: Float[Tensor, " channel"]) -> Float[Tensor, " channel"]:
    """Weights by which each channel counts as the root of what it would: for what is generated and not recalled.

    By `weights` alone, the first channel of nano's latents is 500 times the last, and nothing is learned of the others,
    whose noise a sampler of many steps then leaves in the picture.
    """
    return weights.sqrt() / spreads


def flow_loss(
    dit: VideoDiT,
    frames: Float[Tensor, "batch channel time height width"],
    times: Float[Tensor, " time"],
    text: TextTokens,
    memory: MemoryTokens | None,
    weights: Float[Tensor, " channel"],
    given: Bool[Tensor, " time"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error of the velocity, over the frames that are not `given` (those stay clean).

    `weights` are how much each channel of a latent counts, 1 on average. The best answer is the mean of what could
    have been, whatever they are; they tell a small model what to get right first.
    """
    batch, _, time = frames.shape[:3]
    sigma = draw_sigma(batch, frames.device)
    sigma = torch.where(torch.rand_like(sigma) < PURE, 1.0, sigma)[:, None].expand(batch, time)
    asked = torch.ones(time, dtype=torch.bool, device=frames.device) if given is None else ~given
    sigma = sigma * asked
    noise = torch.randn_like(frames)
    level = sigma[:, None, :, None, None]
    predicted = dit((1 - level) * frames + level * noise, sigma, times, text, memory).float()
    # as it shows in the latents: what a guess leaves of them is small, of a velocity at little noise it is not
    unknown = dit.unknown(memory, times)[..., None, None]
    error = (predicted - (noise - frames)).square() * (level.square() + ((1 - level) * unknown).square())
    return weighed(error[:, :, asked], weights)


def weighed(
    error: Float[Tensor, "batch channel time height width"], weights: Float[Tensor, " channel"]
) -> Float[Tensor, ""]:
    """The mean of errors, each channel by its weight."""
    loss: Tensor = (error * weights[:, None, None, None]).mean()
    return loss
