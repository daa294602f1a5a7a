"""The small synthetic histories on which the contract kit tries an encoder, and how it writes and asks them."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bench.generation.readout import ReadOut
from bench.protocols import MemoryEncoder, VideoGenerator
from bench.types import Frames, Recall, Size

FPS = 12.0
FRAMES = 24
SIZE = Size(64, 48)
ODD_SIZES = (Size(67, 35), Size(35, 67))
ASKED_S = (1.25, 0.0, 1.75, 0.5, 1.25)  # out of order, and one of them twice
CHUNK = 6  # divides FRAMES, so that one buffer can be used again and again


class Trial:
    """An encoder under test, and the histories it is tried on."""

    def __init__(self, make: Callable[[], MemoryEncoder], generator: VideoGenerator | None) -> None:
        self.make = make
        self.generator = generator
        self.history = synthetic_history(FRAMES, SIZE)
        self.other = 255 - self.history[::-1]

    @cached_property
    def data(self) -> bytes:
        """The bytes of the memory of `history`, written in chunks of 6."""
        data: bytes = self.encode().to_bytes()
        return data

    def encode(self, frames: Frames | None = None, chunk: int = CHUNK, encoder: MemoryEncoder | None = None) -> Any:
        """What comes of writing some frames. Not trusted to be a memory.

        Every chunk is an array of its own, so that nothing lies beyond its end.
        """
        frames = self.history if frames is None else frames
        encoder = encoder or self.make()
        encoder.begin(FPS, Size(frames.shape[2], frames.shape[1]))
        for start in range(0, len(frames), chunk):
            encoder.write(frames[start : start + chunk].copy())
        return encoder.finish()

    def recall(self, memory: Any, at_s: Sequence[float] = ASKED_S) -> Any:
        """What comes back. Not trusted to be frames."""
        if callable(getattr(memory, "recall", None)):
            return memory.recall(at_s)
        reader = self.generator or ReadOut()
        return np.concatenate(list(reader.generate(memory, Recall(tuple(at_s)), seed=0)))


def synthetic_history(frames: int, size: Size) -> Frames:
    """Moving stripes under a square that travels: every frame differs, nothing is dark. RGB, 32 to 255."""
    x, y = np.meshgrid(np.arange(size.width), np.arange(size.height))
    history = np.empty((frames, size.height, size.width, 3), np.uint8)
    for t in range(frames):
        history[t] = 96 + 64 * np.sin((x[..., None] + 2 * y[..., None] + 3 * t) / np.array([5.0, 7.0, 11.0]))
        left, top = 2 * t % size.width, t % size.height
        history[t, top : top + 12, left : left + 12] = (255, 200, 160)
    return history
