"""A network's answer about each frame, in batches that do not depend on what else is asked of the clip.

Convolutions and matrix products may round otherwise in batches of another size. So frames are gathered into batches
counted from the first frame that this feature asked for, and a score stays the same when other metrics join it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from suites.features.protocols import Arrays

BATCH = 16


class FrameByFrame:
    """Collects prepared frames, runs them through `network` in batches of 16, and keeps `embedding[frame, channel]`.

    `network` takes a float32 tensor `[batch, 3, height, width]` on its device and gives one row a frame.
    """

    def __init__(self, network: Callable[[Any], Any], device: Any) -> None:
        self._network = network
        self._device = device
        self._waiting: list[Any] = []
        self._count = 0
        self._rows: list[np.ndarray] = []

    def write(self, frames: Any) -> None:
        self._waiting.append(frames)
        self._count += len(frames)
        while self._count >= BATCH:
            self._run(BATCH)

    def finish(self) -> Arrays:
        if self._count:
            self._run(self._count)
        return {"embedding": np.concatenate(self._rows)}

    def _run(self, count: int) -> None:
        import torch

        waiting = torch.cat(self._waiting)
        with torch.inference_mode():
            rows = self._network(waiting[:count].to(self._device))
        self._rows.append(rows.float().cpu().numpy())
        self._waiting = [waiting[count:]] if len(waiting) > count else []
        self._count -= count


def device() -> Any:
    """The GPU where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
