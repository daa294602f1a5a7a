"""SSIM and MS-SSIM: how much of the structure is there, frame by frame.

Packages disagree on these by more than methods do: padded borders, other windows, sample covariance, a silent
downsampling. The definitions below are the published ones, stated in full; `structural` computes both at once.
The arithmetic is in suites/metrics/structural.py.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from bench.types import Frames
from suites.metrics.frames import check_pair
from suites.metrics.structural import MS_SSIM_SIDE, SCALE_WEIGHTS, WINDOW, score_frames


def ssim(reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
    """Structural similarity of each frame, at most 1. Higher is better.

    Gaussian window of 11x11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, peak 255, population covariance, on 8-bit
    RGB: the mean of the map over the positions where the window lies inside the frame (no padding), for each
    channel, then the mean of the three channels.

    Args:
        reference: the true frames, uint8 RGB `[time, height, width, 3]`, at least 11 pixels a side.
        recalled: the remembered frames, same shape.

    Returns:
        One float64 a frame, within 1e-6 of the same formula in float64.

    Raises:
        KeepframeError: the arrays are not of that type, their shapes differ, or the frames are too small.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004). Equal to
    scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    channel_axis=-1, data_range=255)`. torchmetrics averages over a padded border too and differs by up to 4e-3.

    >>> frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    >>> ssim(frames, frames)
    array([1., 1.])
    """
    check_pair(reference, recalled, minimum_side=WINDOW, metric="ssim")
    return score_frames(reference, recalled, scales=1)[:, 0]


def ms_ssim(reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
    """Multi-scale structural similarity of each frame, from 0 to 1. Higher is better.

    Five scales with the published weights. Each scale halves the last by averaging 2x2 pixels; an odd side is
    first extended by repeating its last row or column, as in the authors' code. The contrast-structure terms of
    the first four scales and the full SSIM of the fifth, each averaged over its map, are clipped at 0 and
    multiplied with the weights as exponents; this for each RGB channel, then the mean of the three.

    Args:
        reference: the true frames, uint8 RGB `[time, height, width, 3]`, at least 161 pixels a side.
        recalled: the remembered frames, same shape.

    Returns:
        One float64 a frame, within 1e-6 of the same formula in float64.

    Raises:
        KeepframeError: the arrays are not of that type, their shapes differ, or the frames are too small.

    Source: Wang et al., "Multi-scale structural similarity for image quality assessment" (2003). Equal to
    pytorch-msssim and piq on sides divisible by 16; those two pad odd sides otherwise.

    >>> frames = np.random.default_rng(0).integers(0, 256, (1, 176, 176, 3), np.uint8)
    >>> ms_ssim(frames, frames)
    array([1.])
    """
    return structural(reference, recalled)["ms_ssim"]


def structural(reference: Frames, recalled: Frames) -> dict[str, Float64[np.ndarray, " time"]]:
    """`ssim` and `ms_ssim` of the same frames, in little more time than `ssim` alone.

    Takes, returns and raises what `ms_ssim` does, in a dict with the keys "ssim" and "ms_ssim".

    >>> frames = np.random.default_rng(0).integers(0, 256, (1, 176, 176, 3), np.uint8)
    >>> sorted(structural(frames, frames))
    ['ms_ssim', 'ssim']
    """
    check_pair(reference, recalled, minimum_side=MS_SSIM_SIDE, metric="ms_ssim")
    scores = score_frames(reference, recalled, scales=len(SCALE_WEIGHTS))
    return {"ssim": scores[:, 0], "ms_ssim": scores[:, 1]}


class Ssim:
    """`ssim` as a metric of a suite."""

    name = "ssim"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    joint = staticmethod(structural)

    def available(self) -> None:
        return None

    def __call__(self, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
        return ssim(reference, recalled)


class MsSsim:
    """`ms_ssim` as a metric of a suite."""

    name = "ms_ssim"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    joint = staticmethod(structural)

    def available(self) -> None:
        return None

    def __call__(self, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
        return ms_ssim(reference, recalled)
