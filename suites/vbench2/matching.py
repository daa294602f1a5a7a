"""How many points of one picture are found in another of the same scene: SIFT, and a fundamental matrix that fits."""

import cv2
import numpy as np
from jaxtyping import UInt8

MOST_POINTS = 40_000
RATIO = 0.85  # a match is kept when the second best is that much worse
ERROR_PX = 3.0


def inliers(first: UInt8[np.ndarray, "height width 3"], second: UInt8[np.ndarray, "height width 3"]) -> int:
    """Matches of SIFT points (FLANN, ratio test) that agree with one fundamental matrix found by RANSAC within 3 px.

    Source: `EvaluateErrBetweenTwoImage` of VBench-2.0 in VBench 45e79ec1.

    >>> inliers(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8))
    0
    """
    sift = cv2.SIFT_create(MOST_POINTS)  # type: ignore[attr-defined]
    # OpenCV takes pictures as BGR; grey values depend on it
    (points, wanted), (others, found) = (
        sift.detectAndCompute(cv2.cvtColor(one, cv2.COLOR_RGB2BGR), None) for one in (first, second)
    )
    if wanted is None or found is None or min(len(wanted), len(found)) < 2:
        return 0
    cv2.setRNGSeed(0)  # FLANN's trees and RANSAC's draws: the same pictures give the same number
    matches = cv2.FlannBasedMatcher().knnMatch(wanted, found, k=2)  # type: ignore[call-arg]
    good = [pair[0] for pair in matches if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    if len(good) < 8:
        return 0
    here = np.array([points[one.queryIdx].pt for one in good], np.float32).reshape(-1, 1, 2)
    there = np.array([others[one.trainIdx].pt for one in good], np.float32).reshape(-1, 1, 2)
    _, fits = cv2.findFundamentalMat(here, there, cv2.RANSAC, ERROR_PX)
    return 0 if fits is None else int(fits.sum())
