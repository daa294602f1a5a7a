"""Frames to a video bitstream and back, as a codec would really store them.

The stream is raw (Annex B for H.264 and HEVC, OBUs with temporal delimiters for AV1): no container, so the bytes
are the codec's own.

The same frames must give the same bytes, so encoders run on one thread (and see bench/video/encoders.py). x265 writes
beyond its buffers for frames narrower than 60 pixels and takes the process down, so small frames are padded.

The banner in which x264 and x265 describe themselves is left out: it says nothing about the video and weighs up to
700 bytes, which matters at low rates.

The rate is one-pass average bitrate: a history streams in and its length is unknown, so a second pass is not
possible. Presets are what 2 cores can afford: 20 s of 416x240 at 25 to 400 kbit/s in 1 to 5 s of one core.
"""

import io
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Colorspace, Interpolation

from bench.errors import KeepframeError, UnavailableError
from bench.memories.picture import Picture
from bench.types import Size
from bench.video.encoders import X264_PARAMS, X265_PARAMS, ordinary_priority

CodecName: TypeAlias = Literal["h264", "hevc", "av1"]

# exact rounding and interpolated chroma: swscale's defaults cost 14 dB on the same detail
SCALING = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
ONE_KEYFRAME = 1_000_000  # the longest distance between keyframes: recall decodes from the start, seeking is not needed


@dataclass(frozen=True)
class Recipe:
    """How one codec is run: FFmpeg's encoder, the raw format, the smallest side it takes, its options."""

    encoder: str
    format: str
    smallest_side: int
    options: dict[str, str]
    strip: str | None = field(default=None)


RECIPES: dict[CodecName, Recipe] = {
    "h264": Recipe(
        "libx264",
        "h264",
        2,
        {"preset": "fast", "x264-params": X264_PARAMS},
        strip="filter_units=remove_types=6",
    ),
    "hevc": Recipe(
        "libx265",
        "hevc",
        64,
        {
            "preset": "superfast",
            "x265-params": f"{X265_PARAMS}:info=0:pools=none:frame-threads=1",
        },
    ),
    # SVT-AV1 above preset 8 leaves wrong blocks behind, seen on stamped clips
    "av1": Recipe("libsvtav1", "obu", 64, {"preset": "8", "svtav1-params": "rc=1:lp=1"}),
}
CODECS: tuple[CodecName, ...] = get_args(CodecName)


def padded(size: Size, codec: CodecName) -> Size:
    """The size that is coded: even, and no smaller than the encoder takes.

    >>> padded(Size(321, 241), "h264"), padded(Size(40, 30), "av1")
    (Size(width=322, height=242), Size(width=64, height=64))
    """
    smallest = RECIPES[codec].smallest_side
    return Size(*(max(smallest, side + side % 2) for side in size))


class BitstreamWriter:
    """Encodes frames one by one; `close` gives the whole stream.

    Raises UnavailableError when this build of PyAV has no such encoder, KeepframeError when it refuses the video.
    """

    def __init__(self, codec: CodecName, fps: float, size: Size, bitrate_kbps: float) -> None:
        recipe = RECIPES[codec]
        if recipe.encoder not in av.codecs_available:
            raise UnavailableError(f"PyAV has no encoder {recipe.encoder} here.", "pip install --only-binary av av")
        os.environ.setdefault("SVT_LOG", "1")  # errors only: SVT-AV1 writes a banner to stderr otherwise
        coded = padded(size, codec)
        self._margin = ((0, coded.height - size.height), (0, coded.width - size.width), (0, 0))
        rate = Fraction(fps).limit_denominator(1_000_000)
        context = av.CodecContext.create(recipe.encoder, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = coded.width, coded.height, "yuv420p"
        context.framerate, context.time_base = rate, 1 / rate
        context.bit_rate = round(bitrate_kbps * 1000)
        context.gop_size = ONE_KEYFRAME
        context.thread_count = 1
        context.options = dict(recipe.options)
        try:
            context.open()
        except FFmpegError as error:
            raise KeepframeError(
                f"{recipe.encoder} refuses {size} pixels, {fps:g} frames per second, {bitrate_kbps:g} kbit/s: {error}",
                "Choose another bitrate, codec or size.",
            ) from error
        ordinary_priority()
        self._context = context
        self._strip = BitStreamFilterContext(recipe.strip, codec) if recipe.strip else None
        self._stream = bytearray()
        self._frames = 0

    def write(self, frame: Picture) -> None:
        """Encode the next frame (RGB). The frame is copied."""
        whole = np.pad(frame, self._margin, mode="edge")  # repeat the border: cheaper to code than black
        picture = av.VideoFrame.from_ndarray(whole, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU601, interpolation=SCALING
        )
        picture.pts = self._frames
        self._frames += 1
        self._emit(self._context.encode(picture))

    def close(self) -> bytes:
        """Finish the stream and return it."""
        self._emit(self._context.encode(None))
        return bytes(self._stream)

    def _emit(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            for part in self._strip.filter(packet) if self._strip else [packet]:
                self._stream += bytes(part)


def decode(stream: bytes, codec: CodecName, wanted: Collection[int]) -> dict[int, Picture]:
    """The frames (RGB, of the coded size) at these indices, decoded in one pass from the start.

    Raises KeepframeError when the stream is damaged or ends before the last of them.
    """
    pictures: dict[int, Picture] = {}
    last = max(wanted, default=-1)
    if last < 0:
        return pictures
    try:
        with av.open(io.BytesIO(stream), mode="r", format=RECIPES[codec].format) as container:
            for index, picture in enumerate(container.decode(video=0)):
                if index in wanted:
                    rgb = picture.reformat(format="rgb24", src_colorspace=Colorspace.ITU601, interpolation=SCALING)
                    pictures[index] = rgb.to_ndarray()
                if index == last:
                    return pictures
    except (FFmpegError, IndexError) as error:
        raise KeepframeError(f"A {codec} memory does not decode: {error}", "Encode the history again.") from error
    raise KeepframeError(f"A {codec} memory ends before frame {last}.", "Encode the history again.")
