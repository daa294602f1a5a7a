"""Which way the camera goes, read off a grid of points that a tracker follows through the first shot.

Pure functions of the tracks. VBench-2.0's names for the moves: where points at the picture's edges move left, the
camera pans right. One defect is not repeated: in VBench-2.0 a video longer than twenty frames is never "static",
since a step without an orbit counts as another finding there and displaces it.

VBench-2.0 cuts tracks to whole pixels and calls half a percent of the short side a move. On a video whose short side is
under 200 pixels that is less than one pixel, so that a point which trembles across the border of two makes a camera
move that stands still. Such tracks are read as if the video had been enlarged to the size that VBench-2.0 is made for.

Source: `camera_motion.py` and `multi_view_consistency.py` of VBench-2.0 in VBench 45e79ec1.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int64

from bench.types import Size

GRID = 10
EDGE = GRID // 2  # the row and the column of the points in the middle of the edges
STEP = 20  # frames between two looks for an orbit
MOVED, ORBIT = 0.005, 0.008  # parts of the short side
TINY, READ_AS = round(1 / MOVED), 480  # a short side under TINY pixels is read as READ_AS

_ROW = {
    ("left", "left"): "pan_right",
    ("right", "right"): "pan_left",
    ("down", "down"): "tilt_up",
    ("up", "up"): "tilt_down",
    ("static", "static"): "static",
}
_TOP_AND_BOTTOM = _ROW | {("up", "down"): "zoom_in", ("down", "up"): "zoom_out"}
_LEFT_AND_RIGHT = _ROW | {("left", "right"): "zoom_in", ("right", "left"): "zoom_out"}


def moves(tracks: Float[np.ndarray, "time point 2"], size: Size) -> set[str]:
    """All moves that a video's first shot shows: pan_*, tilt_*, zoom_*, static, orbits, oblique.

    >>> still = np.zeros((30, 100, 2)) + np.stack(np.meshgrid(range(10), range(10)), -1).reshape(100, 2) * 9 + 5
    >>> moves(still, Size(100, 100))
    {'static'}
    """
    tracks, size = _enlarged(tracks, size)
    whole = _grids(tracks)
    first, last = whole[0], whole[-1]
    short = min(size)

    def went(row: int, column: int) -> list[str]:
        x, y = last[row, column] - first[row, column]
        return _directions(float(x), float(y), short)

    top, bottom, left, right = went(0, EDGE), went(-1, EDGE), went(EDGE, 0), went(EDGE, -1)
    found = {_TOP_AND_BOTTOM.get((a, b)) for a in top for b in bottom}
    found |= {_LEFT_AND_RIGHT.get((a, b)) for a in left for b in right}
    named = {one for one in found if one is not None}
    if orbits(tracks, size):
        named.add("orbits")
    if {"tilt_up", "zoom_in"} <= named:
        named.add("oblique")
    return named - {"static"} if len(named) > 1 else named


def orbits(tracks: Float[np.ndarray, "time point 2"], size: Size) -> bool:
    """Whether, over some twenty frames, the upper and the lower points of a column go opposite ways and none goes
    up or down: what is far moves against what is near when a camera circles."""
    tracks, size = _enlarged(tracks, size)
    short = min(size)
    for before, after in pairwise(_grids(tracks)[::STEP]):
        steps = list(_column(before, after, size))
        if not steps:
            continue
        upper = [x for x, _, y in steps if y <= short / 2]
        lower = [x for x, _, y in steps if y > short / 2]
        up, down = (float(np.mean(part)) if part else 0.0 for part in (upper, lower))
        rise = float(np.mean([y for _, y, _ in steps]))
        if abs(rise) < short * ORBIT and up * down < 0 and abs(up) > short * ORBIT:
            return True
    return False


def _enlarged(tracks: Float[np.ndarray, "time point 2"], size: Size) -> tuple[np.ndarray, Size]:
    if min(size) >= TINY:
        return tracks, size
    factor = READ_AS / min(size)
    return tracks * factor, Size(round(size.width * factor), round(size.height * factor))


def _grids(tracks: Float[np.ndarray, "time point 2"]) -> Int64[np.ndarray, "time row column 2"]:
    return np.asarray(np.trunc(tracks).astype(np.int64).reshape(len(tracks), GRID, GRID, 2))


def _directions(x: float, y: float, short: int) -> list[str]:
    found = []
    if abs(x) > short * MOVED:
        found.append("right" if x > 0 else "left")
    if abs(y) > short * MOVED:
        found.append("down" if y > 0 else "up")
    return found or ["static"]


def _column(before: np.ndarray, after: np.ndarray, size: Size) -> Iterator[tuple[float, float, float]]:
    """Step in x and y, and height before, of the four outer points of the third column, where in the picture."""
    for row in (0, 1, GRID - 2, GRID - 1):
        (x0, y0), (x1, y1) = before[row, 2], after[row, 2]
        if all(0 < x < size.width for x in (x0, x1)) and all(0 < y < size.height for y in (y0, y1)):
            yield float(x1 - x0), float(y1 - y0), float(y0)
