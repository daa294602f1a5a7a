"""The nouns: clips, requests, cases. Small, frozen, and free of tensors, so that they can be planned,
sent to workers and written down. Times are in seconds from a clip's first frame, which is at 0."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

Frames = UInt8[np.ndarray, "time height width 3"]
"""Decoded video: RGB, 0 to 255, in display order."""


class Size(NamedTuple):
    """Width and height in pixels, as displayed (after rotation)."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Clip:
    """A video file that was read once from end to end. Never a tensor.

    `times_s[i]` is when frame `i` begins to be shown, from the first frame's time (so `times_s[0] == 0.0`,
    whatever start time the container has), and `duration_s` is when the last frame ends.
    """

    path: Path
    digest: str  # sha256 of the file's bytes
    fps: Fraction  # mean rate: exact for constant-rate files
    size: Size
    times_s: tuple[float, ...] = field(repr=False)
    duration_s: float

    @property
    def frames(self) -> int:
        """Exact number of frames."""
        return len(self.times_s)


@dataclass(frozen=True)
class Prompt:
    """One line of a storyboard: from `at_s` on, the video shows `text`."""

    at_s: float
    text: str


@dataclass(frozen=True)
class Recall:
    """Bring back the frames shown at these moments of the history."""

    at_s: tuple[float, ...]


@dataclass(frozen=True)
class Continue:
    """Go on from the end of the history by this storyboard, for `seconds`."""

    storyboard: tuple[Prompt, ...]
    seconds: float


@dataclass(frozen=True)
class Case:
    """One question about one clip: a memory is made of the first `history_s`, then asked `request`.

    `group` is the source video: the statistical unit. Cases of one video at several horizons share it.
    """

    id: str
    clip: Clip
    request: Recall | Continue
    group: str
    horizon_s: float  # the horizon this case belongs to; `history_s` is shorter where the clip is
    history_s: float
