"""Frames on a page: pictures as data, and heat maps of what is wrong with them.

A number says how far off a recalled frame is; a picture says what is gone. Errors are drawn on one fixed scale, so
that a dark map means a small error on every page and in every report.
"""

import base64
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

Frame = UInt8[np.ndarray, "height width 3"]

FULL_SCALE = 96
"""The error, in 8-bit steps, that has the brightest colour; larger errors share it. Recalled frames of 20 dB are
off by 25 steps (root mean square), so what matters lies in the lower half and what is quite wrong stands out."""

HEAT = ("#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4")
"""Matplotlib's *inferno* (CC0) at ten places: it grows lighter evenly, also in print and to colour-blind eyes."""

WIDTH = 416  # pixels: as wide as a column of the page shows them on a dense screen


@dataclass(frozen=True)
class Picture:
    """An image that needs no file: `src` is a data URL, the sizes are in pixels."""

    src: str
    width: int
    height: int
    alt: str


def heat_map(truth: Frame, recalled: Frame) -> Frame:
    """How far each pixel is off: the mean absolute difference of R, G and B, 0 to `FULL_SCALE`, in the colours `HEAT`.

    >>> same = np.zeros((1, 2, 3), np.uint8)
    >>> heat_map(same, same)[0, 0].tolist(), heat_map(same, same + np.uint8(200))[0, 0].tolist()
    ([0, 0, 4], [252, 255, 164])
    """
    error = np.abs(truth.astype(np.int16) - recalled).sum(axis=2, dtype=np.int32)
    colours: Frame = _heat_table()[np.minimum(error, 3 * FULL_SCALE)]
    return colours


def picture(frame: Frame, alt: str, *, width: int = WIDTH, quality: int = 82) -> Picture:
    """The frame as WebP, made smaller when it is wider than `width`. `quality` is 1 to 100."""
    import cv2

    height = frame.shape[0]
    if frame.shape[1] > width:
        height = max(1, round(frame.shape[0] * width / frame.shape[1]))
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    bgr = np.ascontiguousarray(frame[..., ::-1])
    done, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert done, frame.shape
    src = f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
    return Picture(src, int(bgr.shape[1]), int(height), alt)


def _heat_table() -> UInt8[np.ndarray, "step 3"]:
    """The colour of every sum of three errors from 0 to 3 · `FULL_SCALE`."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in HEAT], np.float64)
    at = np.linspace(0.0, len(HEAT) - 1.0, 3 * FULL_SCALE + 1)
    channels = [np.interp(at, np.arange(len(HEAT)), stops[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)
