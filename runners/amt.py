"""AMT-S as the interpolator of motion_smoothness: the network of the vbench package, borrowed from its box.

    keepframe isolate vbench
    keepframe weights fetch amt-s
    keepframe score rollouts --metrics motion_smoothness --model interpolator=runners.amt:Amt

Its code and weights are CC BY-NC 4.0: for who may use them. Neither is part of Keepframe.
"""

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import weights
from bench.errors import KeepframeError
from runners.isolate import RECIPES, borrow
from suites.features.correlation import correlations, looked_up, turned
from suites.features.layout import channels_last
from suites.features.networks import device
from suites.features.plugins import Frame
from suites.features.views import by_table

MULTIPLE = 16  # sides are padded to it
LOOKUPS = 3  # of AMT-S in its correlations, for one drawing


class Amt:
    """Draws the middle frame as VBench does: padded by repeating edges, the drawing cut to whole grey levels."""

    def __init__(self) -> None:
        path = weights.path("amt-s")
        self._network = _loaded(path)
        self._last: tuple[Frame, Any] | None = None
        self.name = f"AMT-S {weights.digest('amt-s')[:16]}"

    def between(self, first: Frame, second: Frame) -> Frame:
        import torch

        height, width = first.shape[:2]
        with torch.inference_mode():
            one, other = self._seen(first), self._seen(second)
            self._last = (second, other)
            half = torch.full((1, 1, 1, 1), 0.5, device=device())
            drawn = self._network(one, other, half, scale_factor=1.0, eval=True)["imgt_pred"][0]
            left, _, top, _ = _sides(height, width)
            drawn = drawn[:, top : top + height, left : left + width]
            levels = (drawn * 255.0).to(torch.uint8).cpu().numpy()  # what AMT draws lies in 0 to 1
        guess: Frame = cv2.merge(list(levels))
        return guess

    def _seen(self, frame: Frame) -> Any:
        """The frame as AMT sees it; the second of a pair is the first of the next."""
        if self._last is not None and self._last[0] is frame:
            return self._last[1]
        left, right, top, bottom = sides = _sides(*frame.shape[:2])
        padded = cv2.copyMakeBorder(frame, top, bottom, left, right, cv2.BORDER_REPLICATE) if any(sides) else frame
        return by_table(padded, np.arange(256, dtype=np.float32) / np.float32(255.0), device())


class _BothWays:
    """In the place of AMT's own: the same numbers, without copies of the 0.8 GB that the correlations of 720p are (the
    second picture's were a copy, turned, and twice more when they were made smaller)."""

    def __init__(self, first: Any, second: Any, num_levels: int = 4, radius: int = 4) -> None:
        self._radius = radius
        self._first = correlations(first, second, num_levels)
        self._second = turned(self._first, first, second)
        self._left = LOOKUPS

    def __call__(self, at_first: Any, at_second: Any) -> tuple[Any, Any]:
        height, width = at_first.shape[-2:]
        one, other = (
            looked_up(found, at, self._radius).view(1, height, width, -1).permute(0, 3, 1, 2)
            for found, at in ((self._first, at_first), (self._second, at_second))
        )
        self._left -= 1
        if not self._left:
            self._first, self._second = [], []  # what comes after needs half a gigabyte itself
        return one, other


def _sides(height: int, width: int) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of the padding."""
    down, across = -height % MULTIPLE, -width % MULTIPLE
    return (across // 2, across - across // 2, down // 2, down - down // 2)


@lru_cache(maxsize=1)
def _loaded(path: Path) -> Any:
    import torch

    network = empty()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
    except Exception as error:
        raise KeepframeError(f"{path} is not AMT-S: {error}.", "keepframe weights fetch amt-s --again") from error
    sys.modules[type(network).__module__].BidirCorrBlock = _BothWays  # type: ignore[attr-defined]
    return channels_last(network.to(device()).eval())


def empty() -> Any:
    """AMT-S as its constructor leaves it, for weights to be loaded into.

    Raises UnavailableError when the box is not built.
    """
    borrow(RECIPES["vbench"])
    for name in [name for name in sys.modules if name == "utils" or name.startswith("utils.")]:
        del sys.modules[name]  # the package puts a folder with a `utils` of its own on the path
    import vbench
    from omegaconf import OmegaConf
    from vbench.third_party.amt.utils.build_utils import build_from_cfg

    settings = Path(vbench.__path__[0]) / "third_party" / "amt" / "cfgs" / "AMT-S.yaml"
    return build_from_cfg(OmegaConf.load(settings).network)
