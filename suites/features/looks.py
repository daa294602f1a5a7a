"""How each frame looks, in figures that need no network: what drifts when a rollout goes wrong.

Generated video that feeds on itself grows too bright, too colourful, too smooth or too sharp long before a network
says so. These figures see that exactly, on any machine.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float64

from bench.types import Clip, Frames
from suites.features.protocols import Arrays, View
from suites.features.sampling import every

BINS = 8  # per channel of the colour histogram


class Looks:
    """Per frame: `brightness`, `contrast`, `colourfulness`, `sharpness` (see `figures`), and `histogram`.

    `histogram` is `[frame, 512]`: shares of the frame's pixels in 8x8x8 RGB bins, summing to 1.
    """

    name = "looks"
    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> "_Looks":
        return _Looks(clip.frames)


FIGURES = ("brightness", "contrast", "colourfulness", "sharpness")


def figures(frame: np.ndarray) -> Float64[np.ndarray, "4"]:
    """Brightness, contrast, colourfulness and sharpness of one RGB frame.

    Brightness and contrast are mean and standard deviation of luma (BT.601) in parts of 255. Colourfulness is the
    measure of Hasler and Süsstrunk, "Measuring colourfulness in natural images" (2003). Sharpness is the standard
    deviation of the Laplacian of luma, in grey levels.

    >>> figures(np.full((4, 4, 3), 255, np.uint8)).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    mean, deviation = (float(found[0, 0]) for found in cv2.meanStdDev(luma))
    red, green, blue = (frame[..., channel].astype(np.float32) for channel in range(3))
    means, deviations = cv2.meanStdDev(cv2.merge([red - green, 0.5 * (red + green) - blue]))
    colourfulness = float(np.linalg.norm(deviations) + 0.3 * np.linalg.norm(means))
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_32F))[1][0, 0])
    return np.array([mean / 255.0, deviation / 255.0, colourfulness, sharpness])


class _Looks:
    """The rows are laid out before the first frame: small arrays kept one by one would pin the large ones freed
    between them, and memory would grow with the clip."""

    def __init__(self, frames: int) -> None:
        self._done = 0
        self._figures = np.empty((frames, len(FIGURES)), np.float64)
        self._histograms = np.empty((frames, BINS**3), np.float32)

    def write(self, frames: Frames) -> None:
        for frame in frames:
            self._figures[self._done] = figures(frame)
            counts = cv2.calcHist([frame], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3)
            self._histograms[self._done] = (counts / counts.sum(dtype=np.float64)).ravel()
            self._done += 1

    def finish(self) -> Arrays:
        return {name: self._figures[:, k] for k, name in enumerate(FIGURES)} | {"histogram": self._histograms}
