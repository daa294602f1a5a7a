"""The libraries that can decode, behind one interface, chosen by one word of the run's decode settings.

"pyav" is the default and the one that is proved exact (bench/video/stamped.py). "decord" exists because many
training pipelines read with it, and whoever wants to know what their model saw must read as they did.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, runtime_checkable

from bench.types import Clip, Frames, Size
from bench.video import read
from bench.video.picture import Fit

ReaderName = Literal["pyav", "decord"]


@runtime_checkable
class Reader(Protocol):
    """What a module must offer to be a reader; see bench/video/read.py for the meaning."""

    def stream(
        self,
        clip: Clip,
        indices: Sequence[int] | None = None,
        *,
        size: Size | None = None,
        fit: Fit = "crop",
        chunk: int = 32,
    ) -> Iterator[Frames]: ...

    def read_frames(
        self, clip: Clip, indices: Sequence[int], *, size: Size | None = None, fit: Fit = "crop"
    ) -> Frames: ...


def reader(name: ReaderName = "pyav") -> Reader:
    """The reader of this name. Raises `UnavailableError` if its library is not installed.

    >>> reader("pyav").read_frames.__module__
    'bench.video.read'
    """
    if name == "pyav":
        return read
    from bench.video import decord_reader

    return decord_reader
