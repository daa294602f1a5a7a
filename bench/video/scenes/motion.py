"""Haste: many bodies that cross the picture in a few frames, and a camera that will not hold still.

The hard case for a memory that keeps few frames. Every body follows a formula, so any frame can be drawn
without those before it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from bench.types import Prompt
from bench.video.scenes.nature import LIGHTS, landscape
from bench.video.scenes.paint import Canvas, Colour, Picture, dithered, gradient, mix, noise, opaque, paste, placed, rgb
from bench.video.scenes.shapes import NIGHT, WHITE, ball
from bench.video.scenes.stage import Frame, Stage, Truth

PAINTS = [rgb(c) for c in ("e4572e", "f3a712", "a8c686", "2e86ab", "7d4f9e", "f2f0e6", "d64580", "17bebb")]


@dataclass(frozen=True)
class Body:
    """One thing that flies or bounces, by its formula."""

    picture: Picture
    radius: float
    across_px_s: float
    start: float  # where on its way it is at time 0, 0 to 1
    hop_s: float  # time of one bounce, or of one swing
    hop_px: float
    depth: float  # 0 far, 1 near
    spin: float  # radians a second


class HighMotion:
    """Balls that bounce through a hall for even seeds, birds over hills in wind for odd ones."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.birds = bool(stage.seed % 2)
        rng = stage.rng("bodies")
        self.margin = int(20 * stage.unit)
        self.room = _hills(stage, self.margin) if self.birds else _hall(stage, self.margin)
        make = _bird if self.birds else _ball
        self.bodies = sorted((make(stage, rng) for _ in range(34)), key=lambda body: body.depth)
        self.shade = _blob(stage) if not self.birds else None
        about = (
            "A flock of bright paper birds darts across wooded hills in a storm; the camera shakes in the wind."
            if self.birds
            else "Dozens of glossy coloured balls bounce at speed through a hall; the camera shakes with every beat."
        )
        self.truth = Truth(
            caption=about,
            tags=("procedural", "high-motion", "camera-shake", "birds" if self.birds else "balls"),
            storyboard=(
                Prompt(0.0, about),
                Prompt(stage.seconds / 2, "They rush past from both sides, without a pause, the camera still shaking."),
            ),
            camera=f"shakes by up to {self.margin} pixels",
            shots=("hills" if self.birds else "hall",),
        )

    def draw(self, index: int) -> Frame:
        at_s = self.stage.at_s(index)
        w, h = self.stage.size
        dx, dy, turn = self._shake(at_s)
        pad = self.margin
        camera = placed(w / 2 + dx, h / 2 + dy, 1.0, turn, (w / 2 + pad, h / 2 + pad))
        frame = cv2.cvtColor(cv2.warpAffine(self.room, camera, (w, h), flags=cv2.INTER_LINEAR), cv2.COLOR_RGBA2RGB)
        for body in self.bodies:
            self._draw_body(frame, body, at_s, (dx * (0.6 + body.depth), dy * (0.6 + body.depth)))
        return frame

    def _shake(self, at_s: float) -> tuple[float, float, float]:
        beat = 0.55 + 0.45 * np.sin(at_s * 1.7) ** 2
        a = self.margin * 0.45 * beat
        dx = a * (np.sin(at_s * 17.3) + 0.6 * np.sin(at_s * 29.1 + 1))
        dy = a * (np.sin(at_s * 19.7 + 2) + 0.6 * np.sin(at_s * 31.3))
        return float(dx), float(dy), 0.008 * beat * float(np.sin(at_s * 13.1))

    def _draw_body(self, frame: Frame, body: Body, at_s: float, camera: tuple[float, float]) -> None:
        w, h = self.stage.size
        way = w + 4 * body.radius
        x = (body.start * way + body.across_px_s * at_s) % way - 2 * body.radius + camera[0]
        phase = (at_s / body.hop_s + body.start * 3) % 1.0
        if self.birds:
            y = h * (0.12 + 0.72 * ((body.start * 7) % 1)) + body.hop_px * np.sin(phase * 2 * np.pi) + camera[1]
            slope = body.hop_px * 2 * np.pi / body.hop_s * np.cos(phase * 2 * np.pi) / body.across_px_s
            flap = 0.35 + 0.65 * abs(np.sin(at_s * 11 + body.start * 20))
            pose = placed(x, y, 0.5, float(np.arctan(slope)), (body.radius * 2, body.radius * 2))
            squeeze = np.array([[1, 0, 0], [0, flap, body.radius * 2 * (1 - flap)], [0, 0, 1]])
            mirror = np.diag([np.sign(body.across_px_s), 1.0, 1.0])
            mirror[0, 2] = 4 * body.radius if body.across_px_s < 0 else 0
            paste(frame, body.picture, pose @ squeeze @ mirror)
            return
        floor = h * (0.70 + 0.26 * body.depth) + camera[1]
        height = body.hop_px * 4 * phase * (1 - phase)
        assert self.shade is not None
        near = body.radius / 40 * (1 - 0.5 * height / max(body.hop_px, 1)) / self.stage.unit
        half = (self.shade.shape[1] / 2, self.shade.shape[0] / 2)
        paste(frame, self.shade, placed(x, floor, max(near, 0.1), 0.0, half))
        squash = 1 - 0.22 * max(0.0, 1 - height / (0.25 * body.radius + 1))
        pose = placed(
            x, floor - body.radius * squash - height, 0.5, body.spin * at_s, (body.radius * 2, body.radius * 2)
        )
        paste(frame, body.picture, pose)


def _ball(stage: Stage, rng: np.random.Generator) -> Body:
    depth = float(rng.random())
    radius = (15 + 26 * depth**1.3) * stage.unit
    colour = PAINTS[int(rng.integers(len(PAINTS)))]
    canvas = Canvas(4 * radius + 2, 4 * radius + 2)
    ball(canvas, (2 * radius, 2 * radius), 2 * radius - 1, mix(colour, rgb("9aa3ad"), 0.35 * (1 - depth)))
    if rng.random() < 0.5:
        stripe: Colour = mix(colour, WHITE, 0.75)
        for y in (-0.28, 0.28):
            canvas.line([(radius * 0.35, radius * (2 + y)), (radius * 3.65, radius * (2 + y))], stripe, radius * 0.16)
    speed = float(rng.uniform(260, 640)) * stage.unit * (0.5 + depth) * (1 if rng.random() < 0.5 else -1)
    hop_s = float(rng.uniform(0.45, 0.9))
    return Body(
        canvas.finished(),
        radius,
        speed,
        float(rng.random()),
        hop_s,
        float(rng.uniform(0.5, 1.1)) * 620 * hop_s**2 * stage.unit,
        depth,
        0.0,
    )


def _bird(stage: Stage, rng: np.random.Generator) -> Body:
    depth = float(rng.random())
    radius = (16 + 30 * depth**1.3) * stage.unit
    colour = mix(PAINTS[int(rng.integers(len(PAINTS)))], rgb("8fa3b0"), 0.4 * (1 - depth))
    canvas = Canvas(4 * radius + 2, 4 * radius + 2)
    m, r = 2 * radius, 2 * radius - 1
    dark = mix(colour, NIGHT, 0.4)
    canvas.polygon([(m - r * 0.2, m), (m - r * 0.75, m - r * 0.95), (m + r * 0.3, m - r * 0.05)], dark)
    canvas.polygon(
        [(m - r, m - r * 0.3), (m + r * 0.1, m - r * 0.05), (m - r * 0.2, m + r * 0.3)], mix(colour, NIGHT, 0.2)
    )
    canvas.polygon([(m + r * 0.98, m - r * 0.12), (m - r * 0.1, m - r * 0.12), (m - r * 0.15, m + r * 0.32)], colour)
    canvas.polygon(
        [(m - r * 0.1, m), (m - r * 0.35, m + r * 0.92), (m + r * 0.4, m + r * 0.02)], mix(colour, WHITE, 0.3)
    )
    canvas.ellipse((m + r * 0.62, m - r * 0.06), (r * 0.05, r * 0.05), NIGHT)
    speed = float(rng.uniform(380, 820)) * stage.unit * (0.5 + depth) * (1 if rng.random() < 0.7 else -1)
    return Body(
        canvas.finished(),
        radius,
        speed,
        float(rng.random()),
        float(rng.uniform(0.7, 1.6)),
        float(rng.uniform(20, 80)) * stage.unit,
        depth,
        0.0,
    )


def _hall(stage: Stage, margin: int) -> Picture:
    w, h = stage.size.width + 2 * margin, stage.size.height + 2 * margin
    u = stage.unit
    rng = stage.rng("hall")
    canvas = Canvas(w, h)
    canvas.box(0, 0, w, h, rgb("dcd3c0"))
    horizon = h * 0.66
    for k in range(7):
        x = (k + 0.5) * w / 7
        canvas.box(x - 42 * u, h * 0.08, 84 * u, h * 0.36, rgb("b9ab92"), 6 * u)
        canvas.box(x - 37 * u, h * 0.08 + 5 * u, 74 * u, h * 0.36 - 10 * u, rgb("a9cbd8"), 3 * u)
        canvas.polygon(
            [(x - 37 * u, h * 0.3), (x + 10 * u, h * 0.1), (x + 37 * u, h * 0.1), (x - 37 * u, h * 0.4)], rgb("c6dfe6")
        )
        canvas.line([(x, h * 0.08), (x, h * 0.44)], rgb("b9ab92"), 4 * u)
    canvas.box(0, h * 0.52, w, horizon - h * 0.52, rgb("8a5a44"))
    canvas.box(0, h * 0.52, w, 6 * u, rgb("a8745a"))
    canvas.box(0, horizon, w, h - horizon, rgb("b98a58"))
    for k in range(-14, 15):
        canvas.line([(w / 2 + k * 50 * u, horizon), (w / 2 + k * 190 * u, h)], rgb("a0743f"), 1.8 * u)
    canvas.line([(0, h * 0.8), (w, h * 0.8)], rgb("e9e2d0"), 6 * u)
    canvas.ellipse((w / 2, h * 0.99), (w * 0.3, h * 0.12), rgb("4f7f8c"))
    picture = canvas.finished()[..., :3].astype(np.float32)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    picture *= (1.08 - 0.4 * (np.hypot((x - w * 0.4) / w, (y - h * 0.35) / h) ** 1.6))[..., None]
    picture *= (0.95 + 0.1 * noise(h, w, 50 * u, rng, octaves=4))[..., None]
    beams = np.clip(1 - np.abs((((x + y * 0.8) / (w / 3.5)) % 1) - 0.4) * 5, 0, 1) * np.clip(y / h - 0.1, 0, 1)
    picture += cv2.GaussianBlur(beams.astype(np.float32), (0, 0), 8 * u)[..., None] * np.array([46, 40, 22], np.float32)
    return opaque(dithered(picture, rng))


def _hills(stage: Stage, margin: int) -> Picture:
    light = LIGHTS["winter" if stage.seed % 4 == 3 else "noon"]
    view = landscape(stage, light, hills=4).draw(0.0)
    storm = gradient(view.shape[0], view.shape[1], [(0.0, rgb("39465c")), (0.5, rgb("9fb0ba")), (1.0, rgb("c8d2c4"))])
    gloomy = dithered(view.astype(np.float32) * (storm / 255) * 1.12, stage.rng("storm"))
    return opaque(cv2.copyMakeBorder(gloomy, margin, margin, margin, margin, cv2.BORDER_REFLECT_101))


def _blob(stage: Stage) -> Picture:
    canvas = Canvas(96 * stage.unit, 34 * stage.unit)
    m = (48 * stage.unit, 17 * stage.unit)
    canvas.soft(m, (26 * stage.unit, 9 * stage.unit), NIGHT, 0.5, blur=0.8, inside=False)
    return canvas.finished()
