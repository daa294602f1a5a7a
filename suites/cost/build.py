"""What a profile runs on: the reference system at any size, with random weights or with those that ship.

Random weights are for cost alone. What is built here is never registered as a memory and no score is made with it.
"""

from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from bench.backbones.dit import VideoDiT
from bench.backbones.text import TextEncoder
from bench.backbones.vae import VideoVAE
from bench.checkpoints.folder import history_name
from bench.checkpoints.history_args import HistoryArgs
from bench.checkpoints.latents import LatentSpace
from bench.checkpoints.load import Backbone, Reader, backbone, history
from bench.memories.history import HistoryEncoder
from suites.cost.profile import Profile

Part = TypeVar("Part", bound=nn.Module)

_NOWHERE = Path("random")


def build(profile: Profile) -> Reader:
    """The models of a profile on its device.

    Raises `UnavailableError` where trained weights are wanted and not there, and what torch raises where memory ends.
    """
    return _trained(profile) if profile.weights == "trained" else _random(profile)


def _random(profile: Profile) -> Reader:
    """Everything drawn at random, on the device itself: at the paper's sizes a CPU would take minutes.

    The text encoder has no layers: its stand-in gives prompts of the right shape, and is no stage that is timed.
    """
    shapes = profile.shapes
    torch.manual_seed(0)
    with torch.device(profile.device):
        vae, text = VideoVAE(shapes), TextEncoder(shapes, layers=0)
        dit = _in_pieces(profile)
        rate = profile.memory_rate
        encoders = () if rate is None else (HistoryEncoder(shapes, rate),)
        mean, std = torch.zeros(shapes.latent_channels, 1, 1, 1), torch.ones(shapes.latent_channels, 1, 1, 1)
    for module in (vae, text, *encoders):
        _ready(module, profile)
    fps = Fraction(profile.fps).limit_denominator(1001)
    space = LatentSpace(vae, mean, std, fps, profile.frame, digest="")
    base = Backbone(space, dit, text, _NOWHERE, {})
    args = HistoryArgs("1x1x1" if rate is None else str(rate), isolated_memory=profile.isolated)
    return Reader(base, encoders, dit, args, _NOWHERE, digest="")


def _in_pieces(profile: Profile) -> VideoDiT:
    """The DiT in its final type: at 14 billion parameters a copy in float32 beside it would not fit."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, profile.dtype))
    try:
        return _ready(VideoDiT(profile.shapes, isolated_memory=profile.isolated), profile)
    finally:
        torch.set_default_dtype(before)


def _ready(module: Part, profile: Profile) -> Part:
    return module.to(dtype=getattr(torch, profile.dtype)).eval().requires_grad_(False)


def _trained(profile: Profile) -> Reader:
    """What ships, at the size and frame rate of its training."""
    base = backbone(profile.size, profile.device)
    if profile.rate == "none":
        return Reader(base, (), base.dit, HistoryArgs("1x1x1"), base.folder, base.digests["dit"])
    return history(history_name(profile.rate), base)
