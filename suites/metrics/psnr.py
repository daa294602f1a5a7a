"""PSNR: how far the pixels are, in decibels.

The definition leaves three choices open, and tables that differ in them cannot be compared. Ours: the error is
taken in 8-bit RGB over all pixels and channels of one frame; frames are never pooled (the PSNR of a pooled error
is another number, as much as 0.2 dB off on ordinary clips); and an exact copy scores a stated cap, because a
single infinity would be the mean of its clip.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float64

from bench.types import Frames
from suites.metrics.frames import check_pair

CAP_DB = 60.0
"""The score of a frame that 8 bits cannot tell from the true one. Rounding to 8 bits alone leaves an error of
1/12 of a step squared, which is 58.9 dB; libvmaf caps 8-bit PSNR at the same 60 dB. A higher cap would let a few
exact copies decide the mean of a clip."""

_PEAK_SQUARED = 255**2


def psnr(reference: Frames, recalled: Frames, *, cap_db: float = CAP_DB) -> Float64[np.ndarray, " time"]:
    """Peak signal-to-noise ratio of each frame, in dB. Higher is better.

    `10 log10(255^2 / MSE)`, with the mean squared error over all pixels and RGB channels of the frame. The sum of
    squares is an exact integer, so the result is the same on every machine.

    Args:
        reference: the true frames, uint8 RGB `[time, height, width, 3]`.
        recalled: the remembered frames, same shape.
        cap_db: no frame scores more. `math.inf` gives the textbook value, infinite for identical frames.

    Returns:
        One float64 a frame.

    Raises:
        KeepframeError: the arrays are not of that type, or their shapes differ.

    Source: ITU-T J.340; equal to scikit-image's `peak_signal_noise_ratio` on each frame below the cap.

    >>> frames = np.full((1, 4, 4, 3), 100, np.uint8)
    >>> psnr(frames, frames + np.uint8(5)).round(2)
    array([34.15])
    """
    import cv2

    check_pair(reference, recalled, metric="psnr")
    samples = math.prod(reference.shape[1:])
    scores = np.empty(len(reference))
    for i, (true, seen) in enumerate(zip(reference, recalled, strict=True)):
        # The library sums in integers but may return the square of a rounded root: rounding undoes that.
        norm = cv2.norm(np.ascontiguousarray(true), np.ascontiguousarray(seen), cv2.NORM_L2SQR)
        squares = round(norm)
        exact = 10 * math.log10(_PEAK_SQUARED * samples / squares) if squares else math.inf
        scores[i] = min(exact, cap_db)
    return scores


class Psnr:
    """`psnr` as a metric of a suite."""

    name = "psnr"
    version = "1"
    unit = "dB"
    better: Literal["higher", "lower", "neutral"] = "higher"

    def available(self) -> None:
        return None

    def __call__(self, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
        return psnr(reference, recalled)
