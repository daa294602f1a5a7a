"""What judges are shown: frames spread evenly over a video, small enough to send, as JPEG."""

from collections.abc import Sequence

import cv2
import numpy as np

from bench.errors import KeepframeError
from bench.types import Clip, Frames
from suites.features.protocols import Arrays, Evidence, View
from suites.features.sampling import interval

LONGEST_SIDE = 768
QUALITY = 90


class Pictures:
    """`jpeg`, all pictures' bytes one after another, and `ends[picture]`, where each ends.

    Frames are `linspace(0, last, count)` cut to whole numbers, as VBench-2.0 samples; a shorter video repeats frames.
    """

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, count: int) -> None:
        self.name = f"{count} pictures"
        self._count = count

    def frames(self, clip: Clip) -> Sequence[int]:
        return sorted(set(sampled(clip.frames, self._count)))

    def begin(self, clip: Clip) -> "_Shrinking":
        return _Shrinking()


class SteadyPictures(Pictures):
    """`Pictures` of every frame at about `fps` frames a second, without repeats."""

    def __init__(self, fps: float) -> None:
        self.name = f"pictures at {fps:g} fps"
        self._fps = fps

    def frames(self, clip: Clip) -> Sequence[int]:
        return range(0, clip.frames, interval(clip.fps, self._fps))


def sampled(frames: int, count: int) -> list[int]:
    """`count` frame numbers, evenly spread, first and last among them.

    >>> sampled(10, 4), sampled(2, 3)
    ([0, 3, 6, 9], [0, 0, 1])
    """
    return [int(at) for at in np.linspace(0, frames - 1, count)]


def shown(evidence: Evidence, count: int) -> tuple[bytes, ...]:
    """The `count` pictures that `Pictures(count)` made, with repeats where the video is shorter."""
    whole = _cut(evidence.features[Pictures(count).name])
    numbers = sampled(evidence.clip.frames, count)
    place = {number: k for k, number in enumerate(sorted(set(numbers)))}
    return tuple(whole[place[number]] for number in numbers)


def steady(evidence: Evidence, fps: float) -> list[tuple[int, bytes]]:
    """Frame number and picture of all that `SteadyPictures(fps)` made."""
    feature = SteadyPictures(fps)
    return list(zip(feature.frames(evidence.clip), _cut(evidence.features[feature.name]), strict=True))


def _cut(found: Arrays) -> list[bytes]:
    ends = found["ends"]
    return [found["jpeg"][first:end].tobytes() for first, end in zip([0, *ends[:-1]], ends, strict=True)]


class _Shrinking:
    def __init__(self) -> None:
        self._pictures: list[np.ndarray] = []

    def write(self, frames: Frames) -> None:
        for frame in frames:
            self._pictures.append(_jpeg(frame))

    def finish(self) -> Arrays:
        ends = np.cumsum([len(one) for one in self._pictures], dtype=np.int64)
        return {"jpeg": np.concatenate(self._pictures), "ends": ends}


def _jpeg(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise KeepframeError("A frame cannot be written as JPEG.", "keepframe doctor")
    return data.ravel()
