"""A memory that is one picture: whatever moment is asked, it answers with that picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.memories.header import Header
from bench.memories.picture import Picture, compress, decompress, picture_tokens
from bench.types import Frames


@dataclass(frozen=True)
class StillMemory:
    """One WebP picture. `kind` says whose, `kept_s` at which moments it is literally the frame that was shown."""

    header: Header
    kind: bytes
    picture: bytes
    kept_s: tuple[float, ...] = ()

    @classmethod
    def of(cls, header: Header, kind: bytes, picture: Picture, quality: int) -> "StillMemory":
        """The memory of a picture (RGB, of the history's size)."""
        return cls(header, kind, compress(picture, quality))

    @property
    def tokens(self) -> int:
        """Tokens of one frame of this size."""
        return picture_tokens(self.header.size)

    @property
    def floats(self) -> None:
        """Pixels are not read by a network as they are."""
        return None

    def to_bytes(self) -> bytes:
        """Header and picture."""
        return self.header.pack(self.kind, self.picture)

    def recall(self, at_s: Sequence[float]) -> Frames:
        """The picture once for each moment, uint8 `[len(at_s), height, width, 3]`."""
        asked = self.header.frames_at(at_s)
        picture = decompress(self.picture)
        return np.repeat(picture[None], len(asked), axis=0)
