"""The `retrieval` suite: which moments of which history are asked for.

A memory is made of the first `horizon_s` of a clip and asked for the frames at `moments` random times. The
times are drawn once per clip and horizon, from a seed and the clip's content, so every memory gets the same
questions and a renamed file gets the same ones. One time is drawn in each of `moments` equal spans of the
history: as random as independent draws for the mean, and no part of the history goes unasked.

Queries are *undeclared* by default: the encoder sees the history without knowing what will be asked. The paper
(arXiv 2512.23851) trains with *declared* ones, where the asked frames are the clean ones in the encoder's
input; `queries = "declared"` tells encoders that can use it.
"""

import hashlib
import itertools
from typing import Literal

import numpy as np

from bench.errors import UsageError
from bench.types import Case, Clip, Recall
from bench.video.read import grid


class Retrieval:
    """Recall at `moments` times a video, for each horizon.

    A clip takes part in a horizon if it is at least that long. The shortest horizon takes every clip: one that
    is shorter is used whole, since leaving it out would hide it.

    >>> Retrieval(horizons_s=[20.0, 60.0]).version
    '1'
    """

    name = "retrieval"
    version = "1"

    def __init__(
        self,
        *,
        moments: int = 16,
        horizons_s: list[float] | None = None,
        queries: Literal["undeclared", "declared"] = "undeclared",
        seed: int = 0,
    ) -> None:
        horizons_s = sorted(set(horizons_s or [20.0]))
        if moments < 1:
            raise UsageError(f"retrieval: moments = {moments} asks nothing.", "Use 1 or more.")
        if horizons_s[0] <= 0:
            raise UsageError(f"retrieval: a horizon of {horizons_s[0]} s has no frames.", "Use seconds above 0.")
        self.moments = moments
        self.horizons_s = horizons_s
        self.queries = queries
        self.seed = seed

    def cases(self, clip: Clip, name: str, fps: float) -> list[Case]:
        """The questions about one clip whose history is read at `fps` frames/s. `name` is the video's, its group."""
        cases = []
        for horizon_s in self.horizons_s:
            if clip.duration_s < horizon_s - 0.5 / fps and horizon_s > self.horizons_s[0]:
                continue
            history_s = min(horizon_s, clip.duration_s)
            frames = self._draw(clip.digest, horizon_s, len(grid(clip, fps, history_s)))
            # the middle of a frame's time on screen: no rounding of a container can move it to a neighbour
            request = Recall(at_s=tuple((int(frame) + 0.5) / fps for frame in frames))
            label = name if len(self.horizons_s) == 1 else f"{name} @{horizon_s:g}s"
            cases.append(Case(label, clip, request, name, horizon_s, history_s))
        return cases

    def _draw(self, clip_digest: str, horizon_s: float, frames: int) -> np.ndarray:
        """Distinct frame indices in ascending order, one in each of `moments` equal spans of the history."""
        text = f"retrieval {self.seed} {clip_digest} {horizon_s!r}"
        random = np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")))
        spans = min(self.moments, frames)
        edges = np.floor(np.arange(spans + 1) * frames / spans).astype(int)
        return np.array([random.integers(low, high) for low, high in itertools.pairwise(edges)])
