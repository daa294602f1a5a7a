"""Jointed paper figures: parts painted once, shaded, and turned about their joints in every frame.

A figure is described facing right; facing left mirrors it. Lengths are parts of its height.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from bench.video.scenes.faces import head
from bench.video.scenes.paint import OVERSAMPLE, Canvas, Picture, Point, mix, paste, placed, rgb
from bench.video.scenes.people import Person
from bench.video.scenes.shapes import NIGHT, WHITE
from bench.video.scenes.stage import Frame

HIP, SHOULDER, HEAD, HEAD_RADIUS = 0.385, 0.665, 0.845, 0.134
UPPER, FORE, LEG = 0.145, 0.15, 0.375
STRIDE = 0.55  # way of two steps


@dataclass(frozen=True)
class Pose:
    """What a figure does in one frame. Angles in radians; a limb that hangs has 0, forwards is negative."""

    legs: float = 0.0  # swing of the near leg; the far one does the opposite
    near_arm: tuple[float, float] = (0.06, -0.15)  # at the shoulder, at the elbow
    far_arm: tuple[float, float] = (-0.06, -0.15)
    lift: float = 0.0
    nod: float = 0.0
    eyes_open: bool = True
    mouth: str = "smile"


@dataclass(frozen=True)
class Part:
    """A painted piece, twice as large as it is shown, and its joint in its own pixels."""

    picture: Picture
    joint: Point


@dataclass
class Puppet:
    """One person at one size: `tall` is the height in pixels of a person of average height."""

    person: Person
    tall: float
    heads: dict[tuple[bool, str], Part] = field(default_factory=dict)

    @cached_property
    def height(self) -> float:
        return self.tall * self.person.tall

    def draw(self, frame: Frame, at: Float64[np.ndarray, "2 3"], pose: Pose) -> None:
        """Draws the figure; `at` maps its own pixels (feet at the origin, y down) to the frame."""
        t = self.height
        body = _joined(at, _move(0.0, -pose.lift * t))
        self._limb(frame, body, self.upper_arm, self.fore_arm, (-0.028, pose.far_arm))
        if self.person.hair_style in ("long", "ponytail"):
            self._put(frame, body, self.back_hair, (-0.01, -HEAD), pose.nod)
        self._put(frame, body, self.leg, (-0.022, -HIP), -pose.legs)
        self._put(frame, body, self.leg, (0.022, -HIP), pose.legs)
        self._put(frame, body, self.torso, (0.0, -HIP), 0.0)
        self._put(frame, body, self._head(pose), (0.012, -HEAD + HEAD_RADIUS), pose.nod)
        if self.person.extra == "scarf":
            self._put(frame, body, self.scarf, (0.0, -SHOULDER), 0.0)
        self._limb(frame, body, self.upper_arm, self.fore_arm, (0.05, pose.near_arm))

    def box(self, at: Float64[np.ndarray, "2 3"], pose: Pose) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the figure in the frame, from its joints."""
        t = self.height
        wide = {"ponytail": 0.26, "spiky": 0.2, "curly": 0.19, "long": 0.18}.get(self.person.hair_style, 0.165)
        points = [(0.012 - wide, -HEAD), (0.012 + min(wide, 0.17), -HEAD)]
        points += [(0.0, -HEAD - (0.19 if self.person.hair_style in ("curly", "spiky", "bun") else 0.16))]
        points += [(-0.085, -HIP), (0.085, -HIP)]
        for side in (-1, 1):
            swing = side * pose.legs
            points += [(-np.sin(swing) * LEG + dx, -HIP + np.cos(swing) * LEG + 0.035) for dx in (-0.07, 0.1)]
        for x, (a, b) in ((-0.028, pose.far_arm), (0.05, pose.near_arm)):
            hand = (
                x - np.sin(a) * UPPER - np.sin(a + b) * FORE,
                -SHOULDER + 0.035 + np.cos(a) * UPPER + np.cos(a + b) * FORE,
            )
            points += [(hand[0] + dx, hand[1] + dy) for dx in (-0.035, 0.035) for dy in (-0.035, 0.035)]
        seen = at[:, :2] @ (np.array(points).T * t - np.array([[0.0], [pose.lift * t]])) + at[:, 2:]
        return float(seen[0].min()), float(seen[1].min()), float(seen[0].max()), float(seen[1].max())

    def _put(self, frame: Frame, body: Float64[np.ndarray, "2 3"], part: Part, where: Point, turn: float) -> None:
        spot = placed(where[0] * self.height, where[1] * self.height, 1 / OVERSAMPLE, turn, part.joint)
        paste(frame, part.picture, _joined(body, spot))

    def _limb(
        self,
        frame: Frame,
        body: Float64[np.ndarray, "2 3"],
        upper: Part,
        fore: Part,
        where: tuple[float, tuple[float, float]],
    ) -> None:
        x, (shoulder, elbow) = where
        y = -SHOULDER + 0.035
        joint = (x - np.sin(shoulder) * UPPER, y + np.cos(shoulder) * UPPER)
        self._put(frame, body, fore, joint, shoulder + elbow)
        self._put(frame, body, upper, (x, y), shoulder)

    def _head(self, pose: Pose) -> Part:
        look = (pose.eyes_open, pose.mouth)
        if look not in self.heads:
            r = HEAD_RADIUS * self.height
            canvas = head(self.person, r, pose.eyes_open, pose.mouth)
            # turned at the neck, which is below the middle of the canvas
            self.heads[look] = Part(canvas.pixels, (canvas.pixels.shape[1] / 2, (2.2 + 1.0) * r * OVERSAMPLE))
        return self.heads[look]

    @cached_property
    def back_hair(self) -> Part:
        r = HEAD_RADIUS * self.height
        canvas = Canvas(4 * r, 5 * r)
        dark = mix(self.person.hair, NIGHT, 0.25)
        if self.person.hair_style == "long":
            canvas.box(0.95 * r, 1.2 * r, 1.95 * r, 3.1 * r, dark, 0.8 * r)
        else:
            canvas.ellipse((0.85 * r, 2.5 * r), (0.36 * r, 1.1 * r), dark, 18)
            canvas.soft((0.75 * r, 2.2 * r), (0.2 * r, 0.7 * r), mix(self.person.hair, WHITE, 0.3), 0.4)
        return Part(canvas.pixels, (2 * r * OVERSAMPLE, 2 * r * OVERSAMPLE))

    @cached_property
    def torso(self) -> Part:
        t, who = self.height, self.person
        canvas = Canvas(0.32 * t, 0.5 * t)
        x, top = 0.16 * t, 0.06 * t
        hip = top + (SHOULDER - HIP) * t
        canvas.box(x - 0.032 * t, top - 0.05 * t, 0.064 * t, 0.09 * t, mix(who.skin, NIGHT, 0.18), 0.02 * t)
        if who.bottom_style == "skirt":
            hem = hip + 0.15 * t
            canvas.polygon(
                [
                    (x - 0.075 * t, hip - 0.06 * t),
                    (x + 0.075 * t, hip - 0.06 * t),
                    (x + 0.125 * t, hem),
                    (x - 0.125 * t, hem),
                ],
                who.bottom,
            )
            for k in (-1, 0, 1):
                canvas.line([(x + 0.03 * k * t, hip), (x + 0.05 * k * t, hem)], mix(who.bottom, NIGHT, 0.3), 0.006 * t)
        else:
            canvas.box(x - 0.077 * t, hip - 0.05 * t, 0.154 * t, 0.085 * t, who.bottom, 0.03 * t)
        long = 0.09 * t if who.top_style == "buttoned" else 0.0
        cloth = Canvas(0.32 * t, 0.5 * t)
        cloth.polygon(
            [
                (x - 0.06 * t, top),
                (x + 0.06 * t, top),
                (x + 0.112 * t, top + 0.045 * t),
                (x + 0.083 * t, hip * 0.6 + top * 0.4),
                (x + 0.09 * t, hip + long),
                (x - 0.09 * t, hip + long),
                (x - 0.083 * t, hip * 0.6 + top * 0.4),
                (x - 0.112 * t, top + 0.045 * t),
            ],
            who.top,
        )
        if who.top_style == "striped":
            shape = cloth.pixels[..., 3:].copy()
            for k in range(6):
                y = top + (0.05 + 0.045 * k) * t
                cloth.line([(0, y), (0.32 * t, y)], mix(who.top, WHITE, 0.75), 0.014 * t)
            cloth.pixels[:] = (cloth.pixels.astype(np.uint16) * shape // 255).astype(np.uint8)
        elif who.top_style == "buttoned":
            cloth.line([(x + 0.012 * t, top), (x + 0.012 * t, hip + long)], mix(who.top, NIGHT, 0.4), 0.007 * t)
            for k in range(5):
                cloth.ellipse((x + 0.032 * t, top + (0.06 + 0.06 * k) * t), (0.009 * t, 0.009 * t), rgb("f1e3bd"))
            cloth.polygon(
                [(x - 0.05 * t, top), (x + 0.01 * t, top + 0.07 * t), (x + 0.055 * t, top)], mix(who.top, NIGHT, 0.3)
            )
        cloth.soft((x - 0.1 * t, hip - 0.08 * t), (0.07 * t, 0.22 * t), NIGHT, 0.4)
        cloth.soft((x + 0.05 * t, top + 0.09 * t), (0.04 * t, 0.1 * t), WHITE, 0.22)
        canvas.lay(cloth, 0, 0)
        return Part(canvas.pixels, (x * OVERSAMPLE, hip * OVERSAMPLE))

    @cached_property
    def scarf(self) -> Part:
        t, colour = self.height, self.person.extra_colour
        canvas = Canvas(0.26 * t, 0.28 * t)
        x = 0.13 * t
        canvas.box(x + 0.02 * t, 0.03 * t, 0.042 * t, 0.2 * t, mix(colour, NIGHT, 0.15), 0.01 * t)
        canvas.box(x - 0.07 * t, 0.005 * t, 0.145 * t, 0.055 * t, colour, 0.027 * t)
        for k in range(3):
            y = (0.12 + 0.035 * k) * t
            canvas.line([(x + 0.022 * t, y), (x + 0.06 * t, y)], mix(colour, WHITE, 0.7), 0.01 * t)
        canvas.soft((x, 0.05 * t), (0.07 * t, 0.02 * t), NIGHT, 0.4)
        return Part(canvas.pixels, (x * OVERSAMPLE, 0.04 * t * OVERSAMPLE))

    @cached_property
    def upper_arm(self) -> Part:
        t = self.height
        return self._sleeve(0.062 * t, UPPER * t, with_hand=False)

    @cached_property
    def fore_arm(self) -> Part:
        t = self.height
        return self._sleeve(0.052 * t, FORE * t, with_hand=True)

    def _sleeve(self, wide: float, long: float, *, with_hand: bool) -> Part:
        canvas = Canvas(wide * 2.2, long + 2.2 * wide)
        x, y = wide * 1.1, wide * 0.6
        if with_hand:
            canvas.ellipse((x, y + long), (wide * 0.5, wide * 0.58), self.person.skin)
            canvas.ellipse((x + wide * 0.35, y + long - wide * 0.1), (wide * 0.2, wide * 0.36), self.person.skin, 30)
            long -= wide * 0.35
        canvas.box(x - wide / 2, y - wide / 2, wide, long + wide * 0.5, mix(self.person.top, NIGHT, 0.1), wide / 2)
        if with_hand:
            canvas.box(
                x - wide / 2, y + long - wide * 0.35, wide, wide * 0.3, mix(self.person.top, NIGHT, 0.35), wide * 0.1
            )
        canvas.soft((x - wide * 0.45, y + long * 0.5), (wide * 0.35, long * 0.6), NIGHT, 0.4)
        canvas.soft((x + wide * 0.2, y + long * 0.4), (wide * 0.16, long * 0.4), WHITE, 0.2)
        return Part(canvas.pixels, (x * OVERSAMPLE, y * OVERSAMPLE))

    @cached_property
    def leg(self) -> Part:
        t, who = self.height, self.person
        wide, long = 0.072 * t, LEG * t
        canvas = Canvas(0.24 * t, long + 0.1 * t)
        x, y = 0.1 * t, 0.04 * t
        bare = who.bottom_style == "skirt"
        cloth = mix(who.skin, NIGHT, 0.08) if bare else mix(who.bottom, NIGHT, 0.08)
        canvas.box(x - wide / 2, y - wide / 2, wide, long, cloth, wide * 0.45)
        canvas.soft((x - wide * 0.4, y + long * 0.5), (wide * 0.35, long * 0.6), NIGHT, 0.4)
        shoe = mix(who.extra_colour if who.extra_name else rgb("3a2f2a"), NIGHT, 0.35)
        canvas.ellipse((x + 0.022 * t, y + long - 0.018 * t), (0.066 * t, 0.03 * t), shoe)
        canvas.box(x - 0.044 * t, y + long - 0.006 * t, 0.132 * t, 0.016 * t, mix(shoe, WHITE, 0.5), 0.006 * t)
        return Part(canvas.pixels, (x * OVERSAMPLE, y * OVERSAMPLE))


def _move(x: float, y: float) -> Float64[np.ndarray, "2 3"]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def _joined(outer: Float64[np.ndarray, "2 3"], inner: Float64[np.ndarray, "2 3"]) -> Float64[np.ndarray, "2 3"]:
    """First `inner`, then `outer`."""
    joined = outer[:, :2] @ inner
    joined[:, 2] += outer[:, 2]
    return np.asarray(joined)
