"""A new shot every half second to two seconds, some of which come back later.

A memory with one frame a second misses shots here; one that spends its bytes where the picture changes does
not. Shots that return ask whether it kept what it had seen.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.types import Prompt
from bench.video.scenes.characters import Characters
from bench.video.scenes.motion import HighMotion
from bench.video.scenes.nature import LIGHTS, landscape
from bench.video.scenes.patterns import TEXTS, pattern
from bench.video.scenes.stage import Frame, Stage, Truth
from bench.video.scenes.still import STILL_LIFE, lake, still_life
from bench.video.scenes.town import skyline
from bench.video.scenes.words import Words

View = Callable[[float], Frame]
"""A picture from the seconds since the clip began: a shot that comes back has gone on meanwhile."""

SLIDE = 40.0  # pixels of an 832x480 picture a second
WAY = 400.0  # then the camera turns back


class RapidCuts:
    """Shots from a pool of ten views, in an order and a rhythm of the seed's."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        rng = stage.rng("cuts")
        pool = [str(name) for name in rng.permutation(list(_VIEWS))]
        fresh = pool[:]
        self.starts: list[int] = []
        self.order: list[str] = []
        at_s = 0.0
        while (start := stage.index(at_s)) < stage.frames:
            seen = [name for name in dict.fromkeys(self.order) if name not in self.order[-2:]]
            back = seen and (not fresh or rng.random() < 0.3)
            name = seen[int(rng.integers(len(seen)))] if back else fresh.pop(0)
            self.starts.append(start)
            self.order.append(name)
            at_s += float(rng.uniform(0.5, 2.0))
        self.made: dict[str, View] = {}
        texts = {name: text for name, (text, _) in _VIEWS.items()}
        self.truth = Truth(
            caption="Quick cuts between landscapes, a city, a still life, people, signs and patterns.",
            tags=("procedural", "rapid-cuts", "cuts"),
            storyboard=tuple(
                Prompt(stage.at_s(s), texts[name]) for s, name in zip(self.starts, self.order, strict=True)
            ),
            cuts=tuple(self.starts[1:]),
            camera="slides in some shots",
            shots=tuple(self.order),
        )

    def draw(self, index: int) -> Frame:
        name = self.order[int(np.searchsorted(self.starts, index, side="right")) - 1]
        if name not in self.made:
            self.made[name] = _VIEWS[name][1](self.stage)
        return self.made[name](self.stage.at_s(index))


def _land(light: str) -> Callable[[Stage], View]:
    def make(stage: Stage) -> View:
        vista = landscape(stage, LIGHTS[light], WAY * stage.unit)
        return lambda at_s: vista.draw(_to_and_fro(at_s) * stage.unit)

    return make


def _city(stage: Stage) -> View:
    vista = skyline(stage, LIGHTS["night"], WAY * stage.unit)
    return lambda at_s: vista.draw(_to_and_fro(at_s) * stage.unit)


def _to_and_fro(at_s: float) -> float:
    return WAY * (1 - abs(at_s * SLIDE / WAY % 2 - 1))


def _balls(stage: Stage) -> View:
    scene = HighMotion(replace(stage, seed=stage.seed - stage.seed % 2))
    return lambda at_s: scene.draw(stage.index(at_s))


def _face(stage: Stage) -> View:
    """The first close-up of a story, held."""
    scene = Characters(replace(stage, frames=round(20 * stage.fps)))
    shot = next(shot for shot in scene.shots if shot.close)
    return lambda at_s: scene.draw(shot.start + stage.index(at_s) % (shot.end - shot.start))


def _signs(stage: Stage) -> View:
    scene = Words(replace(stage, frames=round(20 * stage.fps)))
    return lambda at_s: scene.draw(0)


_VIEWS: dict[str, tuple[str, Callable[[Stage], View]]] = {
    "hills": ("Wooded hills in autumn, seen from a sliding camera.", _land("autumn")),
    "mist": ("Hills with trees on a misty morning, seen from a sliding camera.", _land("morning")),
    "snow": ("A winter landscape, seen from a sliding camera.", _land("winter")),
    "lake": ("A still lake at dusk.", lambda stage: lake(stage, "dusk")),
    "city": ("A city on a clear night, windows lit.", _city),
    "still life": (STILL_LIFE, still_life),
    "balls": ("Glossy coloured balls bounce through a hall.", _balls),
    "face": ("Close-up of a person who talks.", _face),
    "signs": ("A street with shop signs and a caption.", _signs),
    "kaleidoscope": (TEXTS["kaleidoscope"], lambda stage: pattern(stage, "kaleidoscope")),
}
