"""VBench-2.0's Diversity: how much the videos of one prompt differ, by VGG19's features and their Gram matrices.

VBench-2.0 holds the features of twenty whole videos at once (28 GB). The differences are means over frames, so here
the videos run side by side, frame by frame, and only sums are kept.

Source: `diversity.py` of VBench-2.0 in VBench 45e79ec1.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench import weights
from bench.errors import KeepframeError
from bench.types import Clip, Frames
from bench.video.clip import probe
from suites.features import pixels
from suites.features.networks import device
from suites.features.protocols import Evidence, Feature, Reads, Series
from suites.features.published import read_state
from suites.features.views import IMAGENET_DEVIATION, IMAGENET_MEAN
from suites.vbench.consistency import missing

SIDE = 512
STYLE_LAYERS, CONTENT_LAYER = (0, 5, 10, 19, 28), 30
STYLE_WEIGHT, LARGEST = 1000.0, 17.712  # the largest value that VBench-2.0 found, by which it divides


def diversity(clips: Sequence[Clip], features: Any) -> float:
    """Mean over the pairs of videos of (content + 1000 x style differences) / 2 / 17.712, within 0 and 1.

    `features` is VGG19's convolutional part (a `torch.nn.Sequential`). The videos need as many frames as each other.

    Raises KeepframeError for fewer than two videos or other lengths.
    """
    import torch

    if len(clips) < 2 or len({clip.frames for clip in clips}) != 1:
        lengths = sorted({clip.frames for clip in clips})
        raise KeepframeError(
            f"Diversity compares two or more videos of one length, not {len(clips)} of {lengths} frames.",
            "Make all videos of a prompt equally long.",
        )
    pairs = list(combinations(range(len(clips)), 2))
    content = style = 0.0
    streams = [pixels.stream(clip, range(clip.frames), chunk=1) for clip in clips]
    with torch.inference_mode():
        for together in zip(*streams, strict=True):
            seen = [_answers(features, frame) for frame in together]
            for one, other in pairs:
                (grams, top), (other_grams, other_top) = seen[one], seen[other]
                content += float((top - other_top).abs().mean())
                style += sum(float((a - b).abs().mean()) for a, b in zip(grams, other_grams, strict=True))
    count = len(pairs) * clips[0].frames
    content, style = content / count, style / count / len(STYLE_LAYERS)
    return min(max((content + STYLE_WEIGHT * style) / 2 / LARGEST, 0.0), 1.0)


def _answers(features: Any, frame: Frames) -> tuple[list[Any], Any]:
    """Gram matrices of the style layers, and the content layer."""
    import torch

    grams = []
    now = _prepared(frame).to(next(features.parameters()).device)
    for layer, module in enumerate(features):
        if layer > CONTENT_LAYER:
            break
        now = module(now)
        if layer in STYLE_LAYERS:  # read at once: the ReLU that comes next works in place
            flat = now.flatten(2)
            grams.append(torch.bmm(flat, flat.transpose(1, 2)) / (flat.shape[1] * flat.shape[2]))
    return grams, now


def _prepared(frame: Frames) -> Any:
    """At 512x512 by Pillow's bilinear resize, by ImageNet's mean and deviation: VBench-2.0's `get_frames`."""
    import torch
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(frame[0])).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255.0
    shape = (1, 3, 1, 1)
    return (tensor - torch.tensor(IMAGENET_MEAN).view(shape)) / torch.tensor(IMAGENET_DEVIATION).view(shape)


class Diversity:
    """VBench-2.0-style Diversity: how much the videos `prompt-0`, `prompt-1`, … differ. One value a prompt, 0 to 1.

    The value belongs to the first of them; the others have no score of their own, and none is planned.
    """

    once_a_prompt = True

    name = "vbench2_diversity"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("siblings",)

    def available(self) -> str | None:
        return missing(("vgg19",), "torchvision", "PIL")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return ()

    def __call__(self, evidence: Evidence) -> Series:
        together = siblings(evidence.clip.path)
        return Series.one(diversity([probe(path) for path in together], _loaded(weights.path("vgg19"))))


def siblings(path: Path) -> list[Path]:
    """The videos of the same folder, ending and name before its number, by number; the video itself among them."""
    base = re.sub(r"-\d+$", "", path.stem)
    numbered = re.compile(re.escape(base) + r"-(\d+)")
    found = [
        (int(match[1]), one)
        for one in path.parent.iterdir()
        if one.suffix == path.suffix and (match := numbered.fullmatch(one.stem))
    ]
    return [one for _, one in sorted(found)] or [path]


def network(state: dict[str, Any]) -> Any:
    """VGG19's convolutional part with these weights (torchvision's names), without gradients."""
    from torchvision.models import vgg19

    features = vgg19(weights=None).features
    features.load_state_dict({name.removeprefix("features."): one for name, one in state.items() if "features" in name})
    return features.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def _loaded(path: Path) -> Any:
    return network(read_state(path)).to(device())
