"""Writes video files that play everywhere, and stores frames without loss.

A file appears under its name only when it is complete: until then it has a name of its own, so a killed process
leaves nothing that could be mistaken for a video. The same frames give the same bytes on every machine, since
the number of encoder threads, which decides them, is fixed.
"""

import io
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from jaxtyping import UInt8

from bench.digest import digest_bytes
from bench.errors import UnavailableError, UsageError, VideoError
from bench.types import Frames, Size
from bench.video.encoders import X264_PARAMS, X265_PARAMS, ordinary_priority

Codec = Literal["libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1"]

Chunk = UInt8[np.ndarray, "_ height width 3"]
"""Frames of a stream, whose chunks may differ in length."""

_THREADS = 4
_REPRODUCIBLE = {"fflags": "+bitexact"}  # no random identifiers, no dates
_DIGEST = "FRAMES_SHA256"
_CRF: dict[str, int] = {"libx264": 18, "libx265": 20, "libvpx-vp9": 24, "libsvtav1": 24}
_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_CHROMA = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT
_BT709 = 1  # AVCOL_SPC_BT709


class VideoWriter:
    """Writes RGB frames to an mp4, mov, mkv or webm file, as BT.709 limited-range 4:2:0.

    Odd widths or heights are written as 4:4:4, which 4:2:0 cannot hold. `codec="ffv1"` (mkv) keeps RGB exactly.
    `crf` is the codec's own constant-quality scale; by default good enough to be looked at.

    Raises `UsageError` for a wrong size, shape or suffix; `UnavailableError` where FFmpeg lacks the codec.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "grey.mp4"
    ...     with VideoWriter(path, 24, Size(64, 48)) as writer:
    ...         writer.write(np.full((12, 48, 64, 3), 128, np.uint8))
    ...     path.exists()
    True
    """

    def __init__(
        self, path: Path, fps: Fraction | float, size: Size, *, codec: Codec = "libx264", crf: int | None = None
    ) -> None:
        if path.suffix.lower() not in _CONTAINERS:
            raise UsageError(f"{path}: unknown video suffix", f"Use one of {', '.join(_CONTAINERS)}.")
        self.path = path
        self.size = size
        self.frames = 0
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._rate = Fraction(fps).limit_denominator(1001)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(
            f"file:{self._part}",
            "w",
            format=_CONTAINERS[path.suffix.lower()],
            options=_REPRODUCIBLE | ({"movflags": "+faststart"} if path.suffix.lower() in {".mp4", ".mov"} else {}),
        )
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings otherwise
        try:
            self._stream = self._container.add_stream(codec, rate=self._rate, options=_options(codec, crf, size))
        except (av.error.FFmpegError, ValueError) as error:
            self._abandon()
            raise UnavailableError(f"FFmpeg cannot write {codec} here ({error})", "Use codec='libx264'.") from error
        context = self._stream.codec_context
        context.width, context.height = size
        context.thread_count = _THREADS
        context.time_base = 1 / self._rate
        if codec == "ffv1":
            context.pix_fmt = "bgr0"
            return
        context.pix_fmt = "yuv444p" if size.width % 2 or size.height % 2 else "yuv420p"
        context.colorspace, context.color_range = _BT709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709

    def write(self, frames: Frames) -> None:
        """Appends frames of the writer's size."""
        if frames.dtype != np.uint8 or frames.shape[1:] != (self.size.height, self.size.width, 3):
            raise UsageError(
                f"{self.path}: got frames of {frames.dtype} {frames.shape}",
                f"Write uint8 frames [time, {self.size.height}, {self.size.width}, 3].",
            )
        for picture in frames:
            frame = self._converted(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
            frame.pts, frame.time_base = self.frames, 1 / self._rate
            self._container.mux(self._stream.encode(frame))
            if not self.frames:  # it was opened just now
                ordinary_priority()
            self.frames += 1

    def close(self) -> None:
        """Finishes the file and gives it its name."""
        if not self.frames:
            self._abandon()
            raise VideoError(f"{self.path}: no frame was written", "Write at least one frame.")
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._part.replace(self.path)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._abandon()

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        pixels = self._stream.codec_context.pix_fmt
        if pixels == "bgr0":
            return frame.reformat(format=pixels)
        return frame.reformat(
            format=pixels,
            interpolation=_CHROMA,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )

    def _abandon(self) -> None:
        self._container.close()
        self._part.unlink(missing_ok=True)


def _options(codec: Codec, crf: int | None, size: Size) -> dict[str, str]:
    slices = {"level": "3", "slices": "4"} if min(size) > 1 else {"level": "1"}  # slices carry the checksums
    quality = {} if codec == "ffv1" else {"crf": str(_CRF[codec] if crf is None else crf)}
    own: dict[str, dict[str, str]] = {
        "libx264": {"preset": "veryfast", "x264-params": X264_PARAMS},
        "libx265": {"preset": "medium", "x265-params": X265_PARAMS},
        "libvpx-vp9": {"b": "0", "cpu-used": "4"},
        "libsvtav1": {"preset": "8"},
        "ffv1": {"g": "1", "coder": "0", **slices},  # Golomb-Rice: fastest, 10 % larger
    }
    return {**own[codec], **quality}


def write_video(
    path: Path, frames: Iterable[Chunk], fps: Fraction | float, *, codec: Codec = "libx264", crf: int | None = None
) -> Path:
    """Writes a stream of chunks of frames; the size is that of the first chunk. Returns the path."""
    chunks = iter(frames)
    first = next(chunks, None)
    if first is None:
        raise VideoError(f"{path}: no frame was written", "Write at least one frame.")
    with VideoWriter(path, fps, Size(first.shape[2], first.shape[1]), codec=codec, crf=crf) as writer:
        writer.write(first)
        for chunk in chunks:
            writer.write(chunk)
    return path


def encode_lossless(frames: Frames, fps: Fraction | float = 1) -> bytes:
    """Frames as the bytes of an FFV1 Matroska file: exact, about a third of their size, playable by FFmpeg.

    >>> frames = np.arange(2 * 5 * 7 * 3, dtype=np.uint8).reshape(2, 5, 7, 3)
    >>> bool((decode_lossless(encode_lossless(frames)) == frames).all())
    True
    """
    buffer = io.BytesIO()
    size = Size(frames.shape[2], frames.shape[1])
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(buffer, "w", format="matroska", options=_REPRODUCIBLE) as container:
        container.metadata[_DIGEST] = digest_bytes(frames.tobytes())
        stream = container.add_stream("ffv1", rate=rate, options=_options("ffv1", None, size))
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        stream.codec_context.thread_count = _THREADS
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = k, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_lossless(data: bytes) -> Frames:
    """The inverse of `encode_lossless`. Raises `VideoError` if a single pixel would differ."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
            # FFmpeg sees the checksums of FFV1 fail, and hands out the frame before instead: so we keep our own.
            if container.metadata.get(_DIGEST) != digest_bytes(frames.tobytes()):
                raise ValueError("they differ from their checksum")
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise VideoError(
            f"stored frames are damaged ({error})", "Delete the entry and run the command again."
        ) from error
    return frames
