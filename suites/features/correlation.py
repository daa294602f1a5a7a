"""Every point of one picture's features against every point of another's: what RAFT and AMT look their motion up in.

At 720p that is 14,400 by 14,400 numbers, 0.8 GB. They are made into one place in memory that stays with the process:
fresh pages for them took as long as the products. The smaller levels are means over 2x2 points of the other picture
and again; a correlation with a mean is the mean of correlations, so they are made from smaller pictures. And the same
numbers seen the other way round are the second picture's, without a copy.

Source: Teed and Deng, "RAFT" (2020), section 3.2.
"""

import threading
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Map = Float[Tensor, "1 channel height width"]
Level = Float[Tensor, "point 1 _ _"]

_kept = threading.local()


def correlations(first: Map, second: Map, levels: int) -> list[Level]:
    """Of every point of the first, the correlation with all of the second, and with its means over 2x2, 4x4, ….

    The first level is good until this is called again.
    """
    rows, columns = _points(first) / first.shape[1] ** 0.5, _points(second)
    every = torch.mm(rows, columns.t(), out=_room(rows, len(columns)))
    return [every.view(-1, 1, *second.shape[-2:]), *_smaller(rows, second, levels)]


def turned(found: list[Level], first: Map, second: Map) -> list[Level]:
    """The correlations of `second` with `first`, where `found` are those of `first` with `second`."""
    every = found[0].flatten(1).t()
    height, width = first.shape[-2:]
    step, along = every.stride()
    whole = every.as_strided((len(every), 1, height, width), (step, step, along * width, along))
    return [whole, *_smaller(_points(second) / second.shape[1] ** 0.5, first, len(found))]


def looked_up(found: list[Level], at: Float[Tensor, "1 2 height width"], radius: int) -> Float[Tensor, "point seen"]:
    """Around the place (x, y) that each point is at, what lies in a square of `radius`, level by level, column by
    column."""
    points = at.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
    steps = torch.arange(-radius, radius + 1.0, device=at.device)
    around = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)
    seen = []
    for level, volume in enumerate(found):
        height, width = volume.shape[-2:]
        pixel = torch.tensor([2.0 / (width - 1), 2.0 / (height - 1)], device=at.device)
        place = points * (pixel / 2**level) + (around * pixel - 1.0)  # -1 to 1, as the sampler counts
        seen.append(F.grid_sample(volume, place, align_corners=True).flatten(1))
    return torch.cat(seen, dim=1)


def _smaller(rows: Tensor, other: Map, levels: int) -> list[Level]:
    found = []
    for _ in range(levels - 1):
        other = F.avg_pool2d(other, kernel_size=2, stride=2)
        found.append((rows @ _points(other).t()).view(-1, 1, *other.shape[-2:]))
    return found


def _points(features: Map) -> Float[Tensor, "point channel"]:
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _room(rows: Tensor, columns: int) -> Any:
    """Room for the largest level. On a GPU its allocator does this by itself."""
    count = len(rows) * columns
    if rows.device.type != "cpu":
        return rows.new_empty((len(rows), columns))
    if getattr(_kept, "room", None) is None or len(_kept.room) < count:
        _kept.room = None  # first give back, then take
        _kept.room = torch.empty(count)
    return _kept.room[:count].view(len(rows), columns)
