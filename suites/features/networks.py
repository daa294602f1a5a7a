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

    `network` takes a float32 tensor `[batch, 3, height, width]` on its device and gives one row a frame. The batch is
    one place in memory that is filled again and again, the rows are one table: with thousands of small rows kept
    between large things that come and go, the memory of an hour's video would be full of holes.
    """

    def __init__(self, network: Callable[[Any], Any], device: Any) -> None:
        self._network = network
        self._device = device
        self._batch: Any = None
        self._waiting = 0
        self._table = np.empty((0, 0), np.float32)
        self._rows = 0

    def write(self, frames: Any) -> None:
        import torch

        if self._batch is None:
            self._batch = torch.empty((BATCH, *frames.shape[1:]))
        done = 0
        while done < len(frames):
            part = frames[done : done + BATCH - self._waiting]
            self._batch[self._waiting : self._waiting + len(part)] = part
            self._waiting += len(part)
            done += len(part)
            if self._waiting == BATCH:
                self._run()

    def finish(self) -> Arrays:
        if self._waiting:
            self._run()
        return {"embedding": self._table[: self._rows].copy()}

    def _run(self) -> None:
        import torch

        with torch.inference_mode():
            rows = self._network(self._batch[: self._waiting].to(self._device)).float().cpu().numpy()
        if self._rows + len(rows) > len(self._table):
            table = np.empty((max(2 * len(self._table), 64 * BATCH), rows.shape[1]), np.float32)
            if self._rows:
                table[: self._rows] = self._table[: self._rows]
            self._table = table
        self._table[self._rows : self._rows + len(rows)] = rows
        self._rows += len(rows)
        self._waiting = 0


_DRAWN = frozenset({"normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_"})


def filled_later() -> Any:
    """A context in which modules do not draw their first numbers, since weights are loaded over all of them: for the
    580 million of both CLIPs that takes seconds. Load strictly, else what was never drawn stays.

    >>> import torch
    >>> with filled_later():
    ...     layer = torch.nn.Linear(2, 1)
    >>> layer.load_state_dict({"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
    <All keys matched successfully>
    """
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if getattr(function, "__name__", "") in _DRAWN:
                return args[0] if args else kwargs["tensor"]
            return function(*args, **(kwargs or {}))

    return Undrawn()


def device() -> Any:
    """The GPU where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
