"""Test films whose every frame carries its own number, readable after any codec: proof that reads are exact.

A frame that is one off looks right to the eye and to every metric. On a stamped clip it does not: the number
in the picture says which frame it is. The kinds below are what breaks readers in practice. `keepframe doctor`
writes a few of them on the user's machine, with the user's FFmpeg, and looks up frames in them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import UInt8

from bench.errors import UnavailableError, VideoError
from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.encoders import X264_PARAMS, X265_PARAMS, ordinary_priority
from bench.video.read import frame_at
from bench.video.readers import ReaderName, reader

FRAMES = 96
_SIZE = Size(320, 240)
_ROWS, _COLUMNS = 4, 4  # 12 bits of number, 4 bits of check
_HIDDEN = 4000  # stamps from here on mark frames that must never be shown
_X264 = f"{X264_PARAMS}:b-adapt=0"
_H264 = {"preset": "veryfast", "g": "24", "bf": "3", "x264-params": _X264}


@dataclass(frozen=True)
class Kind:
    """How a kind of stamped film is made."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    size: Size = _SIZE
    fps: Fraction = Fraction(24)
    options: dict[str, str] = field(default_factory=_H264.copy)
    tick: Fraction | None = None  # seconds per pts unit; by default one frame
    start: int = 0  # the first frame's pts
    uneven: bool = False  # frames last one to four ticks
    rotation: int = 0  # display matrix, counter-clockwise degrees
    hidden: int = 0  # frames before the first shown one, cut away by an edit list


_HEVC = {"x265-params": f"{X265_PARAMS}:open-gop=1:keyint=24:min-keyint=24:bframes=4:b-adapt=0", "preset": "superfast"}
_VPX = {"b": "300k", "g": "48", "deadline": "realtime", "cpu-used": "-8"}
_LONG_GOP = _H264 | {"g": "250", "x264-params": f"{_X264}:b-pyramid=normal:ref=4"}

KINDS: dict[str, Kind] = {
    "h264-bframes": Kind(),
    "h264-long-gop": Kind(options=_LONG_GOP),
    "h264-open-gop": Kind(options=_H264 | {"x264-params": f"{_X264}:open-gop=1"}),
    "hevc-open-gop": Kind(codec="libx265", options=_HEVC),
    "10-bit": Kind(codec="libx265", pixels="yuv420p10le", options=_HEVC),
    "vp9": Kind(suffix=".webm", codec="libvpx-vp9", options=_VPX),
    "vp8": Kind(suffix=".webm", codec="libvpx", options=_VPX),
    "av1": Kind(codec="libsvtav1", options={"preset": "8", "g": "48", "crf": "20"}),
    "vfr": Kind(tick=Fraction(1, 60), uneven=True),
    "start-offset": Kind(tick=Fraction(1, 240), start=373),
    "start-offset-mkv": Kind(suffix=".mkv", start=37),
    "edit-list": Kind(hidden=10),
    "odd-size": Kind(suffix=".webm", codec="libvpx-vp9", size=Size(321, 241), options=_VPX),
    "444": Kind(pixels="yuv444p", size=Size(321, 241)),
    "portrait": Kind(size=Size(240, 320)),
    "rotated": Kind(rotation=90),
    "rotated-180": Kind(rotation=180),
    "rotated-270": Kind(rotation=-90),
    "ntsc": Kind(fps=Fraction(30000, 1001)),
    "ntsc-mkv": Kind(suffix=".mkv", fps=Fraction(30000, 1001)),
    "mpegts": Kind(suffix=".ts"),
    "avi": Kind(suffix=".avi"),
    "raw": Kind(suffix=".h264"),
    "prores": Kind(suffix=".mov", codec="prores_ks", pixels="yuv422p10le", options={}),
}
QUICK = ("h264-bframes", "hevc-open-gop", "vp9", "vfr", "rotated")
_FORMATS = {
    ".mp4": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".ts": "mpegts",
    ".avi": "avi",
    ".h264": "h264",
}


class Exactness(NamedTuple):
    """How many look-ups were made in a kind of film, and how many showed another frame than asked for."""

    kind: str
    looked_up: int
    wrong: int


def stamp(index: int, size: Size) -> UInt8[np.ndarray, "height width 3"]:
    """A picture that carries the number `index` (0 to 4095) as 16 big light and dark fields, over moving waves.

    >>> read_stamp(stamp(1234, Size(64, 48)))
    1234
    """
    bits = (index << 4 | _check(index)) >> np.arange(15, -1, -1) & 1
    rows = np.arange(size.height) * _ROWS // size.height
    columns = np.arange(size.width) * _COLUMNS // size.width
    fields = np.where(bits.reshape(_ROWS, _COLUMNS), 200, 55)[rows][:, columns]
    across = np.sin((np.arange(size.width) + 5 * index) / 17)
    waves = 24 * np.outer(np.cos((np.arange(size.height) - 3 * index) / 23), across)
    return np.repeat((fields + waves).astype(np.uint8)[..., None], 3, axis=2)


def read_stamp(frame: UInt8[np.ndarray, "height width 3"]) -> int:
    """The number in a stamped picture of any size, or -1 if there is none (a mixture, damage, another picture)."""
    height, width = frame.shape[:2]
    value = 0
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            top, left = (4 * row + 1) * height // (4 * _ROWS), (4 * column + 1) * width // (4 * _COLUMNS)
            inner = frame[top : top + height // (2 * _ROWS), left : left + width // (2 * _COLUMNS)]
            value = value << 1 | int(inner.mean() > 128)
    return value >> 4 if value & 15 == _check(value >> 4) else -1


def _check(index: int) -> int:
    return index % 13  # catches every single wrong field, and halves of two frames


def shown_at(kind: str) -> list[Fraction]:
    """When each frame of a stamped film begins, in seconds from the first: the truth, from how it was written."""
    recipe = KINDS[kind]
    tick = recipe.tick or 1 / recipe.fps
    ticks = _pts(recipe)[recipe.hidden :]
    return [(pts - ticks[0]) * tick for pts in ticks]


def write_stamped(path: Path, kind: str, frames: int = FRAMES) -> Path:
    """Writes a stamped film of a named kind; the suffix of `path` is replaced by the kind's. Returns the path.

    Raises `UnavailableError` if this FFmpeg lacks the encoder.
    """
    recipe = KINDS[kind]
    path = path.with_suffix(recipe.suffix)
    tick = recipe.tick or 1 / recipe.fps
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings otherwise
    with av.open(f"file:{path}", "w", format=_FORMATS[recipe.suffix], options={"fflags": "+bitexact"}) as container:
        try:
            stream = container.add_stream(recipe.codec, rate=recipe.fps, options=recipe.options)
        except (av.error.FFmpegError, ValueError) as error:
            raise UnavailableError(f"this FFmpeg cannot write {recipe.codec}", "Leave this kind out.") from error
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = recipe.size
        stream.pix_fmt = recipe.pixels
        stream.codec_context.time_base = tick
        stream.codec_context.thread_count = 2  # fixed: it decides the bytes
        if recipe.rotation:
            stream.set_display_rotation(recipe.rotation)
        for index, pts in enumerate(_pts(recipe)[: frames + recipe.hidden], start=-recipe.hidden):
            picture = stamp(index if index >= 0 else _HIDDEN - index, _shown_size(recipe))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(picture, -recipe.rotation // 90)))
            frame.pts, frame.time_base = pts, tick
            container.mux(stream.encode(frame.reformat(format=recipe.pixels)))
        container.mux(stream.encode(None))
    ordinary_priority()
    return path


def _shown_size(recipe: Kind) -> Size:
    return Size(recipe.size.height, recipe.size.width) if recipe.rotation % 180 else recipe.size


def _pts(recipe: Kind) -> list[int]:
    """The pts of all written frames; uneven steps repeat 1, 4, 2, 1, 3."""
    steps = [(1, 4, 2, 1, 3)[k % 5] if recipe.uneven else 1 for k in range(FRAMES + recipe.hidden)]
    if recipe.tick and not recipe.uneven:
        steps = [int(1 / recipe.fps / recipe.tick)] * len(steps)
    pts = recipe.start - recipe.hidden
    return [pts := pts + step for step in [0, *steps[:-1]]]


def check_exactness(folder: Path, kinds: Sequence[str] = QUICK, *, reader_name: ReaderName = "pyav") -> list[Exactness]:
    """Writes stamped films of these kinds into `folder` and looks frames up in them, in every way a run does.

    All frames in order, then 40 in scattered order by number, by the middle of their time, and by their exact time.
    A film that the reader refuses counts as all wrong.
    """
    return [_exactness(probe(write_stamped(folder / kind, kind)), kind, reader_name) for kind in kinds]


def _exactness(clip: Clip, kind: str, reader_name: ReaderName) -> Exactness:
    starts = shown_at(kind)
    ends = [*starts[1:], starts[-1] + Fraction(1, 1000)]
    scattered = [int(index) for index in np.random.default_rng(0).integers(0, FRAMES, 40)]
    truth = [*range(FRAMES), *scattered * 3]
    try:
        asked = [
            *scattered,
            *(frame_at(clip, float(starts[i] + ends[i]) / 2) for i in scattered),
            *(frame_at(clip, float(starts[i])) for i in scattered),
        ]
        small = Size(160, 120)
        decoder = reader(reader_name)
        pictures = [*np.concatenate(list(decoder.stream(clip, size=small, fit="stretch")))]
        pictures += [*decoder.read_frames(clip, asked, size=small, fit="stretch")]
    except VideoError:
        return Exactness(kind, len(truth), len(truth))
    seen = [read_stamp(picture) for picture in pictures]
    return Exactness(
        kind, len(truth), sum(a != b for a, b in zip(truth, seen, strict=False)) + abs(len(truth) - len(seen))
    )
