"""LPIPS: distance between deep features, as calibrated on human judgements by the `lpips` package.

The package ships the calibrated heads; the ImageNet trunks under them (AlexNet, VGG-16) are published elsewhere and
come from the weights catalogue. Without them there is no score. Random trunks do give numbers, and plausible ones,
which is why none is ever used here.
"""

import re
import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from bench import weights
from bench.errors import KeepframeError, UnavailableError
from bench.types import Frames
from suites.metrics.frames import check_pair

Net = Literal["alex", "vgg"]

MINIMUM_SIDE = 64  # the human judgements that LPIPS is calibrated on are of patches of 64x64

_TRUNKS: dict[Net, str] = {"alex": "alexnet", "vgg": "vgg16"}  # LPIPS's name -> the catalogue's
_INSTALL = "pip install 'keepframe[lpips]'"


def load(net: Net, trunk: Path) -> Any:
    """The LPIPS network (`lpips.LPIPS`, version 0.1) with the trunk of a torchvision state dict.

    Args:
        net: "alex" or "vgg".
        trunk: a file as torchvision publishes it; only its `features` are used.

    Returns:
        A module in evaluation mode on the CPU, without gradients.

    Raises:
        KeepframeError: the file is not a state dict of that trunk.
    """
    import lpips
    import torch

    try:
        published = torch.load(trunk, map_location="cpu", weights_only=True)
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # lpips calls torchvision by arguments that it has deprecated
            model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)  # random for two lines: no download
        # torchvision: features.<layer>.<kind>. lpips: slice<part>.<layer>.<kind>, with the same layer numbers.
        wanted = {name: re.sub(r"^slice\d+", "features", name) for name in model.net.state_dict()}
        model.net.load_state_dict({name: published[source] for name, source in wanted.items()}, strict=True)
    except Exception as error:
        raise KeepframeError(
            f"{trunk} is not the {_TRUNKS[net]} trunk of torchvision: {error}",
            f"keepframe weights fetch {_TRUNKS[net]}",
        ) from error
    return model.eval().requires_grad_(False)


def distances(model: Any, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
    """LPIPS of each frame under a loaded network, from 0. Lower is better.

    Frames go through the network one at a time, on the device that holds it: batched convolutions may round
    otherwise, and a score must not depend on what else is asked.

    Args:
        model: what `load` returned.
        reference: the true frames, uint8 RGB `[time, height, width, 3]`, at least 64 pixels a side.
        recalled: the remembered frames, same shape.

    Returns:
        One float64 a frame.

    Raises:
        KeepframeError: the arrays are not of that type, their shapes differ, or the frames are too small.

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018); RGB
    scaled to [-1, 1], linear heads v0.1, spatial mean.
    """
    import torch

    check_pair(reference, recalled, minimum_side=MINIMUM_SIDE, metric="lpips")
    device = next(model.parameters()).device

    def tensor(frame: np.ndarray) -> Any:
        return torch.from_numpy(np.ascontiguousarray(frame)).to(device).permute(2, 0, 1)[None] / 127.5 - 1

    with torch.inference_mode():
        scores = [model(tensor(x), tensor(y)).item() for x, y in zip(reference, recalled, strict=True)]
    return np.array(scores, np.float64)


class _Lpips:
    """LPIPS over one trunk, loaded on the first call and kept for the process."""

    name: str
    net: Net
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "lower"

    def available(self) -> str | None:
        absent = [package for package in ("lpips", "torch", "torchvision") if find_spec(package) is None]
        if absent:
            return f"LPIPS needs the packages lpips, torch and torchvision.\n  {_INSTALL}"
        try:
            weights.path(_TRUNKS[self.net])
        except UnavailableError as error:
            return str(error)
        return None

    def __call__(self, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
        missing = self.available()
        if missing:
            raise UnavailableError(*missing.split("\n  ", 1))
        return distances(_loaded(self.net, weights.path(_TRUNKS[self.net])), reference, recalled)


class LpipsAlex(_Lpips):
    """LPIPS with the AlexNet trunk: the variant that most papers report."""

    name = "lpips_alex"
    net: Net = "alex"


class LpipsVgg(_Lpips):
    """LPIPS with the VGG-16 trunk."""

    name = "lpips_vgg"
    net: Net = "vgg"


@lru_cache(maxsize=2)
def _loaded(net: Net, trunk: Path) -> Any:
    import torch

    return load(net, trunk).to("cuda" if torch.cuda.is_available() else "cpu")
