"""Models that the user brings, because their licences or their training keep them out of this project.

ArcFace's weights, CoTracker and AMT are for research only, VBench-2.0's anatomy detectors stand on GPL code. Who may
use them names a class of a few lines: `keepframe score … --model face=./mine.py:Faces`. It is called without
arguments. Its `name` (model and version) and its code stand in the address of every score that it made.
docs/SCORES.md shows one of each.

What they return is looked at before it counts: a tracker that loses a frame must not make a camera stand still.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from bench import registry
from bench.errors import KeepframeError, UsageError, did_you_mean
from bench.types import Frames, Size

Frame = UInt8[np.ndarray, "height width 3"]
"""RGB, 0 to 255."""


@runtime_checkable
class FaceModel(Protocol):
    """Finds faces and tells them apart: RetinaFace and ArcFace, say."""

    name: str

    def faces(self, frame: Frame) -> Sequence[Float[np.ndarray, " channel"]]:
        """An embedding of every face in the frame; none where there is none. Cosines of 0.4 mean the same person."""


@runtime_checkable
class Tracking(Protocol):
    """Points being followed through a video."""

    def write(self, frames: Frames) -> None: ...

    def finish(self) -> Float[np.ndarray, "time point 2"]:
        """x and y of every point in every frame, in pixels."""


@runtime_checkable
class PointTracker(Protocol):
    """Follows a grid of points from the first frame on: CoTracker, say."""

    name: str

    def begin(self, size: Size, grid: int) -> Tracking:
        """`grid` x `grid` points, row by row, evenly spread over the first frame."""


@runtime_checkable
class Interpolator(Protocol):
    """Draws the frame in the middle between two: AMT, say."""

    name: str

    def between(self, first: Frame, second: Frame) -> Frame: ...


class Persons(NamedTuple):
    """Persons seen in a frame, and how many of them have a body, a face or a hand that is not as it should be."""

    seen: int
    abnormal: int


@runtime_checkable
class AnatomyModel(Protocol):
    """Finds persons and says which are malformed: VBench-2.0's detectors, say."""

    name: str

    def look(self, frame: Frame) -> Persons: ...


KINDS: Mapping[str, type] = {
    "face": FaceModel,
    "tracker": PointTracker,
    "interpolator": Interpolator,
    "anatomy": AnatomyModel,
}


def open_model(kind: str, ref: str) -> Any:
    """The model that `ref` names (`package.module:Attr`, `./file.py:Attr`), made without arguments.

    Raises UsageError for a kind that does not exist or a model that is not of it.
    """
    if kind not in KINDS:
        raise UsageError(f"No models are of kind {kind!r}.", did_you_mean(kind, KINDS))
    if ":" not in ref:
        raise UsageError(f"{ref!r} names no {kind} model.", f"Write --model {kind}=./mine.py:Attr")
    model = registry.made(kind, ref)
    if not isinstance(model, KINDS[kind]):
        lacking = [name for name in _ASKED[kind] if not hasattr(model, name)]
        raise UsageError(
            f"{ref} is no {kind} model: it has no {', '.join(lacking)}.", "docs/SCORES.md shows a whole one."
        )
    return model


def identity(model: Any) -> str:
    """What tells this model from others: its name, its class and its code."""
    return f"{model.name} {type(model).__qualname__} {registry.code_digest(type(model))}"


def returned(kind: str, model: Any, what: str) -> KeepframeError:
    """The error of a model that returned something else than it should."""
    return KeepframeError(f"The {kind} model {model.name} returned {what}.", _MUST[kind])


_ASKED = {
    "face": ("name", "faces"),
    "tracker": ("name", "begin"),
    "interpolator": ("name", "between"),
    "anatomy": ("name", "look"),
}
_MUST = {
    "face": "faces(frame) returns a list of vectors of one length, one for each face, none of them zero.",
    "tracker": "finish() returns x and y in pixels, [time, point, 2]: all frames written, grid x grid points.",
    "interpolator": "between(first, last) returns a frame of their size, RGB, uint8.",
    "anatomy": "look(frame) returns two whole numbers: persons seen, and how many of these are malformed.",
}
