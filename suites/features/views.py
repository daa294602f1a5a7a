"""How frames are prepared for the networks: the published preprocessing, each under one name.

What differs between them moves scores by more than models differ, so nothing here is shared that is not the same:
with or without antialiasing, on floats or on bytes, cropped or squashed, and by whose mean and deviation. All take
uint8 RGB frames `[time, height, width, 3]` and give float32 tensors `[time, 3, height, width]` on the CPU. A frame's
result never depends on the frames beside it.
"""

from typing import Any

import numpy as np

from bench.types import Frames
from suites.features.plugins import Frame

SIDE = 224
CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def clip_crop(frames: Frames) -> Any:
    """CLIP's, as VBench does it on decoded video: bicubic without antialiasing on floats that may leave 0 to 255,
    shorter side to 224, centre crop, CLIP's mean and deviation.

    >>> clip_crop(np.zeros((1, 240, 416, 3), np.uint8)).shape
    torch.Size([1, 3, 224, 224])
    """
    return _normalised(_crop(_short_side(frames, "bicubic")), CLIP_MEAN, CLIP_DEVIATION)


def clip_crop_bytes(frames: Frames) -> Any:
    """The same on bytes: bicubic results are clamped to 0 to 255 and rounded. VBench's way for ViCLIP."""
    resized = _short_side(frames, "bicubic").clamp(0, 255).round()
    return _normalised(_crop(resized), CLIP_MEAN, CLIP_DEVIATION)


def clip_crop_pictures(frames: Frames) -> Any:
    """The same by Pillow, which always antialiases: VBench's way for appearance_style."""
    import torch
    from PIL import Image

    height, width = frames.shape[1:3]
    tall, wide = _sides(height, width)
    pictures = [np.asarray(Image.fromarray(one).resize((wide, tall), Image.Resampling.BICUBIC)) for one in frames]
    stack = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    return _normalised(_crop(stack), CLIP_MEAN, CLIP_DEVIATION)


def clip_squash(frames: Frames) -> Any:
    """Squashed to 224x224 by bilinear interpolation of floats without antialiasing, CLIP's mean and deviation: the
    way of mteb for ViCLIP."""
    return _normalised(resized(frames, (SIDE, SIDE), "bilinear"), CLIP_MEAN, CLIP_DEVIATION)


def imagenet_squash(frames: Frames) -> Any:
    """Squashed to 224x224 bytes by OpenCV's bilinear resize, ImageNet's mean and deviation: InternVideo's demo."""
    import cv2
    import torch

    squashed = np.stack([cv2.resize(np.ascontiguousarray(one), (SIDE, SIDE)) for one in frames])
    return _normalised(torch.from_numpy(squashed).permute(0, 3, 1, 2).float(), IMAGENET_MEAN, IMAGENET_DEVIATION)


def imagenet_short_side(frames: Frames) -> Any:
    """VBench's for DINO: bilinear without antialiasing, shorter side to 224, nothing cropped, ImageNet's mean."""
    return _normalised(_short_side(frames, "bilinear"), IMAGENET_MEAN, IMAGENET_DEVIATION)


def dinov2_crop(frames: Frames) -> Any:
    """VBench-Long's for DINOv2: bicubic with antialiasing on floats, shorter side to 256, centre crop of 224,
    ImageNet's mean and deviation."""
    return _normalised(_crop(_short_side(frames, "bicubic", 256, antialias=True)), IMAGENET_MEAN, IMAGENET_DEVIATION)


def dreamsim_squash(frames: Frames) -> Any:
    """VBench-Long's for DreamSim: squashed to 224x224, bicubic with antialiasing on floats; then 0 to 1, or a little
    beyond."""
    return resized(frames, (SIDE, SIDE), "bicubic", antialias=True) / 255.0


def resized(frames: Frames, size: tuple[int, int], mode: str, *, antialias: bool = False) -> Any:
    """`[time, 3, height, width]` of 0 to 255 at this height and width, as torchvision resizes floats."""
    import torch
    from torch.nn import functional as F

    whole = _floats(frames)
    if tuple(whole.shape[-2:]) == size:
        return whole.clone(memory_format=torch.contiguous_format)  # the next chunk overwrites the floats
    return F.interpolate(whole, size=size, mode=mode, align_corners=False, antialias=antialias).contiguous()


_last: tuple[Frames, Any] | None = None
_room = np.empty(0, np.float32)


def _floats(frames: Frames) -> Any:
    """`[time, 3, height, width]` of 0 to 255, good until other frames are asked for: several views of one chunk share
    it. It keeps the order of the bytes and its place in memory: fresh pages for 88 MB a chunk, and putting colours
    apart, took more time than all resizing."""
    global _last, _room
    import torch

    if _last is None or _last[0] is not frames:
        if _room.size < frames.size:
            _room = np.empty(frames.size, np.float32)
        place = _room[: frames.size].reshape(frames.shape)
        np.copyto(place, frames)
        _last = (frames, torch.from_numpy(place).permute(0, 3, 1, 2))
    return _last[1]


def by_table(frame: Frame, table: np.ndarray, device: Any) -> Any:
    """`[1, 3, height, width]` on the device, channels last: every byte of a frame `[height, width, 3]` replaced by the
    table's number (float32 `[256]`). What arithmetic on floats would give, in one pass.

    >>> import torch
    >>> by_table(np.full((2, 4, 3), 255, np.uint8), np.arange(256, dtype=np.float32), torch.device("cpu")).shape
    torch.Size([1, 3, 2, 4])
    """
    import cv2
    import torch

    if device.type == "cpu":
        numbers = torch.from_numpy(cv2.LUT(frame.reshape(len(frame), -1), table)).view(frame.shape)
    else:
        numbers = torch.from_numpy(table).to(device)[torch.from_numpy(np.ascontiguousarray(frame)).to(device).int()]
    return numbers[None].permute(0, 3, 1, 2)


def _sides(height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """Height and width with the shorter at `side`; the longer is cut to whole pixels, as torchvision does."""
    return (side, int(side * width / height)) if height <= width else (int(side * height / width), side)


def _short_side(frames: Frames, mode: str, side: int = SIDE, *, antialias: bool = False) -> Any:
    height, width = frames.shape[1:3]
    return resized(frames, _sides(height, width, side), mode, antialias=antialias)


def _crop(frames: Any) -> Any:
    height, width = frames.shape[-2:]
    top, left = round((height - SIDE) / 2.0), round((width - SIDE) / 2.0)
    return frames[..., top : top + SIDE, left : left + SIDE]


def _normalised(frames: Any, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Any:
    import torch

    shape = (1, 3, 1, 1)
    return (frames / 255.0).sub_(torch.tensor(mean).view(shape)).div_(torch.tensor(deviation).view(shape))
