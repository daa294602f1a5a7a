"""Legible words as pictures, in the faces that OpenCV carries, so that they are the same on every machine."""

from typing import Any

import cv2
import numpy as np

from bench.video.scenes.paint import Colour, Picture

_FACES: dict[str, Any] = {}


def lettered(text: str, height: float, colour: Colour, weight: int = 500, face: str = "sans") -> Picture:
    """`text` cropped to its ink, set `height` pixels tall (the size of the type, not of a capital).

    `weight` goes from 100 (thin) to 900 (black); `face` is `sans` or `italic`.

    >>> lettered("KIOSK", 32, (255, 255, 255)).shape[2]
    4
    """
    font = _FACES.setdefault(face, cv2.FontFace(face))
    big = max(round(height * 2), 12)
    margin = big
    width = cv2.getTextSize((0, 0), text, (0, 0), font, big, weight=weight)[2]
    ink = np.zeros((big * 2, width + 2 * margin), np.uint8)
    cv2.putText(ink, text, (margin, int(big * 1.4)), (255,), font, big, weight=weight)
    x, y, w, h = cv2.boundingRect(ink)
    x, y, w, h = x - x % 2, y - y % 2, w + 2 + w % 2, h + 2 + h % 2  # whole pixels after halving
    small = cv2.resize(ink[y : y + h, x : x + w], (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    cover = small.astype(np.float32)[..., None] / 255
    return np.round(cover * np.array((*colour, 255), np.float32)).astype(np.uint8)
