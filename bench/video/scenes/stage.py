"""What every scene is given, and what it must tell: the stage, the scene, and the truth about it.

A scene draws frame `i` from nothing but the stage and `i`, so frames may be asked for in any order and in
chunks of any length, and the annotation is computed by the same arithmetic as the pixels.
"""

import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from bench.types import Prompt, Size

Frame = UInt8[np.ndarray, "height width 3"]
"""One picture: RGB, 0 to 255."""

REFERENCE = Size(832, 480)  # what scenes are composed for


@dataclass(frozen=True)
class Stage:
    """Size, rate, length and seed of a clip to be drawn."""

    size: Size
    fps: Fraction
    frames: int
    seed: int

    @property
    def unit(self) -> float:
        """Pixels of this stage per pixel of an 832x480 one: a portrait stage has the smaller things of a narrow one."""
        return min(self.size.width / REFERENCE.width, self.size.height / REFERENCE.height)

    @property
    def seconds(self) -> float:
        return float(self.frames / self.fps)

    def at_s(self, index: int) -> float:
        """When frame `index` is shown."""
        return float(index / self.fps)

    def index(self, at_s: float) -> int:
        """The frame shown at `at_s`, within the clip's frames and its end."""
        return min(max(round(at_s * self.fps), 0), self.frames)

    def rng(self, *names: object) -> np.random.Generator:
        """A random stream of its own for each purpose, so that adding one changes no other."""
        return np.random.default_rng([self.seed, zlib.crc32("/".join(map(str, names)).encode())])


@dataclass(frozen=True)
class Identity:
    """Somebody who can be told from the others. `colours` are RGB, by garment or feature."""

    id: str
    name: str
    appearance: str
    colours: dict[str, tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Box:
    """Where an identity is seen in one frame, in whole pixels inside the picture."""

    frame: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Word:
    """Legible writing: `box` is (x, y, width, height) in pixels, at its place when `from_s` begins."""

    text: str
    box: tuple[int, int, int, int]
    from_s: float
    to_s: float


@dataclass
class Truth:
    """All that is known about a clip because we drew it."""

    caption: str
    tags: tuple[str, ...]
    storyboard: tuple[Prompt, ...]
    cuts: tuple[int, ...] = ()
    identities: tuple[Identity, ...] = ()
    boxes: dict[str, list[Box]] = field(default_factory=dict)
    words: tuple[Word, ...] = ()
    camera: str = "still"
    shots: tuple[str, ...] = ()  # what each shot shows; the same word again is the same place again

    def absences(self, identity: str, frames: int) -> list[tuple[int, int]]:
        """Ranges [first, end) of frames in which this identity is not seen."""
        gaps: list[tuple[int, int]] = []
        expected = 0
        for box in self.boxes.get(identity, []):
            if box.frame > expected:
                gaps.append((expected, box.frame))
            expected = box.frame + 1
        return [*gaps, (expected, frames)] if expected < frames else gaps

    def plain(self, frames: int) -> dict[str, Any]:
        """Plain data for JSON. Boxes are rows [frame, x, y, width, height]."""
        return {
            "cuts": list(self.cuts),
            "shots": list(self.shots),
            "camera": self.camera,
            "identities": [
                {
                    "id": who.id,
                    "name": who.name,
                    "appearance": who.appearance,
                    "colours": {part: list(rgb) for part, rgb in who.colours.items()},
                    "boxes": [[b.frame, b.x, b.y, b.width, b.height] for b in self.boxes.get(who.id, [])],
                    "absent": [list(gap) for gap in self.absences(who.id, frames)],
                }
                for who in self.identities
            ],
            "words": [
                {"text": word.text, "box": list(word.box), "from_s": word.from_s, "to_s": word.to_s}
                for word in self.words
            ],
        }


@runtime_checkable
class Scene(Protocol):
    """A clip that can be drawn."""

    truth: Truth

    def draw(self, index: int) -> Frame:
        """Frame `index`, a fresh array."""


def smooth(x: float) -> float:
    """0 below 0, 1 above 1, and a gentle S between: how things start and stop.

    >>> smooth(-1.0), smooth(0.5), smooth(2.0)
    (0.0, 0.5, 1.0)
    """
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
