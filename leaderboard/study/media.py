"""Videos as raters get them: one size, one frame rate, one codec, no sound, no names.

A rater who could tell systems apart by their files' size, codec or tags would not be blind. Every clip is decoded and
written again in the same way, once, when the study is made; the file's name is random and its date the same for all.
Sound is left out: both videos of a pair play at once, so two soundtracks would be heard as one.
"""

import math
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from bench.digest import digest_file
from bench.types import Clip, Frames, Size
from bench.video.read import grid, stream
from bench.video.write import write_video

TALLEST = 480
FPS_RANGE = (12, 60)
MOST_KBPS = 1800  # two clips at once over 4 Mbit/s, with some room
_CRF = (18, 40)  # best, and worst that is tried
_DATE = (946_684_800, 946_684_800)  # 2000-01-01 for every file

Change = Callable[[Iterable[Frames]], Iterator[Frames]]
Side = Literal["left", "right"]


@dataclass(frozen=True)
class Ladder:
    """What all clips of a study are made like. `crf` is x264's: lower is better."""

    size: Size
    fps: Fraction
    crf: int = _CRF[0]

    def coarser(self, kbps: float) -> "Ladder":
        """The form in which a clip that came out at `kbps` should be at most MOST_KBPS: six steps of CRF halve it.

        >>> form = Ladder(Size(854, 480), Fraction(24))
        >>> form.coarser(1500) == form, form.coarser(3600).crf, form.coarser(1e6).crf
        (True, 24, 40)
        """
        steps = math.ceil(6 * math.log2(kbps / MOST_KBPS)) if kbps > MOST_KBPS else 0
        return replace(self, crf=min(self.crf + steps, _CRF[1]))


@dataclass(frozen=True)
class Made:
    """A clip in the media folder under its opaque name."""

    name: str
    sha256: str
    duration_ms: int
    kbps: float


def ladder(clips: Iterable[Clip], height: int = TALLEST) -> Ladder:
    """One form for all: the widest shape at no more than `height` lines, the highest frame rate (12 to 60).

    Nothing is made larger than its largest source.
    """
    every = list(clips)
    tallest = min(height, max(clip.size.height for clip in every))
    shape = max(Fraction(clip.size.width, clip.size.height) for clip in every)
    fps = min(max(max(clip.fps for clip in every), Fraction(FPS_RANGE[0])), Fraction(FPS_RANGE[1]))
    return Ladder(Size(_even(tallest * shape), _even(Fraction(tallest))), fps)


def make(clip: Clip, into: Path, form: Ladder, seconds: float, change: Change = iter) -> Made:
    """Decode the first `seconds` of a clip and write them in the study's form. Raises `VideoError`."""
    indices = grid(clip, float(form.fps), until_s=seconds)
    frames = stream(clip, indices, size=form.size, fit="pad")
    name = f"{secrets.token_hex(16)}.mp4"
    path = write_video(into / name, change(frames), form.fps, crf=form.crf)
    os.utime(path, _DATE)
    seconds = float(len(indices) / form.fps)
    return Made(name, digest_file(path), round(seconds * 1000), path.stat().st_size * 8e-3 / seconds)


def spoilt(frames: Iterable[Frames]) -> Iterator[Frames]:
    """A copy that nobody can prefer: coarse blocks, and two frames of three stand still.

    >>> [chunk.shape for chunk in spoilt([np.zeros((4, 48, 64, 3), np.uint8)])]
    [(4, 48, 64, 3)]
    """
    import cv2

    at = 0
    held: np.ndarray | None = None
    for chunk in frames:
        out = np.empty_like(chunk)
        for k, frame in enumerate(chunk):
            if at % 3 == 0 or held is None:
                height, width = frame.shape[:2]
                coarse = cv2.resize(frame, (max(width // 16, 1), max(height // 16, 1)), interpolation=cv2.INTER_AREA)
                held = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
            out[k] = held
            at += 1
        yield out


def card(side: Side, frames_in_all: int) -> Change:
    """A change that shows, in the middle third of a clip, a card that asks for a side (the page calls left A)."""

    def shown(frames: Iterable[Frames]) -> Iterator[Frames]:
        at = 0
        for chunk in frames:
            out = chunk.copy()
            for k in range(len(chunk)):
                if frames_in_all // 3 <= at < frames_in_all - frames_in_all // 3:
                    out[k] = _card(f"choose {'A' if side == 'left' else 'B'}", chunk.shape[1], chunk.shape[2])
                at += 1
            yield out

    return shown


def _card(text: str, height: int, width: int) -> np.ndarray:
    import cv2

    picture = np.full((height, width, 3), 24, np.uint8)
    for line, words in enumerate(("Attention check:", text)):
        wide = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)[0][0]
        scale = 0.8 * width / wide if line else 0.6 * width / wide
        size = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, max(1, round(scale * 2)))[0]
        where = ((width - size[0]) // 2, round(height * (0.42 if line == 0 else 0.68)))
        colour = (255, 255, 255) if line else (190, 190, 190)
        cv2.putText(
            picture, words, where, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(scale * 2)), cv2.LINE_AA
        )
    return picture


def _even(value: Fraction) -> int:
    return max(2, 2 * math.ceil(value / 2))
