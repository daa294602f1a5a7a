"""All frames of a video as OpenCV reads them: what the perceptual features must have seen, by somebody else's hand."""

from pathlib import Path

import cv2
import numpy as np

from bench.types import Frames


def opencv_frames(path: Path) -> Frames:
    """Every frame, RGB."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        good, frame = video.read()
        if not good:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    video.release()
    return np.stack(frames)
