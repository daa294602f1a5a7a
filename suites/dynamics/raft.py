"""RAFT optical flow over a video: each frame encoded once, and only the last of the updates brought to full size.

Torchvision's own forward takes a pair, encodes both frames, and upsamples all of its updates: a frame in the middle
of a video is encoded twice and nineteen of twenty full-size flows are thrown away. Weights and encoders are
torchvision's; the updates are arranged in `raft_steps`.

Weights: `raft` of the catalogue is torchvision's port of the authors' raft-things.pth, which VBench uses.
Torchvision's default weights are others, trained by torchvision; they give other numbers.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from bench.errors import KeepframeError
from suites.features.networks import device
from suites.features.views import by_table

UPDATES = 20  # as in the authors' evaluation and VBench; torchvision's default is 12
MINIMUM_SIDE = 121  # pads to 128, where the correlation pyramid's smallest level still has two cells


_NAMES = tuple(
    (re.compile(old), new)
    for old, new in (
        (r"^fnet\.", "feature_encoder."),
        (r"^cnet\.", "context_encoder."),
        (r"encoder\.conv1\.", "encoder.convnormrelu.0."),
        (r"encoder\.norm1\.", "encoder.convnormrelu.1."),
        (r"encoder\.conv2\.", "encoder.conv."),
        (r"(layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
        (r"(layer\d\.\d)\.norm([12])\.", r"\1.convnormrelu\2.1."),
        (r"update_block\.encoder\.conv([cf])(\d)\.", r"update_block.motion_encoder.conv\1\2.0."),
        (r"motion_encoder\.convc", "motion_encoder.convcorr"),
        (r"motion_encoder\.convf", "motion_encoder.convflow"),
        (r"update_block\.encoder\.conv\.", "update_block.motion_encoder.conv.0."),
        (r"update_block\.gru\.conv([zrq])(\d)\.", r"update_block.recurrent_block.convgru\2.conv\1."),
        (r"update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
        (r"update_block\.mask\.2\.", "mask_predictor.conv."),
    )
)


class Encoded(NamedTuple):
    """A frame as RAFT sees it: its matching features, and the picture that its context is made from."""

    features: Any  # Float[Tensor, "1 channel height/8 width/8"]
    picture: Any  # Float[Tensor, "1 3 height width"], -1 to 1, padded to multiples of 8


def load(weights: Path) -> Any:
    """RAFT-large in evaluation mode, without gradients, from torchvision's file or the authors' raft-things.pth.

    Raises KeepframeError when the file holds something else.
    """
    import torch

    model = empty()
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        model.load_state_dict(converted(state) if any(name.startswith("module.") for name in state) else state)
    except Exception as error:
        raise KeepframeError(f"{weights} is not RAFT-large: {error}", "keepframe weights fetch raft --again") from error
    return model


def empty() -> Any:
    """RAFT-large as its constructor leaves it: for weights to be loaded into."""
    from torchvision.models.optical_flow import raft_large

    return raft_large(weights=None, progress=False).eval().requires_grad_(False)


def encode(steps: Any, frame: np.ndarray) -> Encoded:
    """One uint8 RGB frame, replicate-padded on all sides to multiples of 8 (the authors' "sintel" padding)."""
    import torch

    height, width = frame.shape[:2]
    down, across = -height % 8, -width % 8
    if down or across:
        sides = (down // 2, down - down // 2, across // 2, across - across // 2)
        frame = cv2.copyMakeBorder(frame, *sides, cv2.BORDER_REPLICATE)
    with torch.inference_mode():
        picture = by_table(frame, _levels(), steps.device)
        return Encoded(steps.feature_encoder(picture), picture)


@lru_cache(maxsize=1)
def _levels() -> Float[np.ndarray, "256"]:
    """-1 to 1 of every byte, by torchvision's steps."""
    import torch

    return torch.arange(256.0).div_(255.0).mul_(2).sub_(1).numpy()


def flow(steps: Any, first: Encoded, second: Encoded, updates: int = UPDATES) -> Float[np.ndarray, "2 height width"]:
    """The flow from `first` to `second` in pixels (x, y), over the padded picture.

    Source: Teed and Deng, "RAFT" (2020).
    """
    import torch

    with torch.inference_mode():
        full = steps.flow(first.features, second.features, first.picture, updates)
    return np.asarray(full[0].cpu().numpy())


def top_speed(flow: Float[np.ndarray, "2 height width"], part: float) -> float:
    """Mean length of the longest `part` of the flow's vectors, in pixels: the speed of what moves most.

    Source: `get_score` of VBench's dynamic_degree (5 %) and static_filter (2 %), which sort all of them.

    >>> top_speed(np.stack([np.arange(100.0).reshape(10, 10), np.zeros((10, 10))]).astype(np.float32), 0.05)
    97.0
    """
    lengths = np.square(flow[0])
    lengths += np.square(flow[1])
    lengths = np.sqrt(lengths, out=lengths).ravel()
    count = int(lengths.size * part)
    few = _candidates(lengths, part)
    if len(few) < count:
        few = lengths
    top = np.partition(few, few.size - count)[few.size - count :]
    return float(np.mean(-np.sort(-top)))  # falling, as there: the sum of float32 depends on the order


def _candidates(lengths: Float[np.ndarray, " vector"], part: float) -> Float[np.ndarray, " candidate"]:
    """The longest, about half as many again as are wanted, by what a sixtieth of them says; no longer one is left out.
    Looking for the top among these takes a third of the time."""
    some = np.sort(lengths[::61])
    bound = some[int(len(some) * max(0.0, 1 - 1.5 * part))]
    return lengths[np.flatnonzero(lengths >= bound)]


def converted(published: Mapping[str, Any]) -> dict[str, Any]:
    """The authors' state dict (raft-things.pth) under torchvision's names: renamed only, no number changes.

    >>> list(converted({"module.fnet.conv1.weight": 0, "module.update_block.gru.convz1.bias": 1}))
    ['feature_encoder.convnormrelu.0.weight', 'update_block.recurrent_block.convgru1.convz.bias']
    """
    found = {}
    for name, value in published.items():
        name = name.removeprefix("module.")
        if ".norm3." in name:
            continue  # the same tensors as downsample.1
        for old, new in _NAMES:
            name = old.sub(new, name)
        found[name] = value
    return found


_AUTHORS_NAMES = tuple(
    (re.compile(old), new)
    for old, new in (
        (r"^feature_encoder\.", "fnet."),
        (r"^context_encoder\.", "cnet."),
        (r"^(.net)\.convnormrelu\.0\.", r"\1.conv1."),
        (r"^(.net)\.convnormrelu\.1\.", r"\1.norm1."),
        (r"^(.net)\.conv\.", r"\1.conv2."),
        (r"convnormrelu(\d)\.0\.", r"conv\1."),
        (r"convnormrelu(\d)\.1\.", r"norm\1."),
        (r"motion_encoder\.conv(.)(?:orr|low)(\d)\.0\.", r"encoder.conv\1\2."),
        (r"motion_encoder\.conv\.0\.", "encoder.conv."),
        (r"recurrent_block\.convgru(\d)\.conv([zrq])\.", r"gru.conv\2\1."),
        (r"^mask_predictor\.convrelu\.0\.", "update_block.mask.0."),
        (r"^mask_predictor\.conv\.", "update_block.mask.2."),
    )
)


def published(ours: Mapping[str, Any]) -> dict[str, Any]:
    """Torchvision's state dict under the authors' names, as in raft-things.pth: what `converted` undoes.

    >>> list(published({"context_encoder.layer2.0.downsample.1.weight": 0}))
    ['module.cnet.layer2.0.downsample.1.weight', 'module.cnet.layer2.0.norm3.weight']
    """
    found = {}
    for name, value in ours.items():
        for old, new in _AUTHORS_NAMES:
            name = old.sub(new, name)
        found[f"module.{name}"] = value
        if ".downsample.1." in name:
            found[f"module.{name.replace('downsample.1', 'norm3')}"] = value
    return found


@lru_cache(maxsize=1)
def loaded(weights: Path) -> Any:
    """The `Steps` of `load`, kept for the process, on the GPU where there is one."""
    from suites.dynamics.raft_steps import Steps

    return Steps(load(weights).to(device()))
