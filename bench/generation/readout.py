"""The generator of a memory that needs none: it hands on what the memory answers by itself."""

from collections.abc import Iterator

from bench.errors import UsageError
from bench.protocols import Memory, ReadableMemory
from bench.types import Continue, Frames, Recall


class ReadOut:
    """Answers `Recall` with `memory.recall(at_s)`, in one chunk. Nothing is random: the seed is not used.

    Raises UsageError, before the first frame, for a memory without `recall` and for `Continue`.

    >>> import numpy as np
    >>> from bench import Size
    >>> from bench.memories.constant import ConstantColour
    >>> encoder = ConstantColour()
    >>> encoder.begin(fps=24.0, size=Size(4, 2))
    >>> encoder.write(np.zeros((5, 2, 4, 3), np.uint8))
    >>> [chunk.shape for chunk in ReadOut().generate(encoder.finish(), Recall((0.0, 0.1)), seed=0)]
    [(2, 2, 4, 3)]
    """

    def generate(self, memory: Memory, request: Recall | Continue, *, seed: int) -> Iterator[Frames]:
        """The recalled frames, uint8 `[time, height, width, 3]`, in the order of `request.at_s`."""
        if isinstance(request, Continue):
            raise UsageError(
                "A read-out only brings back what was shown; it cannot continue a history.",
                "Name a generator that can: `keepframe list` shows them.",
            )
        if not isinstance(memory, ReadableMemory):
            raise UsageError(
                f"{type(memory).__name__} has no recall(at_s), so it needs a generator to be read.",
                "Name its generator in the spec, or give the memory a recall method.",
            )
        return iter([memory.recall(request.at_s)])
