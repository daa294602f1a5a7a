"""Opens video files for PyAV, and turns every way in which that can fail into one sentence with a way out.

FFmpeg's own messages ("Invalid data found when processing input") name neither the file nor the cause, and
some of its successes are failures for us: it opens a text file as a film of a teletype, a cut-off download as
a shorter video, and an album cover as a one-frame clip. All of that is sorted out here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from bench.errors import VideoError

_REENCODE = "Make a clean copy of it: ffmpeg -i FILE -map 0:v:0 -c:v libx264 -crf 12 FIXED.mp4"
_NOT_VIDEO = "Remove it from the folder, or convert it to mp4, mkv or webm."
_CUT_SHORT = "Download or copy the file again, or keep what is there: ffmpeg -i FILE -c copy SHORTER.mp4"
_HONEST_DECODERS = {"hevc", "vvc", "vp9", "libdav1d", "prores"}


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first real video stream (cover art is none), with strict decoding.

    Raises `VideoError` for whatever is wrong with the file, also for errors of FFmpeg inside the `with` block.
    """
    check_file(path)
    try:
        # "file:" keeps FFmpeg from reading a protocol into a name such as "a:b.mp4".
        container = av.open(f"file:{path}")
    except av.error.FFmpegError as error:
        raise _cannot_open(path, error) from error
    with container:
        stream = _video_stream(path, container)
        context = stream.codec_context
        context.thread_type = "NONE" if conceals(context) else "AUTO"
        # Without it H.264 conceals what it cannot decode, and hands out wrong pictures as if nothing had happened.
        context.options = {"err_detect": "explode"}
        yield container, stream


def conceals(context: VideoCodecContext) -> bool:
    """Whether the decoder paints over damage and flags the picture, instead of raising an error.

    With threads the flag may come after the picture has left: reading damaged H.264 files with three threads missed
    2 errors of 336, and not the same ones every time. So these codecs are decoded by one thread.
    """
    return context.name not in _HONEST_DECODERS


def check_file(path: Path) -> None:
    """Raises `VideoError` unless `path` is a readable file with something in it, all of it there."""
    if not path.exists():
        raise VideoError(f"{path}: no such file", "Check the path, and that the disk it lies on is mounted.")
    if path.is_dir():
        raise VideoError(f"{path}: is a folder, not a video", "Name a file, or use the folder as footage.")
    if not os.access(path, os.R_OK):
        raise VideoError(f"{path}: no permission to read it", f"Run: chmod u+r {str(path)!r}")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: is empty (0 bytes)", "Download or copy the file again.")
    missing = _missing_bytes(path)
    if missing:
        raise VideoError(f"{path}: is cut short, {missing:,} bytes are missing at its end", _CUT_SHORT)


def damaged(path: Path, where: str, detail: str) -> VideoError:
    """The error for data that does not decode."""
    return VideoError(f"{path}: damaged {where} ({detail})", _REENCODE)


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    # Text opens as "tty", pictures as "png_pipe", "image2" and the like.
    if container.format.name == "tty" or "image2" in container.format.name or container.format.name.endswith("_pipe"):
        raise VideoError(f"{path}: is not a video ({container.format.long_name})", _NOT_VIDEO)
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if stream.codec_context is None:
                raise VideoError(f"{path}: this FFmpeg has no decoder for its video", _REENCODE)
            return stream
    kind = "has sound but no video" if container.streams.audio else "has no video stream"
    raise VideoError(f"{path}: {kind}", _NOT_VIDEO)


def _cannot_open(path: Path, error: av.error.FFmpegError) -> VideoError:
    if "moov" not in {name for name, _, _ in _boxes(path)} and _is_mp4(path):
        return VideoError(f"{path}: is cut short, the index at its end (moov) is missing", _CUT_SHORT)
    return VideoError(f"{path}: is not a video that FFmpeg can read ({error.strerror})", _NOT_VIDEO)


def _missing_bytes(path: Path) -> int:
    """How many bytes the file's own headers promise beyond its end. 0 for formats that promise nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
    if _is_mp4(path):
        return max((start + length - size for _, start, length in _boxes(path)), default=0)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return max(_matroska_end(head) - size, 0)
    if head.startswith(b"RIFF") and head[8:11] == b"AVI":
        return max(8 + int.from_bytes(head[4:8], "little") - size, 0)
    return 0


_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"styp", b"uuid", b"meta"}


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] in _BOXES - {b"uuid", b"meta"}


def _boxes(path: Path) -> list[tuple[str, int, int]]:
    """Name, start and length of each top-level box of an mp4 or mov file; a length of 0 means to the end."""
    boxes: list[tuple[str, int, int]] = []
    start, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while start + 8 <= size:
            file.seek(start)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:
                length = size - start
            if length < 8 or head[4:8] not in _BOXES:
                break  # some cameras append notes of their own
            boxes.append((head[4:8].decode("ascii"), start, length))
            start += length
    return boxes


def _matroska_end(head: bytes) -> int:
    """Where the segment of a Matroska or WebM file ends, or 0 where the header does not say (live recordings).

    `head` is the first 64 bytes or more.
    """
    if len(head) < 64:
        return 0
    length, after = _vint(head, 4)
    segment = after + length
    if head[segment : segment + 4] != b"\x18\x53\x80\x67":
        return 0
    length, after = _vint(head, segment + 4)
    unknown = length == (1 << (7 * (after - segment - 4))) - 1
    return 0 if unknown else after + length


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """An EBML number: its value, and where the next thing begins."""
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big") & ((1 << (7 * width)) - 1), at + width
