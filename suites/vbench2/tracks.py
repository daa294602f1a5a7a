"""What VBench-2.0 asks of a point tracker: which way the camera went, and whether a scene holds from other sides."""

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float64

from bench import weights
from bench.digest import key
from bench.types import Clip, Frames
from suites.dynamics.flow import TOP, Pairs
from suites.dynamics.raft import loaded
from suites.features import pixels
from suites.features.plugins import identity, returned
from suites.features.protocols import Arrays, Evidence, Feature, Reads, Series, View
from suites.features.sampling import every, interval
from suites.judging.protocol import DroppedOut
from suites.vbench.consistency import missing
from suites.vbench2.camera import GRID, moves, orbits
from suites.vbench2.matching import inliers

FLOW_SIZE = (854, 480)
ENOUGH_FLOW, FULL_FLOW, MOST_FLOW, FULL_MATCH = 5.0, 10.0, 30.0, 750
FAR = 1e6  # pixels; NaN is not nearer
REACH = 40  # frames between two views at a flow of 10 and 8 frames a second


class Tracks:
    """`tracks[frame, point, 2]`: where the user's tracker sees a grid of 10x10 points go."""

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, tracker: Any) -> None:
        self.name = f"tracks {key('tracker', identity=identity(tracker))[:16]}"
        self._tracker = tracker

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> "_Following":
        return _Following(self._tracker, clip)


class _Following:
    def __init__(self, tracker: Any, clip: Clip) -> None:
        self._tracker = tracker
        self._tracking = tracker.begin(clip.size, GRID)
        self._frames = clip.frames

    def write(self, frames: Frames) -> None:
        self._tracking.write(frames)

    def finish(self) -> Arrays:
        tracks = np.asarray(self._tracking.finish(), np.float64)
        wanted = (self._frames, GRID * GRID, 2)
        if tracks.shape != wanted:
            raise returned("tracker", self._tracker, f"tracks of shape {tracks.shape}, not {wanted}")
        if not (np.abs(tracks) < FAR).all():
            raise returned("tracker", self._tracker, "points that are not numbers, or lie nowhere near the picture")
        return {"tracks": tracks}


class Cuts:
    """`frame[cut]`: first frames of shots, by PySceneDetect's content detector at a threshold, on the full picture."""

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, threshold: float) -> None:
        self.name = f"cuts at {threshold:g}"
        self._threshold = threshold

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> "_Detecting":
        return _Detecting(self._threshold, clip)


class _Detecting:
    def __init__(self, threshold: float, clip: Clip) -> None:
        from scenedetect.detectors import ContentDetector

        self._detector = ContentDetector(threshold=threshold)
        self._fps = float(clip.fps)
        self._width = clip.size.width
        self._done = 0
        self._cuts: list[int] = []

    def write(self, frames: Frames) -> None:
        from scenedetect import FrameTimecode

        shrink = max(1.0, self._width / 256)  # PySceneDetect looks at pictures about 256 wide
        for frame in frames:
            height, width = frame.shape[:2]
            size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
            bgr = cv2.cvtColor(cv2.resize(frame, size), cv2.COLOR_RGB2BGR)
            found = self._detector.process_frame(FrameTimecode(self._done, self._fps), bgr)
            self._cuts += [cut.frame_num for cut in found]
            self._done += 1

    def finish(self) -> Arrays:
        return {"frame": np.array(self._cuts, np.int64)}


def shrunk(frames: Frames) -> Frames:
    """Frames at 854x480, whatever their shape, by OpenCV's bilinear resize."""
    return np.stack([cv2.resize(frame, FLOW_SIZE) for frame in frames])


class Flow480p:
    """`top[pair]` of `SampledFlow` and `frame[pair]`, on frames of 854x480."""

    name = "flow at 8 fps, 854x480"
    version = "1"
    weights: tuple[str, ...] = ("raft",)

    def __init__(self) -> None:
        self.view: View | None = shrunk

    def frames(self, clip: Clip) -> Sequence[int]:
        return range(0, clip.frames, interval(clip.fps))

    def begin(self, clip: Clip) -> Pairs:
        return Pairs(self.frames(clip), loaded(weights.path("raft")), TOP)


class CameraMotion:
    """VBench-2.0-style Camera_Motion: 1 when the camera moves as the prompt list says, by the user's point tracker."""

    name = "vbench2_camera_motion"
    version = "2"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("tracker", "questions")

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        evidence.question("camera_motion")
        return (Tracks(evidence.model("tracker")), Cuts(5.0))

    def __call__(self, evidence: Evidence) -> Series:
        tracks, _ = _first_shot(evidence, 5.0)
        return Series.one(float(evidence.question("camera_motion") in moves(tracks, evidence.clip.size)))


class MultiViewConsistency:
    """VBench-2.0-style Multi-View_Consistency: how many points of a scene are found again from another side, where
    the camera circles it. 0 to 1; videos without an orbit, or with too little motion, drop out.
    """

    name = "vbench2_multi_view_consistency"
    version = "2"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("tracker",)

    def available(self) -> str | None:
        return missing(("raft",), "torchvision")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Tracks(evidence.model("tracker")), Cuts(10.0), Flow480p())

    def __call__(self, evidence: Evidence) -> Series:
        clip = evidence.clip
        tracks, end = _first_shot(evidence, 10.0)
        if not orbits(tracks, clip.size):
            raise DroppedOut.because(clip, "the camera does not circle")
        found = evidence.features[Flow480p.name]
        speed = mean_flow(found["top"], found["frame"] + interval(clip.fps), end)
        pairs = views(speed, float(clip.fps), clip.frames, end)
        if len(pairs) < 2:
            raise DroppedOut.because(clip, "it moves too little, or is too short, for two views")
        match = min(float(np.mean([_match(clip, first, second) for first, second in pairs])), FULL_MATCH) / FULL_MATCH
        return Series.one(min(speed, FULL_FLOW) / FULL_FLOW * match)


def mean_flow(top: Float64[np.ndarray, " pair"], second: np.ndarray, end: int) -> float:
    """Mean of the flows of pairs within the first shot, at most 30; 0 where it is under 5.

    >>> mean_flow(np.array([4.0, 8.0, 99.0]), np.array([3, 6, 9]), 6), mean_flow(np.array([4.0]), np.array([3]), 9)
    (6.0, 0.0)
    """
    inside = top[second <= end]
    mean = float(inside.mean()) if len(inside) else 0.0
    return min(mean, MOST_FLOW) if mean >= ENOUGH_FLOW else 0.0


def views(flow: float, fps: float, frames: int, end: int) -> list[tuple[int, int]]:
    """The pairs of frames that are compared: further apart where less moves; none where there is no room.

    Source: `PatchAutoEvaluate` of VBench-2.0.

    >>> views(10.0, 8.0, 121, 121)[:2]
    [(0, 40), (2, 42)]
    """
    if flow == 0.0:
        return []
    apart = int(REACH / (flow / 10 * max(1, round(fps / 8))))
    step = int((frames - 1 - apart) / apart) if apart else 0
    if step < 1:
        return []
    return [(at, at + apart) for at in range(0, frames, step) if at + apart <= frames - 1 and at <= end]


def _match(clip: Clip, first: int, second: int) -> int:
    left, right = (shrunk(frames)[0] for frames in pixels.stream(clip, [first, second], chunk=1))
    return inliers(left, right)


def _first_shot(evidence: Evidence, threshold: float) -> tuple[np.ndarray, int]:
    """The tracks up to the first cut, and that cut; the number of frames where there is none."""
    cuts = evidence.features[Cuts(threshold).name]["frame"]
    end = int(cuts[0]) if len(cuts) else evidence.clip.frames
    return evidence.features[Tracks(evidence.model("tracker")).name]["tracks"][:end], end
