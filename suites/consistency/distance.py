"""Similarity against distance in time: what a long video forgets, and over how many seconds.

One mean over neighbouring frames hides slow change, and comparing with the first frame alone confuses change with
its moment. So all pairs of frames count, sorted by how far apart they are.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from bench.errors import KeepframeError
from suites.features.looks import Looks
from suites.features.protocols import Evidence, Feature, Series
from suites.vbench.consistency import missing
from suites.vbench.embeddings import DinoFrames

MOST_FRAMES = 256  # pairs grow with the square: longer videos are looked at this often, evenly


class Distance(NamedTuple):
    """Mean similarity of the pairs of frames that lie `from_s` to `to_s` seconds apart."""

    from_s: float
    to_s: float
    similarity: float
    pairs: int


def cosine(features: Float[np.ndarray, "frame channel"]) -> Float[np.ndarray, "frame frame"]:
    """Cosine similarity of every pair.

    Raises KeepframeError for a feature that is all zeros: nothing has a direction there.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise KeepframeError(
            "A frame's features are all zero.", "The weights are damaged: keepframe weights fetch dino-vitb16 --again"
        )
    unit = features / lengths
    return np.asarray(unit @ unit.T)


def intersection(histograms: Float[np.ndarray, "frame bin"]) -> Float[np.ndarray, "frame frame"]:
    """Shared area of every pair of histograms that each sum to 1: 1 for the same colours, 0 for none in common."""
    return np.stack([np.minimum(histograms, one).sum(axis=1) for one in histograms])


def by_distance(
    similarity: Float[np.ndarray, "frame frame"], times_s: Sequence[float], edges_s: Sequence[float]
) -> list[Distance]:
    """The similarity matrix as a curve over distance in time. Spans without pairs are left out.

    `edges_s` are ascending seconds; a pair belongs to the span with from_s <= distance < to_s.

    >>> by_distance(np.array([[1, 0.5], [0.5, 1]]), [0.0, 2.0], [0.1, 1.0, 3.0])
    [Distance(from_s=1.0, to_s=3.0, similarity=0.5, pairs=1)]
    """
    times = np.asarray(times_s)
    rows, columns = np.triu_indices(len(times), 1)
    apart = np.abs(times[columns] - times[rows])
    values = similarity[rows, columns]
    found = []
    for low, high in itertools.pairwise(edges_s):
        inside = (apart >= low) & (apart < high)
        if inside.any():
            found.append(Distance(low, high, float(values[inside].mean()), int(inside.sum())))
    return found


class _FarSimilarity:
    """Mean similarity of frames that lie at least half the video apart.

    What is right depends on the footage, so it is neither better higher nor lower by itself.
    """

    name: str
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "neutral"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def similarity(self, evidence: Evidence, looked: list[int]) -> Float[np.ndarray, "frame frame"]:
        """Of the frames `looked` with each other."""
        raise NotImplementedError

    def __call__(self, evidence: Evidence) -> Series:
        clip = evidence.clip
        looked = spread(clip.frames)
        times_s = [clip.times_s[frame] for frame in looked]
        curve = by_distance(self.similarity(evidence, looked), times_s, [clip.duration_s / 2, clip.duration_s])
        if not curve:
            raise KeepframeError(f"{clip.path} has no two frames half its length apart.", "Give more frames.")
        return Series.one(curve[0].similarity)


class FarColourSimilarity(_FarSimilarity):
    """Mean colour similarity of frames at least half the video apart: shared area of 8x8x8 RGB histograms, 0 to 1."""

    name = "far_colour_similarity"

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Looks(),)

    def similarity(self, evidence: Evidence, looked: list[int]) -> Float[np.ndarray, "frame frame"]:
        return intersection(evidence.features["looks"]["histogram"][looked])


class FarSubjectSimilarity(_FarSimilarity):
    """Mean cosine of the DINO features of frames at least half the video apart."""

    name = "far_subject_similarity"

    def available(self) -> str | None:
        return missing(DinoFrames.weights)

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (DinoFrames(),)

    def similarity(self, evidence: Evidence, looked: list[int]) -> Float[np.ndarray, "frame frame"]:
        return cosine(evidence.features[DinoFrames.name]["embedding"][looked])


def spread(frames: int, most: int = MOST_FRAMES) -> list[int]:
    """At most `most` frame numbers, evenly spread, first and last among them.

    >>> spread(5), spread(9, 3)
    ([0, 1, 2, 3, 4], [0, 4, 8])
    """
    return sorted({round(at) for at in np.linspace(0, frames - 1, min(frames, most))})
