"""Frames with the pixels that the published metrics see.

`bench.video.read` interpolates chroma, as a good picture needs. decord and OpenCV, with which VBench reads, do not:
they convert by swscale's defaults, and the same file differs by up to 60 grey levels at the edges of colours. That
moves scores in the third digit, so features are made of the plain conversion; which frame is which is proved in the
same way as everywhere.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.errors import VideoError
from bench.types import Clip, Frames
from bench.video.decode import decode
from bench.video.read import check_indices
from bench.video.timeline import timeline

CONVERSION = "swscale defaults, 1"  # part of every feature's address


def stream(clip: Clip, indices: Sequence[int], *, chunk: int) -> Iterator[Frames]:
    """The frames `indices` (ascending, no repeats) in the clip's own size, in chunks of at most `chunk`.

    RGB, uint8, bit for bit what decord and OpenCV 5 give for 8-bit video. Raises VideoError naming file and frame.
    """
    check_indices(clip, indices)
    line = timeline(clip.path)
    if line.times_s != clip.times_s:
        raise VideoError(f"{clip.path}: has changed since it was probed", "Run the same command again.")
    waiting: list[np.ndarray] = []
    for _, frame in decode(clip.path, line, indices):
        waiting.append(np.rot90(frame.to_ndarray(format="rgb24"), line.rotation // 90))
        if len(waiting) == chunk:
            yield np.stack(waiting)
            waiting.clear()
    if waiting:
        yield np.stack(waiting)
