"""Two yardsticks for the formulas of `suites/cost/flops.py`: torch's counter, and what the device can do at best.

The counter is a cross-check that has gaps: operators without a formula count as nothing. They are listed by name, so
that a difference is explained and not averaged away.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula

from runners.meter import wait_for
from suites.cost.scenario import LEAVES, Phase

_WORK = ("attention", "convolution", "conv", "mm", "bmm", "addmm", "matmul", "linear", "einsum", "flex")
MATMUL_SIDE = {"cpu": 1024, "cuda": 8192}
MATMUL_S = 0.5


@register_flop_formula(torch.ops.aten.mkldnn_convolution)
def _onednn(_inputs: Any, weight: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    """Of the operator that `CausalConv3d` calls by name on a CPU, which the counter has no formula for."""
    return int(2 * math.prod(out_shape) * math.prod(weight[1:]))


@dataclass(frozen=True)
class Counted:
    """What torch's counter saw. `gaps` are operators of attention, convolution or products that it has no formula for,
    with how often each ran."""

    flops: int
    gaps: dict[str, int]


class _Unseen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if func.overloadpacket not in flop_registry and any(part in name for part in _WORK):
            self.found[name] = self.found.get(name, 0) + 1
        return func(*args, **(kwargs or {}))


def counted(call: Callable[[], object]) -> Counted:
    """FLOPs of a call by torch's counter, and the gaps.

    >>> a = torch.zeros(2, 3)
    >>> counted(lambda: a @ a.T)
    Counted(flops=24, gaps={})
    """
    with FlopCounterMode(display=False) as counter, _Unseen() as unseen:
        call()
    return Counted(int(counter.get_total_flops()), unseen.found)


@dataclass
class FlopMeter:
    """A meter that counts the work of stages by torch's counter; for a section that is not timed."""

    phase: Phase = "warm"
    section: int = 0
    found: dict[str, Counted] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside; of several calls the last one stays. Stages that span others are left alone."""
        if name not in LEAVES:
            yield
            return
        with FlopCounterMode(display=False) as counter, _Unseen() as unseen:
            yield
        self.found[name] = Counted(int(counter.get_total_flops()), unseen.found)

    def last_ms(self, name: str) -> float:
        """Nothing is timed here."""
        raise NotImplementedError(name)


@dataclass(frozen=True)
class Peak:
    """The best matrix product of this device in this process: the denominator of MFU, with its name."""

    flops_per_s: float
    name: str


def matmul_peak(device: str, dtype: str, *, spend_s: float = MATMUL_S) -> Peak:
    """Square products for `spend_s` seconds; the fastest one counts, because it was disturbed least."""
    side = MATMUL_SIDE["cuda" if device.startswith("cuda") else "cpu"]
    a = torch.ones(side, side, device=device, dtype=getattr(torch, dtype))
    out = a @ a  # the first call chooses an algorithm
    best, ends = float("inf"), time.perf_counter() + spend_s
    while time.perf_counter() < ends:
        wait_for(device)
        began = time.perf_counter()
        torch.matmul(a, a, out=out)
        wait_for(device)
        best = min(best, time.perf_counter() - began)
    return Peak(2 * side**3 / best, f"{side} x {side} {dtype} product, measured in this process")
