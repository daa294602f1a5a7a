"""The arithmetic behind SSIM and MS-SSIM: both from one pass, in the form that costs least.

With `s = x + y` and `d = x - y`, every mean, variance and covariance that SSIM needs follows from four Gaussian
filterings, of s, d, s^2 and d^2, in place of five; and both of its factors become `1 - 2p`,

    luminance            1 - 2 mu_d^2 / (mu_s^2 + mu_d^2 + 2 C1)
    contrast, structure  1 - 2 var_d  / (var_s  + var_d  + 2 C2)

where p vanishes for identical frames, so that float32 loses nothing where it matters: scores are within 1e-6 of
float64. s and d are averaged down the pyramid themselves. A plane is worked through in strips that stay in the
cache, so a thread needs some 10 MB at 832x480, however many frames there are.

A frame's score depends on that frame alone: not on its neighbours, nor on the number of threads.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from bench.types import Frames
from suites.metrics.threads import threads

WINDOW = 11  # pixels a side of the Gaussian window
SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_SIDE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1  # 161: the coarsest scale just holds the window

Plane = Float32[np.ndarray, "height width"]

_MARGIN = WINDOW // 2
_STRIP = 118  # rows of the map at a time, from 128 rows of input
_CENTRE = np.float32(255)  # s lies in 0 to 510; centred, its squares are smaller and round less


def score_frames(reference: Frames, recalled: Frames, *, scales: int) -> Float64[np.ndarray, "time 2"]:
    """SSIM and the product over `scales` scales (MS-SSIM when there are five) of each frame, checked by the caller.

    >>> frames = np.full((1, 16, 16, 3), 90, np.uint8)
    >>> score_frames(frames, frames, scales=1)
    array([[1., 1.]])
    """
    height, width = reference.shape[1:3]
    scores = np.empty((len(reference), 2))
    workers = max(1, min(threads(), len(reference)))

    def work(first: int) -> None:
        scorer = _FrameScorer(height, width, scales)
        for i in range(first, len(reference), workers):
            scores[i] = scorer(reference[i], recalled[i])

    if workers == 1:
        work(0)
    else:  # OpenCV and NumPy release the interpreter lock, and the filters here use no threads of their own
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    return scores


_LINE = 16  # float32 numbers in a cache line of 64 bytes


class _FrameScorer:
    """Scores frames of one size, one after another, in memory that it allocates once."""

    def __init__(self, height: int, width: int, scales: int) -> None:
        self._weights = SCALE_WEIGHTS[:scales]
        self._sum, self._difference = np.empty((2, height, width), np.float32)
        self._strips = _aligned(6, min(_STRIP + 2 * _MARGIN, height) * width)
        taps = np.exp(-((np.arange(WINDOW) - _MARGIN) ** 2) / (2 * SIGMA**2))
        self._taps = (taps / taps.sum()).astype(np.float32)

    def __call__(
        self, true: UInt8[np.ndarray, "height width 3"], seen: UInt8[np.ndarray, "height width 3"]
    ) -> tuple[float, float]:
        import cv2

        planes = zip(cv2.split(np.ascontiguousarray(true)), cv2.split(np.ascontiguousarray(seen)), strict=True)
        red, green, blue = (self._plane(x, y) for x, y in planes)
        return (red[0] + green[0] + blue[0]) / 3, (red[1] + green[1] + blue[1]) / 3

    def _plane(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        s, d = self._sum, self._difference
        np.copyto(s, x)
        np.subtract(s, y, out=d)
        np.add(s, y, out=s)
        s -= _CENTRE
        last = len(self._weights) - 1
        first_ssim, product = 0.0, 1.0
        for scale, weight in enumerate(self._weights):
            if scale:
                s, d = _halved(s), _halved(d)
            contrast, ssim = self._means(s, d, with_luminance=scale in (0, last))
            if scale == 0:
                first_ssim = ssim
            product *= max(ssim if scale == last else contrast, 0.0) ** weight
        return first_ssim, product

    def _means(self, s: Plane, d: Plane, *, with_luminance: bool) -> tuple[float, float]:
        """Means of the contrast-structure map and of the SSIM map (NaN without luminance) over the valid window."""
        import cv2

        height, width = s.shape
        columns = np.s_[:, _MARGIN : width - _MARGIN]
        lost = lost_luminance = lost_twice = 0.0  # sums of p over the map, for contrast, luminance and both
        for top in range(0, height - 2 * _MARGIN, _STRIP):
            strip = slice(top, top + _STRIP + 2 * _MARGIN)
            s_rows, d_rows = s[strip], d[strip]
            rows = len(s_rows)
            mu_s, mu_d, var_s, var_d, spare, square = self._strips[:, : rows * width].reshape(6, rows, width)
            for source, mean, mean_of_square in ((s_rows, mu_s, var_s), (d_rows, mu_d, var_d)):
                cv2.sepFilter2D(source, cv2.CV_32F, self._taps, self._taps, dst=mean)
                np.multiply(source, source, out=square)
                cv2.sepFilter2D(square, cv2.CV_32F, self._taps, self._taps, dst=mean_of_square)
            # Rows are cut to the valid window here, columns only in the sums: whole rows are three times faster.
            valid_rows = self._strips[:, _MARGIN * width : (rows - _MARGIN) * width]
            mu_s, mu_d, var_s, var_d, spare, square = valid_rows.reshape(6, -1, width)

            var_s -= np.multiply(mu_s, mu_s, out=spare)
            mu_d_squared = np.multiply(mu_d, mu_d, out=square)
            var_d -= mu_d_squared
            var_s += var_d
            var_s += np.float32(2 * C2)
            p_contrast = np.divide(var_d, var_s, out=var_d)
            lost += cv2.sumElems(p_contrast[columns])[0]
            if with_luminance:
                mu_s += _CENTRE
                np.multiply(mu_s, mu_s, out=spare)
                spare += mu_d_squared
                spare += np.float32(2 * C1)
                p_luminance = np.divide(mu_d_squared, spare, out=square)
                lost_luminance += cv2.sumElems(p_luminance[columns])[0]
                p_luminance *= p_contrast
                lost_twice += cv2.sumElems(p_luminance[columns])[0]
        positions = (height - 2 * _MARGIN) * (width - 2 * _MARGIN)
        contrast = 1 - 2 * lost / positions
        if not with_luminance:
            return contrast, float("nan")
        return contrast, contrast - 2 * lost_luminance / positions + 4 * lost_twice / positions


def _aligned(rows: int, columns: int) -> Float32[np.ndarray, "rows columns"]:
    """Memory that begins at a cache line. OpenCV adds up in an order that depends on where the numbers lie, so that a
    sum over memory from anywhere would differ in its last bit from run to run."""
    memory = np.empty(rows * columns + _LINE, np.float32)
    start = -memory.ctypes.data % (_LINE * memory.itemsize) // memory.itemsize
    return memory[start : start + rows * columns].reshape(rows, columns)


def _halved(plane: Plane) -> Float32[np.ndarray, "half_height half_width"]:
    """Means of 2x2 pixels; an odd side is extended by repeating its last row or column."""
    import cv2

    height, width = plane.shape
    if height % 2 or width % 2:
        plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    half = np.empty(((height + 1) // 2, (width + 1) // 2), np.float32)
    # OpenCV spreads a resize of more than 2^16 pixels over threads of its own, which get in the way of ours.
    rows = max(1, 2**16 // half.shape[1])
    for top in range(0, len(half), rows):
        part = half[top : top + rows]
        cv2.resize(plane[2 * top : 2 * (top + rows)], part.shape[::-1], dst=part, interpolation=cv2.INTER_AREA)
    return half
