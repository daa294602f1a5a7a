"""Networks that cost next to nothing, for both programs of benchmarks/perceptual.py: what is left is all the rest.

Each answers from a few of the pixels that it is shown, so that scores agree only if both programs prepare them alike.
"""

import os
import resource
import sys
import time
from typing import Any

import torch
from torch import nn

DIMENSIONS = (
    "subject_consistency",
    "background_consistency",
    "temporal_flickering",
    "motion_smoothness",
    "dynamic_degree",
    "aesthetic_quality",
    "imaging_quality",
)
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Of torch, for both: as many as there are cores for it. More would wait for each other."""


class Embedding(nn.Module):
    """In the place of DINO and CLIP: some of the pixels as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Any) -> Any:
        return x[:, :, 3::11, 5::9].flatten(1)[:, : self.channels].contiguous() + 1.0

    encode_image = forward


class Quality(nn.Module):
    """In the place of MUSIQ: a mean of some pixels, 0 to 100."""

    def forward(self, x: Any) -> Any:
        return x[:, :, ::16, ::16].mean(dim=(1, 2, 3)) * 100


class Middle(nn.Module):
    """In the place of AMT: the mean of both pictures."""

    def forward(self, one: Any, other: Any, at: Any, scale_factor: float, eval: bool) -> dict[str, Any]:
        return {"imgt_pred": torch.lerp(one, other, 0.5)}


def field(height: int, width: int, brightness: float) -> Any:
    """In the place of RAFT: a flow that depends on the second picture, with vectors in no order."""
    if (height, width) not in _FIELDS:
        _FIELDS[height, width] = torch.randn((1, 2, height, width), generator=torch.Generator().manual_seed(3)) * 10
    return _FIELDS[height, width] * (1 + brightness)


_FIELDS: dict[tuple[int, int], Any] = {}


class Meter:
    """Processor time and wall time since it was made, and the process's peak memory."""

    def __init__(self) -> None:
        self.cpu_s, self.wall_s = time.process_time(), time.perf_counter()

    def read(self) -> dict[str, float]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return {
            "cpu_s": time.process_time() - self.cpu_s,
            "wall_s": time.perf_counter() - self.wall_s,
            "peak_bytes": float(peak),
        }
