"""Pictures unlike anything filmed: moiré, noise, fractals, test cards, kaleidoscopes.

A learned memory has priors about the world; here they do not help. Each pattern lasts a few seconds, and
the first comes back at the end.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8

from bench.types import Prompt
from bench.video.scenes.lettering import lettered
from bench.video.scenes.paint import Canvas, Colour, dithered, gradient, noise, over, paste, placed, rgb
from bench.video.scenes.stage import Frame, Stage, Truth

PALETTES = (
    ("0b1d3a", "145c78", "2fa39a", "f2e2ae", "f29b5e", "c8443f", "3a1633"),
    ("1a1030", "4b2a7b", "a43f8f", "f0787a", "ffd9a0", "8fd3c8", "1c4a68"),
    ("10241f", "2f5d4a", "8aa65a", "f3e9c6", "e2a34a", "9c4a2f", "2a1a1f"),
)
Draw = Callable[[float], Frame]
"""A picture from the seconds since its shot began."""

TEXTS = {
    "moire": "Two sets of fine concentric rings slide over each other and make moiré waves.",
    "fractal": "A Julia fractal turns slowly while its colours flow outwards.",
    "noise": "A cloudy noise texture with flowing bands of colour.",
    "card": "A television test card with colour bars, gratings and a moving needle.",
    "kaleidoscope": "A kaleidoscope with eight mirrored wedges of coloured shapes turns.",
    "truchet": "A mosaic of quarter-circle tiles on a chequered ground drifts across the picture.",
}


class Patterns:
    """A row of abstract patterns, each for about four seconds."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        rng = stage.rng("patterns")
        names = [str(name) for name in rng.permutation(list(_MAKERS))]
        shots = max(round(stage.seconds / 3.4), 2)
        self.order = [names[k % len(names)] for k in range(shots - 1)] + names[:1]
        if len(self.order) > 1 and self.order[-1] == self.order[-2]:
            self.order[-1] = names[1]
        starts = [round(stage.frames * k / shots) for k in range(shots)]
        self.starts = [s for k, s in enumerate(starts) if k == 0 or s > starts[k - 1]]
        self.made: dict[str, Draw] = {}
        self.truth = Truth(
            caption="Abstract moving patterns: " + ", ".join(sorted(set(self.order))) + ".",
            tags=("procedural", "patterns", "abstract", "out-of-domain", "cuts"),
            storyboard=tuple(
                Prompt(stage.at_s(s), TEXTS[name]) for s, name in zip(self.starts, self.order, strict=False)
            ),
            cuts=tuple(self.starts[1:]),
            shots=tuple(self.order[: len(self.starts)]),
        )

    def draw(self, index: int) -> Frame:
        shot = int(np.searchsorted(self.starts, index, side="right")) - 1
        name = self.order[shot]
        if name not in self.made:
            self.made[name] = _MAKERS[name](self.stage, _palette(self.stage, name))
        return self.made[name](self.stage.at_s(index - self.starts[shot]))


def pattern(stage: Stage, name: str) -> Draw:
    """One pattern on its own, for a shot in another scene."""
    return _MAKERS[name](stage, _palette(stage, name))


def _palette(stage: Stage, name: str) -> UInt8[np.ndarray, "256 3"]:
    """A closed ring of 256 colours."""
    names = PALETTES[int(stage.rng("palette", name).integers(len(PALETTES)))]
    stops = [rgb(n) for n in (*names, names[0])]
    ring = gradient(257, 1, [(k / (len(stops) - 1), c) for k, c in enumerate(stops)])[:256, 0]
    return ring.round().astype(np.uint8)


def _coloured(levels: UInt8[np.ndarray, "h w"], ring: UInt8[np.ndarray, "256 3"], turn: float) -> Frame:
    """Levels as colours of the ring, turned by a part of it; fractions of a step are blended, so it flows."""
    steps = turn * 256
    whole, part = int(np.floor(steps)), steps - np.floor(steps)
    blended = np.roll(ring, -whole, 0) * (1 - part) + np.roll(ring, -whole - 1, 0) * part
    table = np.ascontiguousarray(blended.round().astype(np.uint8)).reshape(256, 1, 3)
    return cv2.applyColorMap(levels, table)


def _colour(ring: UInt8[np.ndarray, "256 3"], k: int) -> Colour:
    red, green, blue = (int(v) for v in ring[k])
    return red, green, blue


def _moire(stage: Stage, ring: UInt8[np.ndarray, "256 3"]) -> Draw:
    w, h = stage.size
    big_w, big_h, pitch = w + w // 2, h + h // 2, 11 * stage.unit
    y, x = np.mgrid[0:big_h, 0:big_w].astype(np.float32)
    far = np.hypot(x - big_w / 2, y - big_h / 2)
    rings = np.clip(0.5 + np.sin(far * 2 * np.pi / pitch) * pitch / 5, 0, 1)
    dark, light, warm = (_colour(ring, k) for k in (4, 110, 150))
    tint = gradient(h, w, [(0.0, light), (1.0, warm)])
    paper = dithered(tint, stage.rng("moire"))
    ink = np.broadcast_to(np.array(dark, np.uint8), paper.shape).copy()
    screen = (rings * 255).astype(np.uint8)

    def draw(at_s: float) -> Frame:
        def shown(dx: float, dy: float) -> UInt8[np.ndarray, "h w"]:
            centre = (big_w / 2 + dx * w / 5, big_h / 2 + dy * h / 5)
            return np.asarray(cv2.getRectSubPix(screen, (w, h), centre), np.uint8)

        both = cv2.bitwise_xor(
            shown(np.sin(at_s * 0.7), np.cos(at_s * 0.5)), shown(-np.sin(at_s * 0.6), np.sin(at_s * 0.4))
        )
        cover = cv2.cvtColor(both, cv2.COLOR_GRAY2RGB)
        return cv2.add(
            cv2.multiply(paper, cover, scale=1 / 255), cv2.multiply(ink, cv2.bitwise_not(cover), scale=1 / 255)
        )

    return draw


def _fractal(stage: Stage, ring: UInt8[np.ndarray, "256 3"]) -> Draw:
    w, h = stage.size
    seeds = (-0.7269 + 0.1889j, -0.8 + 0.156j, 0.285 + 0.01j, -0.4 + 0.6j)
    c = np.complex64(seeds[int(stage.rng("julia").integers(len(seeds)))])
    side = int(np.hypot(w, h) * 1.05)
    line = np.linspace(-1.35, 1.35, side, dtype=np.float32)
    z = (line[None, :] + 1j * line[:, None]).astype(np.complex64)
    steps = np.full(z.shape, 72.0, np.float32)
    inside = np.ones(z.shape, bool)
    flat, index = z.ravel(), np.arange(z.size)
    for n in range(72):  # only points that have not escaped are carried on
        flat = flat * flat + c
        size = flat.real**2 + flat.imag**2
        gone = size > 64
        steps.ravel()[index[gone]] = n + 1 - np.log2(np.log(size[gone]) / np.log(64.0))
        inside.ravel()[index[gone]] = False
        flat, index = flat[~gone], index[~gone]
    levels = ((np.sqrt(np.maximum(steps, 0)) * 42) % 256).astype(np.uint8)
    dark = (inside * 255).astype(np.uint8)

    def draw(at_s: float) -> Frame:
        scale = 0.98 + 0.3 * (1 - np.cos(at_s * 0.5))
        turn = placed(w / 2, h / 2, scale, at_s * 0.12, (side / 2, side / 2))
        level = cv2.warpAffine(levels, turn, (w, h), flags=cv2.INTER_NEAREST)
        frame = _coloured(level, ring, at_s * 0.12)
        frame[cv2.warpAffine(dark, turn, (w, h), flags=cv2.INTER_NEAREST) > 0] = (12, 10, 20)
        return frame

    return draw


def _noise(stage: Stage, ring: UInt8[np.ndarray, "256 3"]) -> Draw:
    w, h = stage.size
    rng = stage.rng("noise")
    pad = int(h * 0.6)
    field = noise(h + pad, w + pad, 210 * stage.unit, rng, octaves=5)
    bend = (noise(h, w, 260 * stage.unit, rng, octaves=2) - 0.5) * 160 * stage.unit
    cloud = (field * 760 % 256).astype(np.uint8)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)

    def draw(at_s: float) -> Frame:
        sway = np.float32(np.sin(at_s * 0.6))
        shift = float(pad / 2 * (1 + 0.4 * np.sin(at_s * 0.25)))
        level = cv2.remap(cloud, x + bend * sway + shift, y - bend * sway + pad / 2, cv2.INTER_NEAREST)
        return _coloured(level, ring, at_s * 0.2)

    return draw


def _card(stage: Stage, ring: UInt8[np.ndarray, "256 3"]) -> Draw:
    w, h = stage.size
    u = stage.unit
    canvas = Canvas(w, h)
    canvas.box(0, 0, w, h, rgb("5b6068"))
    step = 40 * u
    for k in range(int(w / step) + 2):
        canvas.line([(k * step, 0), (k * step, h)], rgb("d9dde2"), 1.5 * u)
    for k in range(int(h / step) + 2):
        canvas.line([(0, k * step), (w, k * step)], rgb("d9dde2"), 1.5 * u)
    cx, cy, r = w / 2, h / 2, 210 * u
    canvas.ellipse((cx, cy), (r + 5 * u, r + 5 * u), rgb("f3f1e8"))
    canvas.ellipse((cx, cy), (r, r), rgb("23262b"))
    bars = ["f3f1e8", "e6c93c", "3cb8b4", "4aa84e", "b04a9c", "c8402f", "2c4fa3"]
    width = r * 1.7 / len(bars)
    for k, name in enumerate(bars):
        canvas.box(cx - r * 0.85 + k * width, cy - r * 0.5, width + 1, r * 0.5, rgb(name))
    for k in range(11):
        grey = round(16 + 224 * k / 10)
        canvas.box(cx - r * 0.85 + k * r * 1.7 / 11, cy, r * 1.7 / 11 + 1, r * 0.22, (grey, grey, grey))
    x, pitch = cx - r * 0.8, 9 * u
    while x < cx + r * 0.8:
        canvas.box(x, cy + r * 0.26, pitch / 2, r * 0.24, rgb("f3f1e8"))
        x, pitch = x + pitch, max(pitch * 0.97, 2.2 * u)
    canvas.box(cx - r * 0.36, cy - r * 0.82, r * 0.72, r * 0.24, rgb("f3f1e8"), 6 * u)
    card = np.ascontiguousarray(canvas.finished()[..., :3])
    label = lettered(f"CARD {int(ring[3].sum()) % 90 + 10}", 32 * u, rgb("23262b"), 800)
    paste(card, label, placed(cx - label.shape[1] / 2, cy - r * 0.7 - label.shape[0] / 2))
    needle = Canvas(12 * u, r)
    needle.polygon([(6 * u, 0), (10 * u, r * 0.42), (2 * u, r * 0.42)], rgb("e8703a"))
    hand = needle.finished()

    def draw(at_s: float) -> Frame:
        frame = card.copy()
        paste(frame, hand, placed(cx, cy, 1.0, at_s * np.pi / 2, (6 * u, r - 6 * u)))
        x = int((at_s * 90 * u) % (w - 40 * u))
        frame[h - int(34 * u) : h - int(14 * u), x : x + int(40 * u)] = ring[140]
        return frame

    return draw


def _kaleidoscope(stage: Stage, ring: UInt8[np.ndarray, "256 3"]) -> Draw:
    w, h = stage.size
    rng = stage.rng("kaleidoscope")
    side = int(h * 1.3)
    canvas = Canvas(side, side)
    canvas.box(0, 0, side, side, _colour(ring, 6))
    for _ in range(170):
        at = rng.random(2) * side
        size = (0.02 + 0.07 * rng.random() ** 2) * side
        colour = _colour(ring, int(rng.integers(256)))
        if rng.random() < 0.4:
            canvas.ellipse((at[0], at[1]), (size, size), colour)
            canvas.soft((at[0] - size / 3, at[1] - size / 3), (size * 0.6, size * 0.6), (255, 255, 255), 0.5)
        else:
            turn = rng.random() * 6.28 + np.arange(int(rng.integers(3, 6))) * 2.4
            canvas.polygon([(at[0] + size * np.cos(a) * 1.5, at[1] + size * np.sin(a) * 1.5) for a in turn], colour)
    tile = canvas.finished()
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    x, y = x - w / 2, y - h / 2
    far, angle = np.hypot(x, y), np.arctan2(y, x)
    wedge = np.float32(np.pi / 8)
    folded = np.abs((angle % (2 * wedge)) - wedge)
    reach = side * 0.44 / far.max()
    maps = cv2.convertMaps(
        far * reach * np.cos(folded) + side * 0.28, far * reach * np.sin(folded) + side * 0.34, cv2.CV_16SC2
    )
    rim = 1 - 0.45 * (far / far.max()) ** 2
    shade = cv2.cvtColor((rim * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)

    def draw(at_s: float) -> Frame:
        turn = placed(side / 2, side / 2, 1.0, at_s * 0.35, (side / 2, side / 2))
        moved = cv2.warpAffine(tile, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        seen = cv2.remap(moved, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return cv2.multiply(cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB), shade, scale=1 / 255)

    return draw


def _truchet(stage: Stage, ring: UInt8[np.ndarray, "256 3"]) -> Draw:
    w, h = stage.size
    rng = stage.rng("truchet")
    cell = 48 * stage.unit
    columns, rows = int(w / cell) + 9, int(h / cell) + 7
    colours = [_colour(ring, k) for k in (8, 40, 110, 150, 190)]
    ground, ink = Canvas(columns * cell, rows * cell), Canvas(columns * cell, rows * cell)
    for row in range(rows):
        for column in range(columns):
            x, y = column * cell, row * cell
            ground.box(x, y, cell + 1, cell + 1, colours[(row + column) % 2])
            a, b = ((x, y), (x + cell, y + cell)) if rng.random() < 0.5 else ((x + cell, y), (x, y + cell))
            for corner in (a, b):
                start = np.arctan2(y + cell / 2 - corner[1], x + cell / 2 - corner[0]) - np.pi / 4
                arc = [
                    (corner[0] + cell / 2 * np.cos(start + t), corner[1] + cell / 2 * np.sin(start + t))
                    for t in np.linspace(0, np.pi / 2, 13)
                ]
                ink.line(arc, colours[2 + (row // 2 + column // 3) % 3], cell * 0.2)
    tiles, lines = ground.finished(), ink.finished()

    def draw(at_s: float) -> Frame:
        turn = 0.1 * np.sin(at_s * 0.5)
        middle = (tiles.shape[1] / 2, tiles.shape[0] / 2)
        lower = placed(w / 2 + 60 * stage.unit * np.sin(at_s * 0.4), h / 2, 1.15, turn, middle)
        frame = cv2.cvtColor(cv2.warpAffine(tiles, lower, (w, h), flags=cv2.INTER_LINEAR), cv2.COLOR_RGBA2RGB)
        upper = placed(w / 2 - 70 * stage.unit * np.sin(at_s * 0.4), h / 2, 1.15, -turn, middle)
        over(frame, cv2.warpAffine(lines, upper, (w, h), flags=cv2.INTER_LINEAR))
        return frame

    return draw


_MAKERS: dict[str, Callable[[Stage, UInt8[np.ndarray, "256 3"]], Draw]] = {
    "moire": _moire,
    "fractal": _fractal,
    "noise": _noise,
    "card": _card,
    "kaleidoscope": _kaleidoscope,
    "truchet": _truchet,
}
