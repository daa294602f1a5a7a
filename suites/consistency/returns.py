"""Revisit consistency by annotation: does who leaves come back in the same clothes, and a place in the same colours?

Procedural footage says who is where, so this is measured exactly and needs no learned weight. It asks about a
rendering of that footage: what a memory gives back, or a model that was asked for the same shots.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from bench.digest import digest_file
from bench.types import Clip, Frames
from suites.consistency.known import Place, Visit, read_known, shots, visits
from suites.features.looks import Looks
from suites.features.protocols import Arrays, Evidence, Feature, Series, View
from suites.judging.protocol import DroppedOut

LOOKS_PER_VISIT = 4
NEAR = 24.0  # RGB distance within which a pixel counts as of a colour: true clips at any bit rate stay inside it
THERE = 0.01  # of the figure's box: less is an edge, or another thing of that colour


class Wardrobe:
    """How much of each figure's box has each of its known colours: `share[look, colour]`, by visit.

    `who[look]`, `visit[look]` and `frame[look]` say which identity and visit (counted from 0) it is about; unused
    colours are -1.
    """

    version = "1"
    weights: tuple[str, ...] = ()
    view: View | None = None

    def __init__(self, evidence: Evidence) -> None:
        data = read_known(evidence.annotation, evidence.clip)
        assert evidence.annotation is not None
        self.name = f"wardrobe {digest_file(evidence.annotation)[:16]}"
        self.looks: list[tuple[int, int, Visit, Place]] = [
            (who, number, visit, place)
            for who, stays in enumerate(visits(data, evidence.clip))
            for number, visit in enumerate(stays)
            for place in _evenly(visit.places)
        ]

    def frames(self, clip: Clip) -> Sequence[int]:
        return sorted({place.frame for *_, place in self.looks})

    def begin(self, clip: Clip) -> "_Looking":
        return _Looking(self.looks, self.frames(clip))


def _evenly(places: tuple[Place, ...]) -> list[Place]:
    step = max(1, len(places) // LOOKS_PER_VISIT)
    return list(places[step // 2 :: step])[:LOOKS_PER_VISIT]


class _Looking:
    def __init__(self, looks: list[tuple[int, int, Visit, Place]], frames: Sequence[int]) -> None:
        self._looks = looks
        self._coming = iter(frames)
        width = max((len(visit.colours) for _, _, visit, _ in looks), default=0)
        self._share = np.full((len(looks), width), -1.0)

    def write(self, frames: Frames) -> None:
        for frame in frames:
            number = next(self._coming)
            for row, (_, _, visit, place) in enumerate(self._looks):
                if place.frame == number:
                    box = frame[place.top : place.bottom, place.left : place.right].reshape(-1, 3).astype(np.float64)
                    for column, colour in enumerate(visit.colours):
                        near = np.linalg.norm(box - np.array(colour), axis=1) <= NEAR
                        self._share[row, column] = near.mean() if len(near) else 0.0

    def finish(self) -> Arrays:
        looks = self._looks
        return {
            "who": np.array([who for who, *_ in looks], np.int64),
            "visit": np.array([number for _, number, *_ in looks], np.int64),
            "frame": np.array([place.frame for *_, place in looks], np.int64),
            "share": self._share,
        }


class CharacterReturn:
    """Of somebody's colours (clothes, hair, skin), the part that is there again on each return. 1 is all of them.

    A colour is there on a visit when pixels within an RGB distance of 24 cover a hundredth of the figure's box in
    at least half of the looks. Asked for are the colours that were there at the first visit. One value per return.
    """

    name = "character_return"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ("annotation",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (Wardrobe(evidence),)

    def __call__(self, evidence: Evidence) -> Series:
        found = evidence.features[Wardrobe(evidence).name]
        frames: list[int] = []
        values: list[float] = []
        for who in np.unique(found["who"]):
            mine = found["who"] == who
            first, *later = [mine & (found["visit"] == visit) for visit in np.unique(found["visit"][mine])]
            asked = np.median(found["share"][first], axis=0) >= THERE
            for rows in later if asked.any() else []:
                again = np.median(found["share"][rows], axis=0) >= THERE
                frames.append(int(found["frame"][rows].min()))
                values.append(float(again[asked].mean()))
        return _series(frames, values, evidence, "nobody leaves and comes back")


class PlaceReturn:
    """Colour similarity of a place on each return to how it was shown first, 0 to 1.

    Histograms (8x8x8 RGB bins) are averaged over a shot; the similarity is their shared area. A place returns when
    a shot of another place lay between. People who come and go move it a little, so compare with the true clip.
    """

    name = "place_return"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ("annotation",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        read_known(evidence.annotation, evidence.clip)
        return (Looks(),)

    def __call__(self, evidence: Evidence) -> Series:
        histograms = evidence.features["looks"]["histogram"].astype(np.float64)
        known: dict[str, Any] = {}
        frames: list[int] = []
        values: list[float] = []
        line = shots(read_known(evidence.annotation, evidence.clip), evidence.clip)
        for before, shot in pairwise([None, *line]):
            assert shot is not None
            mean = histograms[shot.first : shot.end].mean(axis=0)
            if shot.place in known and before is not None and before.place != shot.place:
                frames.append(shot.first)
                values.append(float(np.minimum(known[shot.place], mean).sum()))
            known.setdefault(shot.place, mean)
        return _series(frames, values, evidence, "no place comes back")


def _series(frames: list[int], values: list[float], evidence: Evidence, why_not: str) -> Series:
    if not values:
        raise DroppedOut.because(evidence.clip, why_not)
    return Series(np.array(frames, np.int64), np.array(values, np.float64))
