"""Scores of a recalled frame against the true one: pure functions of `(reference, recalled)`.

Frames are uint8 RGB arrays `[time, height, width, 3]`; a score is one float64 a frame and is never reduced here,
because what a mean is taken over (the video, not the frame) is for statistics to decide. `evaluate` runs several
metrics at once, shares work among them and keeps one metric's failure from costing the others.

Importing this loads NumPy; OpenCV is loaded by the first score and torch only by LPIPS.
"""

from suites.metrics.evaluate import Evaluation, evaluate
from suites.metrics.psnr import psnr
from suites.metrics.ssim import ms_ssim, ssim, structural

__all__ = ["Evaluation", "evaluate", "ms_ssim", "psnr", "ssim", "structural"]
