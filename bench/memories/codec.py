"""A video codec as a memory: the bitstream is what is kept.

H.264, HEVC and AV1 are what everybody already has. A learned memory that loses to them at the same bytes has to
say what it is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.memories.bitstream import CODECS, BitstreamWriter, CodecName, decode
from bench.memories.header import Header
from bench.memories.intake import History, begun
from bench.types import Frames, Size

KINDS: dict[CodecName, bytes] = {"h264": b"4", "hevc": b"5", "av1": b"1"}


@dataclass(frozen=True)
class CodecMemory:
    """A raw bitstream (see `bench.memories.bitstream`) behind the header."""

    header: Header
    codec: CodecName
    stream: bytes

    @property
    def tokens(self) -> None:
        """A bitstream is not read by a DiT."""
        return None

    @property
    def floats(self) -> None:
        """A bitstream is not read by a network."""
        return None

    def to_bytes(self) -> bytes:
        """Header and bitstream."""
        return self.header.pack(KINDS[self.codec], self.stream)

    def recall(self, at_s: Sequence[float]) -> Frames:
        """The decoded frames at these moments, from one pass over the stream."""
        width, height = self.header.size
        asked = self.header.frames_at(at_s)
        pictures = decode(self.stream, self.codec, set(asked))
        recalled = np.empty((len(asked), height, width, 3), np.uint8)
        for place, index in enumerate(asked):
            recalled[place] = pictures[index][:height, :width]
        return recalled


class Codec:
    """Keeps the history as a bitstream of `codec` at about `bitrate_kbps` (1000 bits per second).

    The rate control is one-pass, so the measured bytes may miss the bitrate (by a fifth on 10 to 20 s of real
    video for H.264 and HEVC, by up to a half for AV1); they are what counts.
    Raises UsageError for an unknown codec or a bitrate that is not positive.

    >>> encoder = Codec(codec="h264", bitrate_kbps=50.0)
    >>> encoder.begin(fps=24.0, size=Size(64, 48))
    >>> encoder.write(np.full((5, 48, 64, 3), 128, np.uint8))
    >>> encoder.finish().recall([0.1]).shape
    (1, 48, 64, 3)
    """

    def __init__(self, *, codec: CodecName = "h264", bitrate_kbps: float = 100.0) -> None:
        if codec not in KINDS:
            raise UsageError(f"Unknown codec {codec!r}.", did_you_mean(codec, CODECS))
        if not (isfinite(bitrate_kbps) and bitrate_kbps > 0):
            raise UsageError(f"bitrate_kbps = {bitrate_kbps} must be above 0.", "Mend it in the memory's args.")
        self._codec: CodecName = codec
        self._bitrate_kbps = bitrate_kbps
        self._history: History | None = None

    def begin(self, fps: float, size: Size) -> None:
        """Start a history, and the encoder."""
        self._history = History(fps, size)
        self._writer = BitstreamWriter(self._codec, self._history.fps, self._history.size, self._bitrate_kbps)

    def write(self, frames: Frames) -> None:
        """Encode a chunk."""
        for _, frame in begun(self._history).take(frames):
            self._writer.write(frame)

    def finish(self) -> CodecMemory:
        """The memory."""
        header = begun(self._history).header()
        self._history = None
        return CodecMemory(header, self._codec, self._writer.close())

    def from_bytes(self, data: bytes) -> CodecMemory:
        """The inverse of `to_bytes`. Raises KeepframeError for the bytes of another codec."""
        header, stream = Header.unpack(KINDS[self._codec], data)
        return CodecMemory(header, self._codec, stream)
