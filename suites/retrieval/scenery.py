"""What was going on around each asked moment: time since the last cut, and motion.

Measured in the same pass in which the memories are written, on 64x36 thumbnails, so that it costs no second
decode. Recall drops after cuts and in motion; without these two columns one cannot see it.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from bench.types import Frames

THUMBNAIL = (64, 36)


class Scenery:
    """Streams a history and then tells, for a frame, the seconds since the last cut and the motion.

    `cuts` are indices into the history of the first frame of each new shot, where somebody annotated them;
    None has them found by PySceneDetect's content detector at its default threshold.
    """

    def __init__(self, fps: float, cuts: Sequence[int] | None) -> None:
        self._fps = fps
        self._cuts = None if cuts is None else sorted({0, *cuts})
        self._found = [0]
        self._detector: Any = None
        if cuts is None:
            from scenedetect.detectors import ContentDetector

            self._detector = ContentDetector()
        self._changes: list[float] = []  # mean absolute luma difference to the frame before
        self._before: np.ndarray | None = None

    def write(self, frames: Frames) -> None:
        for frame in frames:
            small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA)
            luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
            change = 0.0 if self._before is None else float(np.abs(luma - self._before).mean())
            if self._detector is not None:
                from scenedetect import FrameTimecode

                time = FrameTimecode(len(self._changes), self._fps)
                bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
                self._found += [cut.frame_num for cut in self._detector.process_frame(time, bgr)]
            self._changes.append(change)
            self._before = luma

    @property
    def cuts(self) -> list[int]:
        """First frames of shots, the history's first frame among them."""
        return self._cuts if self._cuts is not None else sorted(set(self._found))

    def since_cut_s(self, frame: int) -> float | None:
        """Seconds since the shot of this frame began; None in the first shot, which no cut began."""
        begin = max(cut for cut in self.cuts if cut <= frame)
        return None if begin == 0 else (frame - begin) / self._fps

    def motion(self, frame: int) -> float:
        """Mean absolute change of 8-bit luma from frame to frame, within half a second, cuts left out."""
        reach = max(1, round(self._fps / 2))
        cuts = set(self.cuts)
        window = range(max(0, frame - reach), min(len(self._changes), frame + reach + 1))
        changes = [self._changes[i] for i in window if i not in cuts]
        return float(np.mean(changes)) if changes else 0.0
