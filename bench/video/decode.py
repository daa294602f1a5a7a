"""Exact decoding: the frames asked for, each proved by its timestamp, and errors instead of wrong pictures.

The quick way seeks over what is not needed and leaves out pictures that no other picture refers to. It is
never trusted: a frame counts only if its timestamp is the one in the file's table, and at the first sign of
trouble the rest is decoded from the start of the file, where there is nothing left to go wrong but the data.
Damaged data is an error wherever the decoder can tell. H.264 has no checksums: of 60 files with 400 bytes zeroed, the
damage happened to spell another valid picture in two, and no decoder can know.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from bench.video.container import damaged, opened
from bench.video.timeline import Timeline, sequential, settled

_SEEK_GAIN = 12  # frames that must be saved for a seek to be worth emptying the decoder's pipeline


class _Distrust(Exception):
    """The quick way met something that is not as the table says."""


def decode(path: Path, line: Timeline, wanted: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
    """The frames `wanted` (ascending, no repeats, within the table) with their numbers, in order.

    Raises `VideoError` naming file and frame if data is damaged, or if the file does not hold what it lists.
    """
    done = 0
    try:
        for index, frame in _quick(path, line, wanted):
            yield index, frame
            done += 1
    except (_Distrust, av.error.FFmpegError):
        yield from _thorough(path, line, wanted[done:])


def _thorough(path: Path, line: Timeline, wanted: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
    remaining = iter(wanted)
    target = next(remaining, None)
    count = 0
    with opened(path) as (container, stream):
        for frame in sequential(path, container, stream):
            index = line.index.get(frame.pts) if line.timed else count
            if index != count:
                raise damaged(path, f"at frame {count}", "its time is not in the file's index")
            if index == target:
                yield index, frame
                target = next(remaining, None)
                if target is None:
                    return
            count += 1
    raise damaged(path, f"after frame {count - 1}", f"it lists {len(line.pts)} frames")


def _quick(path: Path, line: Timeline, wanted: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
    if not line.keyframes:
        raise _Distrust
    with opened(path) as (container, stream):
        for key, targets in _runs(line, wanted):
            if key is not None:
                container.seek(key, stream=stream, backward=True, any_frame=False)
            yield from _run(container.demux(stream), stream.codec_context, line, targets)


def _runs(line: Timeline, wanted: Sequence[int]) -> Iterator[tuple[int | None, list[int]]]:
    """Cuts `wanted` where seeking ahead saves work: the keyframe's pts to seek to (None: stay), and the frames."""
    starts = sorted(line.index.get(pts, -1) for pts in line.keyframes)
    run: list[int] = []
    origin: int | None = None
    position, k, start = 0, 0, 0
    for target in wanted:
        while k < len(starts) and starts[k] <= target:
            start = starts[k]
            k += 1
        if start - position > _SEEK_GAIN:
            if run:
                yield origin, run
            origin, run = line.pts[start], []
        run.append(target)
        position = target + 1
    if run:
        yield origin, run


def _run(
    packets: Iterator[Packet],
    context: VideoCodecContext,
    line: Timeline,
    targets: Sequence[int],
) -> Iterator[tuple[int, VideoFrame]]:
    """Decodes up to the last target; every decoded frame must be in the table, and every target must come."""
    needed = {line.pts[i] for i in targets}
    remaining = iter(targets)
    target = next(remaining, None)
    found: list[tuple[int, VideoFrame]] = []
    for packet in packets:
        # Only for H.264, whose bitstream says for certain which pictures nothing refers to.
        if context.name == "h264":
            context.skip_frame = "DEFAULT" if packet.pts is None or packet.pts in needed else "NONREF"
        frames = packet.decode()
        if packet.size and any(frame.pts == line.pts[targets[-1]] for frame in frames):
            frames += context.decode(None)  # what is on its way already may show that a reference was damaged
        for frame in frames:
            index = line.index.get(frame.pts)
            if frame.is_corrupt or index is None or (target is not None and index > target):
                raise _Distrust
            if index == target:
                found.append((index, frame))
                target = next(remaining, None)
            if settled(frame, context, len(found)):
                yield from found
                found.clear()
        if target is None:
            yield from found
            return
    raise _Distrust
