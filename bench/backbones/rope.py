"""Rotary positions in three dimensions, from coordinates that each token carries.

Coordinates are explicit because a sequence mixes tokens that no grid orders: frames that were asked for by their
index, and tokens of memory, each of which stands for a block of the grid and sits at that block's centre.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bench.backbones.rate import Rate


def frame_coordinates(times: Float[Tensor, " time"], height: int, width: int) -> Float[Tensor, "tokens 3"]:
    """(t, h, w) of the tokens of frames: `times` are their indices among the latent frames of the video.

    >>> frame_coordinates(torch.tensor([7.0]), 1, 2)
    tensor([[7., 0., 0.],
            [7., 0., 1.]])
    """
    rows, columns = (torch.arange(size, dtype=times.dtype, device=times.device) for size in (height, width))
    return torch.stack(torch.meshgrid(times, rows, columns, indexing="ij"), dim=-1).flatten(0, 2)


def block_coordinates(
    first: int, blocks: tuple[int, int, int], rate: Rate, device: torch.device | None = None
) -> Float[Tensor, "tokens 3"]:
    """(t, h, w) of the tokens of memory: centres of the blocks they cover, in units of the DiT's grid.

    A block of `s` steps that begins at `i * s` has its centre at `i * s + (s - 1) / 2` (as in Ring Forcing).
    `blocks` is (time, height, width) in tokens of memory; `first` is the index of the first one in time.

    >>> block_coordinates(1, (1, 1, 2), Rate(4, 4, 2))
    tensor([[2.5000, 1.5000, 1.5000],
            [2.5000, 1.5000, 5.5000]])
    """
    steps = (rate.time, rate.height, rate.width)
    starts = (first, 0, 0)
    axes = [
        torch.arange(start, start + count, dtype=torch.float32, device=device) * step + (step - 1) / 2
        for start, count, step in zip(starts, blocks, steps, strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 2)


class Rotation(NamedTuple):
    """What positions do to heads: to all alike, or to each in its own way."""

    cosine: Float[Tensor, "tokens #heads pairs"]
    sine: Float[Tensor, "tokens #heads pairs"]

    @property
    def back(self) -> "Rotation":
        """Its inverse."""
        return Rotation(self.cosine, -self.sine)


def rotation(
    coordinates: Float[Tensor, "tokens 3"], channels: int, base: float = 10000.0, fastest: float = 1.0
) -> Rotation:
    """Angles that grow with t, h and w, for heads of `channels`.

    A head is split as in Wan (128 channels: 44 for time, 42 for height, 42 for width), whose base is 10000
    and whose fastest wave turns by 1 radian from a token to the next.

    >>> rotation(torch.zeros(5, 3), 64).cosine.shape
    torch.Size([5, 1, 32])
    """
    pairs = channels // 2
    split = (pairs - 2 * (pairs // 3), pairs // 3, pairs // 3)
    angles = [
        # double precision: at 10,000 latent frames a float32 angle is off by 1e-3
        coordinates[:, axis, None].double()
        * fastest
        * base ** -(torch.arange(count, dtype=torch.float64, device=coordinates.device) / count)
        for axis, count in enumerate(split)
    ]
    turned = torch.cat(angles, dim=1)[:, None]
    return Rotation(turned.cos().float(), turned.sin().float())


def oblique_rotation(coordinates: Float[Tensor, "tokens 3"], waves: Float[Tensor, "heads pairs 3"]) -> Rotation:
    """Angles that grow along a direction of its own for every pair: `waves` are radians per token along t, h and w.

    Waves along the axes add up to functions of place like f(h) + g(w); those along diagonals to all functions, as
    the terms of a Fourier series do (for queries and keys: Heo et al. 2024, arXiv 2403.13298).
    """
    angles = (coordinates[:, None, None] * waves.float()).sum(-1)
    return Rotation(angles.cos(), angles.sin())


def rotate(x: Float[Tensor, "batch tokens heads channel"], by: Rotation) -> Float[Tensor, "batch tokens heads channel"]:
    """Turn pairs of channels, so that the product of two tokens depends on their distance only.

    A pair is a channel of the first half of a head and its like in the second: neighbours would be slower to reach.
    """
    cosine, sine = (part.to(x.dtype) for part in by)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
