"""A picture in which almost nothing happens: a lake, or a table with fruit and a candle.

The easy case for a memory, and the honest floor: the last frame alone should do well here.
"""

from collections.abc import Callable

import cv2
import numpy as np

from bench.types import Prompt
from bench.video.scenes.nature import LIGHTS, Layer, Vista, landscape
from bench.video.scenes.paint import (
    Canvas,
    Colour,
    Picture,
    dithered,
    gradient,
    mix,
    noise,
    opaque,
    over,
    paste,
    placed,
    rgb,
)
from bench.video.scenes.shapes import WHITE, ball, shadow, vessel
from bench.video.scenes.stage import Frame, Stage, Truth


class Still:
    """A lake for even seeds, a still life for odd ones."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        if stage.seed % 2:
            self.view, about, tag = still_life(stage), STILL_LIFE, "indoor"
        else:
            light = list(LIGHTS.values())[(stage.seed // 2) % len(LIGHTS)]
            self.view, tag = lake(stage, light.name), "landscape"
            about = f"A still lake {light.words}; the water ripples gently and clouds drift almost unseen."
        self.truth = Truth(
            caption=about,
            tags=("procedural", "static", tag, "static-camera"),
            storyboard=(Prompt(0.0, about),),
            shots=(tag,),
        )

    def draw(self, index: int) -> Frame:
        return self.view(self.stage.at_s(index))


STILL_LIFE = (
    "A still life: fruit, a jug with flowers and a steaming cup on a wooden table, lit by a window and by a candle "
    "whose flame flickers."
)


def lake(stage: Stage, light: str) -> Callable[[float], Frame]:
    """The view of a lake, by seconds."""
    w, h = stage.size
    vista = landscape(stage, LIGHTS[light], 120 * stage.unit, water=True)
    shore = vista.layers[-1].top
    land = np.zeros((h, w, 4), np.uint8)
    for layer in vista.layers[2:]:
        rows = land[layer.top : layer.top + layer.picture.shape[0]]
        seen = layer.picture[: rows.shape[0], :w]
        rows[:] = seen + cv2.multiply(rows, 255 - seen[..., [3, 3, 3, 3]], scale=1 / 255)
    back = Vista(stage, [vista.layers[0], vista.layers[1], Layer(land[:shore], 0, 0.0)])
    water = land[shore:].copy()
    y, x = np.mgrid[0 : h - shore, 0:w].astype(np.float32)
    deep = y / (h - shore)
    phase = 9 * np.log(y + 9 * stage.unit) + np.float32(1.2) * np.sin(x / (90 * stage.unit))
    reach = (0.5 + 2.4 * deep) * stage.unit

    def draw(at_s: float) -> Frame:
        frame = back.draw(at_s * 14 * stage.unit)
        ripple = np.sin(phase + np.float32(at_s * 2.1)) * reach
        moved = cv2.remap(water, x + ripple, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, dst=frame[shore:])
        return frame

    return draw


def still_life(stage: Stage) -> Callable[[float], Frame]:
    """The view of a laid table, by seconds."""
    w, h = stage.size
    u = stage.unit
    table = 0.62 * h
    canvas = Canvas(w, h)
    canvas.pixels[:] = opaque(cv2.resize(_room(stage, int(table)), (w * 2, h * 2), interpolation=cv2.INTER_CUBIC))
    rng = stage.rng("still life")
    fruit = [rgb(c) for c in ("c8452f", "e08a2c", "d8b23c", "7c9a3c", "8a2f4a")]
    left = 0.5 * w - 250 * u
    shadow(canvas, (left + 80 * u, table + 62 * u), (150 * u, 26 * u))
    _flowers(canvas, (left + 46 * u, table + 48 * u), u, rng)
    for k, (dx, dy, r) in enumerate(((190, 40, 38), (262, 46, 34), (226, 4, 33), (318, 62, 27))):
        colour = fruit[int(rng.integers(len(fruit)))] if k else fruit[0]
        shadow(canvas, (left + (dx + 16) * u, table + (dy + r * 0.8) * u), (r * 1.3 * u, r * 0.4 * u))
        ball(canvas, (left + dx * u, table + dy * u), r * u, colour, 0.6)
        stem = (left + dx * u, table + (dy - r * 0.86) * u)
        canvas.line([stem, (stem[0] + 5 * u, stem[1] - 10 * u)], rgb("4a3524"), 2.6 * u)
    cup = (left + 408 * u, table + 84 * u)
    shadow(canvas, (cup[0] + 18 * u, cup[1]), (62 * u, 15 * u))
    canvas.ellipse((cup[0] + 36 * u, cup[1] - 28 * u), (17 * u, 18 * u), rgb("d9dfe0"))
    canvas.ellipse((cup[0] + 36 * u, cup[1] - 28 * u), (10 * u, 11 * u), rgb("7d6a58"))
    vessel(canvas, cup, 58 * u, [0.42, 0.55, 0.62, 0.64], rgb("e7ecec"))
    candle = (left + 515 * u, table + 46 * u)
    shadow(canvas, (candle[0] + 22 * u, candle[1] + 4 * u), (60 * u, 16 * u))
    vessel(canvas, (candle[0], candle[1] + 6 * u), 16 * u, [2.0, 2.2, 2.3], rgb("8c6a3f"))
    vessel(canvas, candle, 128 * u, [0.12, 0.12, 0.12], rgb("f0e4c8"))
    wick = (candle[0], candle[1] - 130 * u)
    canvas.line([wick, (wick[0], wick[1] - 9 * u)], rgb("3a2a20"), 2.2 * u)
    picture = np.ascontiguousarray(canvas.finished()[..., :3])
    flame, glow, steam = _flame(u), _glow(int(250 * u)), _steam(stage)

    def draw(at_s: float) -> Frame:
        frame = picture.copy()
        beat = 0.5 + 0.25 * np.sin(at_s * 9.1) + 0.15 * np.sin(at_s * 14.7 + 1) + 0.1 * np.sin(at_s * 23.0)
        light = cv2.convertScaleAbs(glow, alpha=0.55 + 0.35 * beat)
        side = glow.shape[0] / 2
        paste(frame, light, placed(wick[0], wick[1] - 14 * u, 1.0, 0.0, (side, side)))
        lean = 0.07 * np.sin(at_s * 5.3) + 0.05 * np.sin(at_s * 11.9)
        paste(frame, flame, placed(wick[0], wick[1] - 3 * u, 0.92 + 0.16 * beat, lean, (16 * u, 52 * u)))
        rise = int((at_s * 26 * u) % (steam.shape[0] // 2))
        high = int(120 * u)
        top, x = int(cup[1] - 58 * u - high), int(cup[0] - 40 * u)
        plume = steam[rise : rise + high].copy()
        plume = cv2.multiply(plume, _fade(high, plume.shape[1]), scale=1 / 255)
        over(frame[top : top + high, x : x + plume.shape[1]], plume)
        return frame

    return draw


def _room(stage: Stage, table: int) -> Frame:
    w, h = stage.size
    rng = stage.rng("room")
    wall = gradient(h, w, [(0.0, rgb("5d6b6a")), (0.65, rgb("8b8f82")), (1.0, rgb("8b8f82"))])
    wall += ((noise(h, w, 60 * stage.unit, rng, octaves=4) - 0.5) * 14)[..., None]
    panes = np.zeros((h, w), np.float32)
    for k in range(2):
        left = w * (0.12 + 0.2 * k)
        corners = ((0.0, 0.06), (0.16, 0.12), (0.24, 0.56), (0.08, 0.5))
        quad = np.array([(left + w * across, h * down) for across, down in corners])
        cv2.fillPoly(panes, [np.round(quad).astype(np.int32)], 1.0)
    light = cv2.GaussianBlur(panes, (0, 0), 7 * stage.unit)
    wall += light[..., None] * np.array([74, 62, 34], np.float32)
    y, x = np.ogrid[0:h, 0:w]
    wall *= (1.04 - 0.42 * (np.hypot((x - w * 0.35) / w, (y - h * 0.4) / h) ** 1.5)).astype(np.float32)[..., None]
    wood = gradient(h - table, w, [(0.0, rgb("7a5236")), (0.15, rgb("8d6040")), (1.0, rgb("4a2f20"))])
    grain = cv2.resize(noise(h - table, max(w // 14, 4), 9 * stage.unit, rng, octaves=3), (w, h - table))
    wood *= (0.78 + 0.44 * grain)[..., None]
    edge = max(int(3 * stage.unit), 1)
    wood[:edge] += 34
    wall[table:] = wood
    return dithered(wall, rng)


def _flowers(canvas: Canvas, foot: tuple[float, float], u: float, rng: np.random.Generator) -> None:
    x, y = foot
    neck = (x, y - 118 * u)
    petals = [rgb(c) for c in ("e9d8c4", "d77a6a", "e8b04c", "b86a8a")]
    heads = []
    for k in range(7):
        lean = (k - 3) * 0.21 + float(rng.normal(0, 0.05))
        tall = (96 + 34 * float(rng.random())) * u
        head = (neck[0] + tall * np.sin(lean), neck[1] - tall * np.cos(lean))
        bend = (neck[0] + tall * 0.4 * np.sin(lean * 0.5), neck[1] - tall * 0.5)
        canvas.line([neck, bend, head], rgb("4f6b3a"), 3 * u)
        canvas.ellipse((bend[0] + 9 * u, bend[1]), (13 * u, 5 * u), rgb("5d7f45"), -35)
        heads.append(head)
    for head in heads:
        colour = petals[int(rng.integers(len(petals)))]
        size = (11 + 5 * float(rng.random())) * u
        for a in np.arange(7) * 2 * np.pi / 7:
            at = (head[0] + size * float(np.cos(a)), head[1] + size * float(np.sin(a)) * 0.9)
            canvas.ellipse(at, (size * 0.72, size * 0.62), mix(colour, WHITE, 0.12 if a < np.pi else 0.3))
        canvas.soft(head, (size * 1.3, size * 1.2), mix(colour, (90, 20, 30), 0.5), 0.5)
        canvas.ellipse(head, (size * 0.5, size * 0.46), rgb("e6b93f"))
    vessel(canvas, foot, 120 * u, [0.28, 0.4, 0.44, 0.36, 0.22, 0.25], rgb("4f7f8c"))


def _flame(u: float) -> Picture:
    canvas = Canvas(32 * u, 56 * u)
    layers: tuple[tuple[float, Colour], ...] = ((1.0, rgb("ff9a3c")), (0.72, rgb("ffd36b")), (0.42, rgb("fff6d8")))
    for size, colour in layers:
        t = np.linspace(0, np.pi, 24)
        side = 11 * u * size * np.sin(t) * (1 - t / np.pi) ** 0.5 * 1.5
        ys = 52 * u - 48 * u * size * t / np.pi
        right = [(16 * u + float(s), float(y)) for s, y in zip(side, ys, strict=True)]
        canvas.polygon(right + [(32 * u - x, y) for x, y in right[::-1]], colour)
    return canvas.finished()


def _glow(radius: int) -> Picture:
    y, x = np.mgrid[-radius:radius, -radius:radius].astype(np.float32)
    part = np.clip(1 - np.hypot(x, y) / radius, 0, 1) ** 2 * 0.5
    warm = np.array([255, 196, 120, 120], np.float32)  # covers less than it adds: light, not paint
    return np.asarray(np.clip(part[..., None] * warm, 0, 255), np.uint8)


def _steam(stage: Stage) -> Picture:
    u = stage.unit
    width, half = int(80 * u), int(260 * u)
    rng = stage.rng("steam")
    wisp = noise(half, width, 26 * u, rng, octaves=3)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    cover = np.clip((wisp - 0.48) * 2.6, 0, 1) * np.clip(1 - np.abs(x) * 1.2, 0, 1) * 0.5
    cover = np.concatenate([cover, cover])  # it rises for ever
    return np.repeat((cover * 255).astype(np.uint8)[..., None], 4, axis=2)


def _fade(height: int, width: int) -> Picture:
    up = np.sin(np.linspace(0.05, 1, height) * np.pi) * 255
    return np.repeat(np.repeat(up.astype(np.uint8)[:, None, None], width, axis=1), 4, axis=2)
