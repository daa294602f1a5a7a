"""Models that the user brings, because their licences or their training keep them out of this project.

ArcFace's weights, CoTracker and AMT are for research only, VBench-2.0's anatomy detectors stand on GPL code. Who may
use them names a class of a few lines: `keepframe score … --model face=./mine.py:Faces`. It is called without
arguments. Its `name` (model and version) and its code stand in the address of every score that it made.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from bench import registry
from bench.errors import UsageError, did_you_mean
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
    make: Callable[[], Any] = registry.resolve(kind, ref)
    model = make()
    if not isinstance(model, KINDS[kind]):
        raise UsageError(f"{ref} is no {kind} model.", f"See {KINDS[kind].__name__} in suites/features/plugins.py.")
    return model


def identity(model: Any) -> str:
    """What tells this model from others: its name and its code."""
    return f"{model.name} {registry.code_digest(type(model))}"
