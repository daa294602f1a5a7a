"""The 22 bytes that open every built-in memory, and the rule from seconds to frames.

One header for all, so that the rates of two memories differ by what they keep and not by how they write it
down. A checksum over everything makes a truncated or foreign file an error, not a wrong picture.

    offset  bytes  what
         0      2  "K" and the letter of the mechanism
         2      8  frames per second, float64
        10      4  width and height, uint16
        14      4  number of frames of the history, uint32
        18      4  CRC-32 of the 18 bytes before and of the payload
        22         the payload
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import KeepframeError
from bench.types import Size

LAYOUT = struct.Struct("<2sdHHI")
CHECKSUM = struct.Struct("<I")
HEADER_BYTES = LAYOUT.size + CHECKSUM.size
TOLERANCE_S = 0.5e-3  # containers round times to milliseconds: 2/24 s may be asked as 0.083 s


@dataclass(frozen=True)
class Header:
    """Which history this is the memory of: frame rate, size in pixels, number of frames.

    >>> header = Header(fps=24.0, size=Size(832, 480), frames=48)
    >>> Header.unpack(b"C", header.pack(b"C", b"payload"))[1]
    b'payload'
    """

    fps: float
    size: Size
    frames: int

    @property
    def duration_s(self) -> float:
        """When the last frame ends."""
        return self.frames / self.fps

    def pack(self, kind: bytes, payload: bytes) -> bytes:
        """Header and payload as bytes. `kind` is the one letter of the mechanism."""
        fields = LAYOUT.pack(b"K" + kind, self.fps, self.size.width, self.size.height, self.frames)
        return fields + CHECKSUM.pack(zlib.crc32(payload, zlib.crc32(fields))) + payload

    @classmethod
    def unpack(cls, kind: bytes, data: bytes) -> tuple["Header", bytes]:
        """The inverse of `pack`. Raises KeepframeError for bytes of another kind, cut short or changed."""
        if data[:2] != b"K" + kind or len(data) < HEADER_BYTES:
            raise KeepframeError(
                f"These {len(data)} bytes are not a memory of kind {kind.decode()!r} (they begin with {data[:2]!r}).",
                "Read them with the encoder that wrote them, or encode the history again.",
            )
        payload = data[HEADER_BYTES:]
        (checksum,) = CHECKSUM.unpack_from(data, LAYOUT.size)
        if checksum != zlib.crc32(payload, zlib.crc32(data[: LAYOUT.size])):
            raise KeepframeError(
                f"A memory of {len(data)} bytes is damaged: its checksum does not match.",
                "It was cut short or changed after it was written; encode the history again.",
            )
        _, fps, width, height, frames = LAYOUT.unpack_from(data)
        return cls(fps, Size(width, height), frames), payload

    def frames_at(self, at_s: Sequence[float]) -> list[int]:
        """The index of the frame shown at each moment (seconds); the very end is the last frame's.

        Raises KeepframeError for a moment outside the history.

        >>> Header(fps=24.0, size=Size(64, 48), frames=48).frames_at([0.0, 0.083, 1.0, 2.0])
        [0, 2, 24, 47]
        """
        for moment in at_s:
            if not -TOLERANCE_S <= moment <= self.duration_s + TOLERANCE_S:
                raise KeepframeError(
                    f"Asked for {moment:g} s of a history of {self.duration_s:g} s.",
                    "Ask for moments from 0 to the end of the history.",
                )
        return [min(frame_at(moment, self.fps), self.frames - 1) for moment in at_s]


def frame_at(moment_s: float, fps: float) -> int:
    """The index of the frame shown at a moment of a history at a constant rate.

    >>> frame_at(0.999, fps=24.0), frame_at(0.9996, fps=24.0)
    (23, 24)
    """
    return max(0, int((moment_s + TOLERANCE_S) * fps + 1e-6))  # 1e-6 frames: float rounding at exactly half a ms
