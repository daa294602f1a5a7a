"""Faces over a video: is it one person from the first frame to the last? By the user's face model.

Two published counts of the same thing: the paper's FaceID (every frame with a face against the first frame's) and
VBench-2.0's Human_Identity (frames with exactly one face, twenty at least). Both call a cosine of 0.4 the same person.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from bench.digest import key
from bench.types import Clip, Frames
from suites.features.plugins import identity, returned
from suites.features.protocols import Arrays, Evidence, Feature, Reads, Series, View
from suites.features.sampling import every
from suites.judging.protocol import DroppedOut

SAME = 0.4
LEAST_FRAMES = 20


class Faces:
    """`count[frame]`, how many faces, and `embedding[frame, channel]`, the first of them (zeros without any)."""

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, model: Any) -> None:
        self.name = f"faces {key('face', identity=identity(model))[:16]}"
        self._model = model

    def frames(self, clip: Clip) -> Sequence[int]:
        return every(clip)

    def begin(self, clip: Clip) -> "_Looking":
        return _Looking(self._model)


class _Looking:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._width = 0
        self._found: list[tuple[int, np.ndarray | None]] = []

    def write(self, frames: Frames) -> None:
        for frame in frames:
            faces = self._model.faces(frame)
            try:
                count, first = len(faces), np.asarray(faces[0], np.float64) if len(faces) else None
            except (TypeError, ValueError) as error:
                raise returned("face", self._model, f"no list of vectors ({error})") from error
            if first is not None:
                self._check(first)
            self._found.append((count, first))

    def _check(self, face: np.ndarray) -> None:
        if face.shape != (self._width or face.size,):
            raise returned("face", self._model, f"a face of shape {face.shape} after some of length {self._width}")
        length = float(np.linalg.norm(face))
        if not (np.isfinite(length) and length > 0):  # without a direction it is nobody's
            raise returned("face", self._model, f"a face of length {length:g}")
        self._width = face.size

    def finish(self) -> Arrays:
        rows = [np.zeros(self._width) if one is None else one for _, one in self._found]
        return {"count": np.array([count for count, _ in self._found], np.int64), "embedding": np.stack(rows)}


def likeness(embeddings: Float64[np.ndarray, "frame channel"], to: int = 0) -> Float64[np.ndarray, " frame"]:
    """Cosine of every face with that of frame `to`.

    >>> likeness(np.array([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 0.0]
    """
    lengths = np.maximum(np.linalg.norm(embeddings, axis=1), 1e-12)
    return np.asarray(embeddings @ embeddings[to] / lengths / lengths[to])


class FaceIdentity:
    """The part of the frames with a face whose face is that of the first frame, by the user's face model.

    The paper's FaceID, at VBench-2.0's threshold (the paper does not give its own). One value (0 or 1) for each later
    frame with a face. Where the first frame shows none, the first face that is seen stands for it.
    """

    name = "face_identity"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("face",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Faces(evidence.model("face")),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features[Faces(evidence.model("face")).name]
        seen = np.flatnonzero(found["count"] > 0)
        if len(seen) < 2:
            raise DroppedOut.because(evidence.clip, f"frames that show a face: {len(seen)}, not 2 or more")
        same = likeness(found["embedding"][seen])[1:] >= SAME
        return Series(seen[1:].astype(np.int64), same.astype(np.float64))


class HumanIdentity:
    """VBench-2.0-style Human_Identity: of the frames with exactly one face, the part that shows the first frame's.

    The first frame must show exactly one face and twenty later ones too, else the video drops out. One difference:
    where no face is found at all, VBench-2.0 counts the frame as consistent; here it does not count.
    """

    name = "vbench2_human_identity"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("face",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Faces(evidence.model("face")),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features[Faces(evidence.model("face")).name]
        if found["count"][0] != 1:
            raise DroppedOut.because(evidence.clip, f"faces in the first frame: {found['count'][0]}, not 1")
        alone = np.flatnonzero(found["count"] == 1)
        if len(alone) - 1 < LEAST_FRAMES:
            seen = len(alone) - 1
            raise DroppedOut.because(evidence.clip, f"later frames that show one face: {seen}, not {LEAST_FRAMES}")
        same = likeness(found["embedding"][alone])[1:] >= SAME
        return Series(alone[1:].astype(np.int64), same.astype(np.float64))
