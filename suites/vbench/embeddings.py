"""What DINO and CLIP see in every frame: computed once, read by several dimensions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from bench import weights
from bench.types import Clip
from suites.features.networks import FrameByFrame, device
from suites.features.protocols import View
from suites.features.sampling import every
from suites.features.views import clip_crop, clip_crop_pictures, imagenet_short_side


class DinoFrames:
    """`embedding[frame, 768]`: DINO ViT-B/16's class token of every frame, uncropped, 224 pixels on the short side."""

    name = "dino-vitb16 frames"
    version = "1"
    weights: tuple[str, ...] = ("dino-vitb16",)

    def __init__(self) -> None:
        self.view: View | None = imagenet_short_side

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> FrameByFrame:
        from suites.features.dino import loaded

        return FrameByFrame(loaded(weights.path("dino-vitb16")), device())


class _ClipFrames:
    """CLIP's picture embedding of every frame."""

    name: str
    version = "1"
    weights: tuple[str, ...] = ()

    def __init__(self, view: View = clip_crop) -> None:
        self.view: View | None = view

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> FrameByFrame:
        from suites.features.clip import pictures

        return FrameByFrame(pictures(weights.path(self.weights[0])), device())


class ClipB32Frames(_ClipFrames):
    """`embedding[frame, 512]`: CLIP ViT-B/32 of every frame's centre crop."""

    name = "clip-b32 frames"
    weights: tuple[str, ...] = ("clip-b32",)


class ClipL14Frames(_ClipFrames):
    """`embedding[frame, 768]`: CLIP ViT-L/14 of every frame's centre crop."""

    name = "clip-l14 frames"
    weights: tuple[str, ...] = ("clip-l14",)


class ClipB32Pictures(_ClipFrames):
    """`ClipB32Frames` of crops that Pillow made, with antialiasing."""

    name = "clip-b32 pictures"
    weights: tuple[str, ...] = ("clip-b32",)

    def __init__(self) -> None:
        super().__init__(clip_crop_pictures)


def unit(embeddings: Float[np.ndarray, "*frame channel"]) -> Float[np.ndarray, "*frame channel"]:
    """Embeddings at length 1, as `torch.nn.functional.normalize` makes them."""
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12))
