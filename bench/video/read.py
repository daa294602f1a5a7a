"""Frames of a clip, exactly those asked for: by number or by moment, a few or all, in constant memory.

All functions give the same bytes for the same frame, whichever way it was reached. `reader` names the library
that decodes; "pyav" is the one that is proved exact on stamped clips (see bench/video/stamped.py).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import numpy as np

from bench.errors import UsageError, VideoError
from bench.types import Clip, Frames, Size
from bench.video.decode import decode
from bench.video.picture import Fit, Picture
from bench.video.timeline import Timeline, timeline

# A container with millisecond stamps rounds a frame's time and the first frame's time, by half a millisecond each.
_ROUNDING_S = 0.001


def stream(
    clip: Clip,
    indices: Sequence[int] | None = None,
    *,
    size: Size | None = None,
    fit: Fit = "crop",
    chunk: int = 32,
) -> Iterator[Frames]:
    """The frames `indices` (non-decreasing, repeats allowed; None: all) in chunks of at most `chunk`, one pass.

    `size` defaults to the clip's own; `fit` says how other shapes are met. RGB, uint8. No more than two chunks
    are alive at a time, whatever the clip's length.

    Raises `VideoError` naming file and frame if data is damaged; chunks before it have been handed out.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from bench.video.clip import probe
    >>> from bench.video.stamped import write_stamped
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = probe(write_stamped(Path(folder) / "a.mp4", "h264-bframes"))
    ...     [frames.shape for frames in stream(clip, range(0, 96, 2), size=Size(64, 64))]
    [(32, 64, 64, 3), (16, 64, 64, 3)]
    """
    wanted = range(clip.frames) if indices is None else indices
    check_indices(clip, wanted)
    if any(a > b for a, b in pairwise(wanted)):
        raise UsageError("stream() needs frame numbers in ascending order", "Use read_frames() for any order.")
    return _stream(clip, wanted, size or clip.size, fit, chunk)


def _stream(clip: Clip, wanted: Sequence[int], size: Size, fit: Fit, chunk: int) -> Iterator[Frames]:
    line = _line(clip)
    picture = Picture(size, fit, line.rotation)
    pictures = decode(clip.path, line, sorted(set(wanted)))
    current = -1
    with ThreadPoolExecutor(1) as painter:  # scales and colours one picture while the next is decoded
        for start in range(0, len(wanted), chunk):
            part = wanted[start : start + chunk]
            frames = np.empty((len(part), size.height, size.width, 3), np.uint8)
            jobs = []
            for k, index in enumerate(part):
                if index == current and k:
                    jobs.append(painter.submit(np.copyto, frames[k], frames[k - 1]))
                    continue
                if index != current:
                    current, frame = next(pictures)
                jobs.append(painter.submit(picture.into, frame, frames[k]))
            for job in jobs:
                job.result()
            yield frames


def read_frames(clip: Clip, indices: Sequence[int], *, size: Size | None = None, fit: Fit = "crop") -> Frames:
    """The frames `indices`, in any order, repeats allowed. Seeks where that saves decoding.

    Bit for bit what `stream` gives. Raises `VideoError` if data is damaged or a number is not in the clip.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from bench.video.clip import probe
    >>> from bench.video.stamped import read_stamp, write_stamped
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = probe(write_stamped(Path(folder) / "a.mp4", "h264-bframes"))
    ...     [read_stamp(frame) for frame in read_frames(clip, [95, 0, 0])]
    [95, 0, 0]
    """
    check_indices(clip, indices)
    size = size or clip.size
    line = _line(clip)
    picture = Picture(size, fit, line.rotation)
    places: dict[int, list[int]] = {}
    for place, index in enumerate(indices):
        places.setdefault(index, []).append(place)
    frames = np.empty((len(indices), size.height, size.width, 3), np.uint8)
    for index, frame in decode(clip.path, line, sorted(places)):
        first, *others = places[index]
        picture.into(frame, frames[first])
        frames[others] = frames[first]
    return frames


def frame_at(clip: Clip, at_s: float) -> int:
    """The number of the frame that is on screen at `at_s` seconds.

    A moment up to a millisecond before a frame's time (at most a quarter of a frame) counts as that frame:
    Matroska and WebM round times to milliseconds, and asking for frame `i` at `i / fps` should find it.

    Raises `VideoError` outside of [0, duration).
    """
    slack = min(_ROUNDING_S, float(0.25 / clip.fps))
    if not -slack <= at_s < clip.duration_s:
        raise VideoError(
            f"{clip.path}: no frame at {at_s} s, it lasts {clip.duration_s:.3f} s",
            "Ask for moments from 0 up to, but not including, the duration.",
        )
    return max(bisect_right(clip.times_s, at_s + slack) - 1, 0)


def read_at(clip: Clip, at_s: Sequence[float], *, size: Size | None = None, fit: Fit = "crop") -> Frames:
    """The frames on screen at these moments (seconds, any order): `read_frames` of their `frame_at`."""
    return read_frames(clip, [frame_at(clip, at) for at in at_s], size=size, fit=fit)


def grid(clip: Clip, fps: float | None = None, until_s: float | None = None) -> list[int]:
    """The frame numbers on screen at `k / fps` for k = 0, 1, … before `until_s` (or the end): a constant-rate view.

    `fps` defaults to the clip's mean rate; for a clip of constant rate the result is then every frame once.
    """
    rate = clip.fps if fps is None else Fraction(fps)
    end_s = clip.duration_s if until_s is None else min(until_s, clip.duration_s)
    indices: list[int] = []
    while (at_s := float(len(indices) / rate)) < end_s:
        indices.append(frame_at(clip, at_s))
    return indices


def _line(clip: Clip) -> Timeline:
    line = timeline(clip.path)
    if line.times_s != clip.times_s:
        raise VideoError(f"{clip.path}: has changed since it was probed", "Run the same command again.")
    return line


def check_indices(clip: Clip, indices: Sequence[int]) -> None:
    """Raises `VideoError` unless all numbers are in the clip."""
    for index in indices:
        if not 0 <= index < clip.frames:
            raise VideoError(
                f"{clip.path}: has no frame {index}, only {clip.frames} frames",
                f"Ask for frames 0 to {clip.frames - 1}.",
            )
