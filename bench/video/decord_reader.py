"""Reads with decord, for those whose models were trained on what decord returns. Never the default.

decord 0.6.0 is wrong without saying so: on HEVC with open groups of pictures, which x265 writes by default,
5 of 37 look-ups returned a frame four later; on MPEG-TS all 37 were off. It ignores edit lists and cannot open
AV1. `bench.video.stamped.check_exactness(folder, reader_name="decord")` shows it on any machine. It has no
wheels for Linux on ARM or for recent macOS.

Same functions as bench/video/read.py. decord converts to RGB at full size; the resizing here is area averaging.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from bench.errors import UnavailableError, VideoError
from bench.types import Clip, Frames, Size
from bench.video.picture import Fit, crop_window, letterbox
from bench.video.read import check_indices


def stream(
    clip: Clip,
    indices: Sequence[int] | None = None,
    *,
    size: Size | None = None,
    fit: Fit = "crop",
    chunk: int = 32,
) -> Iterator[Frames]:
    """See `bench.video.read.stream`. Raises `UnavailableError` if decord is not installed."""
    wanted = range(clip.frames) if indices is None else indices
    check_indices(clip, wanted)
    video = _opened(clip)
    for start in range(0, len(wanted), chunk):
        yield _read(clip, video, list(wanted[start : start + chunk]), size or clip.size, fit)


def read_frames(clip: Clip, indices: Sequence[int], *, size: Size | None = None, fit: Fit = "crop") -> Frames:
    """See `bench.video.read.read_frames`. Raises `UnavailableError` if decord is not installed."""
    check_indices(clip, indices)
    video = _opened(clip)
    order = sorted(set(indices))  # decord is four times slower when it has to jump back
    place = {index: k for k, index in enumerate(order)}
    return _read(clip, video, order, size or clip.size, fit)[[place[index] for index in indices]]


def _opened(clip: Clip) -> Any:
    try:
        import decord
    except ImportError as error:
        raise UnavailableError(
            "the reader 'decord' is not installed", 'Run: pip install "keepframe[decord]"'
        ) from error
    try:
        video = decord.VideoReader(str(clip.path))
    except (decord.DECORDError, RuntimeError) as error:
        raise VideoError(f"{clip.path}: decord cannot open it", "Use the reader 'pyav'.") from error
    if len(video) != clip.frames:
        raise VideoError(
            f"{clip.path}: decord counts {len(video)} frames, the file shows {clip.frames}", "Use the reader 'pyav'."
        )
    return video


def _read(clip: Clip, video: Any, indices: list[int], size: Size, fit: Fit) -> Frames:
    import decord

    frames = np.zeros((len(indices), size.height, size.width, 3), np.uint8)
    for k, index in enumerate(indices):
        try:
            picture = video[index].asnumpy()
        except (decord.DECORDError, IndexError) as error:
            raise VideoError(f"{clip.path}: decord cannot decode frame {index}", "Use the reader 'pyav'.") from error
        stored = Size(picture.shape[1], picture.shape[0])
        x, y, width, height = crop_window(stored, size) if fit == "crop" else (0, 0, *stored)
        inner = letterbox(stored, size) if fit == "pad" else size
        left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
        frames[k, top : top + inner.height, left : left + inner.width] = cv2.resize(
            picture[y : y + height, x : x + width], inner, interpolation=cv2.INTER_AREA
        )
    return frames
