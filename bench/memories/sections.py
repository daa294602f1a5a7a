"""A history cut into sections that do not depend on how it was written.

Sums of floating-point numbers depend on how many are added at once, so a network that is fed chunks of 7 frames and
one that is fed 13 differ in the last bit. Fed the same sections, they give the same bytes. The last section is held
back until the history ends, because only then it is known what its last frame is.
"""

from collections.abc import Iterator

import numpy as np

from bench.memories.intake import History
from bench.memories.resampling import Resampling, scaled
from bench.types import Frames, Size

SECTION_LATENTS = 4  # 2 s at 8 frames per second


class Sections:
    """Resamples a history as it streams in; `write` gives full sections, `finish` what is left.

    >>> history = History(24.0, Size(4, 2))
    >>> sections = Sections(history, fps=8.0, size=Size(8, 8))
    >>> [len(section) for section in sections.write(np.zeros((96, 2, 4, 3), np.uint8))], len(sections.finish())
    ([13, 16], 4)
    """

    def __init__(self, history: History, fps: float, size: Size) -> None:
        self._history = history
        self._size = size
        self._waiting: list[Frames] = []
        self._kept = 0  # frames kept so far
        self._passed = 0  # of these, how many were handed on
        self.resampling = Resampling(history.fps, fps)

    def write(self, frames: Frames) -> Iterator[Frames]:
        """The sections that this chunk completes, uint8 `[time, height, width, 3]`: 13 frames first, then 16."""
        for index, frame in self._history.take(frames):
            if index != self.resampling.source(self._kept):
                continue
            self._kept += 1
            if len(self._waiting) == self._full:
                yield self._section()
            self._waiting.append(scaled(frame, self._size).copy()[None])

    def finish(self) -> Frames:
        """The frames that are left (at least one), to which the last is repeated until a latent is full.

        Raises KeepframeError when the history has no frames.
        """
        self._history.header()
        short = (1 - self._kept) % 4
        self._waiting += [self._waiting[-1]] * short
        return self._section()

    @property
    def _full(self) -> int:
        return 4 * SECTION_LATENTS - (0 if self._passed else 3)

    def _section(self) -> Frames:
        section = np.concatenate(self._waiting)
        self._passed += len(section)
        self._waiting = []
        return section
