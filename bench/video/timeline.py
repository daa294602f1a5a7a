"""Which frames a file shows, and when: the table that every exact read is checked against.

Seeking by time is a wish, not an order: containers round, decoders drop, indexes lie. So the table is made
first, from the packets alone where the container's timestamps can be trusted (MP4, MOV, Matroska, WebM: a few
milliseconds for a minute of video), else by decoding once. A reader that knows the table can tell a right
frame from its neighbour.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from bench.video.container import conceals, damaged, opened

_TRUSTED_CONTAINERS = {"mov", "matroska"}
# Not VP8, which stores hidden frames, nor MPEG-4, which may pack two frames into one: a packet is no picture there.
_TRUSTED_CODECS = {"h264", "hevc", "vvc", "vp9", "libdav1d", "av1", "prores", "ffv1", "mjpeg", "mpeg2video"}

_LONGEST_B_RUN = 16  # of x264; other encoders stay below


@dataclass(frozen=True)
class Timeline:
    """All displayed frames in order. `pts` are in units of `time_base` seconds."""

    pts: tuple[int, ...]
    time_base: Fraction
    fps: Fraction  # mean rate, exact where the rate is constant
    duration_s: float
    width: int  # as stored, before rotation
    height: int
    rotation: int  # counter-clockwise degrees to turn a picture by before it is shown: 0, 90, 180 or 270
    keyframes: tuple[int, ...]  # pts at which decoding may begin; empty where seeking cannot be trusted
    timed: bool  # whether decoded frames carry these pts; else frames are known by counting

    @cached_property
    def index(self) -> dict[int | None, int]:
        """Frame number by pts (decoders also hand out None)."""
        return {pts: i for i, pts in enumerate(self.pts)}

    @cached_property
    def times_s(self) -> tuple[float, ...]:
        """When each frame begins to be shown, from the first; correctly rounded."""
        num, den, first = self.time_base.numerator, self.time_base.denominator, self.pts[0]
        return tuple((pts - first) * num / den for pts in self.pts)


def timeline(path: Path) -> Timeline:
    """The frame table of a file, kept in this process for as long as the file does not change.

    Raises `VideoError` if the file cannot be read as video.
    """
    stat = path.stat() if path.is_file() else None
    return _timeline(path, stat.st_size if stat else 0, stat.st_mtime_ns if stat else 0)


@lru_cache(maxsize=64)
def _timeline(path: Path, size: int, changed_ns: int) -> Timeline:
    with opened(path) as (container, stream):
        table = _from_packets(path, container, stream)
    if table is None:
        with opened(path) as (container, stream):
            table = _from_frames(path, container, stream)
    pts, tick = table.pts, table.time_base
    fps = constant_rate(pts, tick, table.rates)
    if fps is not None:
        duration_s = float(len(pts) / fps)
    else:
        last = table.last_duration or (pts[-1] - pts[0]) / (len(pts) - 1)
        duration = (pts[-1] - pts[0] + Fraction(last)) * tick
        fps, duration_s = len(pts) / duration, float(duration)
    return Timeline(
        pts=tuple(pts),
        time_base=tick,
        fps=fps,
        duration_s=duration_s,
        width=table.first.width,
        height=table.first.height,
        rotation=round(table.first.rotation / 90) * 90 % 360,
        keyframes=tuple(table.keyframes),
        timed=table.timed,
    )


@dataclass(frozen=True)
class _Table:
    first: VideoFrame
    pts: list[int]
    time_base: Fraction
    last_duration: int
    keyframes: list[int]
    timed: bool
    rates: list[Fraction]


def _from_packets(path: Path, container: InputContainer, stream: VideoStream) -> _Table | None:
    """The table without decoding more than the first frame, or None where packets cannot be trusted to tell."""
    containers = set(container.format.name.split(","))
    if not _TRUSTED_CONTAINERS & containers or stream.codec_context.name not in _TRUSTED_CODECS:
        return None
    first: VideoFrame | None = None
    shown: dict[int, int] = {}  # pts -> duration
    keyframes: list[int] = []
    try:
        for packet in container.demux(stream):
            if (packet.size and packet.pts is None) or packet.pts in shown:
                return None
            if packet.pts is not None:
                if not packet.is_discard:
                    shown[packet.pts] = packet.duration or 0
                if packet.is_keyframe:
                    keyframes.append(packet.pts)
            if first is None:
                first = next(iter(packet.decode()), None)
    except av.error.FFmpegError as error:
        raise damaged(path, f"within the first {len(shown)} frames", str(error.strerror)) from error
    if first is None:
        raise damaged(path, "throughout", "no frame can be decoded")
    if first.pts not in shown:
        return None
    # A stream cut out of a longer one may begin with pictures whose references are gone; they are never shown.
    pts = sorted(p for p in shown if p >= first.pts)
    return _Table(first, pts, _tick(stream), shown[pts[-1]], sorted(keyframes), True, _rates(stream))


def _from_frames(path: Path, container: InputContainer, stream: VideoStream) -> _Table:
    """The table by decoding everything once: for containers whose packets have unreliable times or none."""
    first: VideoFrame | None = None
    pts: list[int | None] = []
    last_duration = 0
    for frame in sequential(path, container, stream):
        first = first or frame
        pts.append(frame.pts)
        last_duration = frame.duration or 0
    if first is None:
        raise damaged(path, "throughout", "no frame can be decoded")
    times = [p for p in pts if p is not None]
    if len(times) == len(pts) and all(a < b for a, b in pairwise(times)):
        return _Table(first, times, _tick(stream), last_duration, [], True, _rates(stream))
    # Raw streams have no times: the rate that the bitstream itself states comes before the demuxer's default of 25.
    rate = stream.guessed_rate or Fraction(25)
    return _Table(first, list(range(len(pts))), 1 / rate, 1, [], False, [rate])


def sequential(path: Path, container: InputContainer, stream: VideoStream) -> Iterable[VideoFrame]:
    """Every frame from the start, in display order, nothing skipped.

    Raises `VideoError` naming the place where data does not decode. What cannot be decoded before the first
    frame is passed over in formats that are cut anywhere (MPEG-TS, raw streams), and an error in the others.
    """
    count = 0
    held: list[VideoFrame] = []
    cut_anywhere = not _TRUSTED_CONTAINERS & set(container.format.name.split(","))
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if count or not cut_anywhere:
                    raise
                continue
            for frame in frames:
                if frame.is_corrupt:
                    raise damaged(path, f"at frame {count}", "its picture is incomplete")
                held.append(frame)
                count += 1
                if settled(frame, stream.codec_context, len(held)):
                    yield from held
                    held.clear()
    except av.error.FFmpegError as error:
        raise damaged(path, f"at or soon after frame {count}", str(error.strerror)) from error
    yield from held


def settled(frame: VideoFrame, context: VideoCodecContext, held: int) -> bool:
    """Whether the `held` pictures up to this one are known to be sound.

    A B picture may come out before the damaged picture it was predicted from, so it waits for the next other one.
    """
    return not conceals(context) or frame.pict_type != PictureType.B or held > _LONGEST_B_RUN


def constant_rate(pts: list[int], time_base: Fraction, rates: Iterable[Fraction]) -> Fraction | None:
    """The constant rate that these times follow, rounded to the container's ticks, or None if they vary.

    >>> constant_rate([0, 42, 83, 125], Fraction(1, 1000), [Fraction(24)])
    Fraction(24, 1)
    """
    span = pts[-1] - pts[0]
    exact = [((len(pts) - 1) / (span * time_base), 0)] if span else []
    for rate, rounding in [*exact, *((rate, 1) for rate in rates)]:
        ticks = 1 / (rate * time_base)  # per frame
        slack = min(Fraction(rounding), ticks / 4)
        a, b, limit = ticks.numerator, ticks.denominator, slack * ticks.denominator
        if all(abs((p - pts[0]) * b - i * a) <= limit for i, p in enumerate(pts)):
            return rate
    return None


def _tick(stream: VideoStream) -> Fraction:
    assert stream.time_base is not None  # only streams without a container have none
    return stream.time_base


def _rates(stream: VideoStream) -> list[Fraction]:
    return [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
