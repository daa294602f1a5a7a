"""Heads: face, hair, glasses, hats, seen a little from the side."""

import numpy as np

from bench.video.scenes.paint import Canvas, Colour, Point, mix, rgb
from bench.video.scenes.people import Person
from bench.video.scenes.shapes import NIGHT, WHITE

INK = rgb("2a1e22")


def head(who: Person, r: float, eyes_open: bool, mouth: str) -> Canvas:
    """A head of radius `r` facing right, on a canvas of 4 r by 4.4 r, its middle at (2 r, 2.2 r).

    `mouth` is `smile`, `open` or `round`.
    """
    canvas = Canvas(4 * r, 4.4 * r)
    c = (2 * r, 2.2 * r)
    dark, lit = mix(who.hair, NIGHT, 0.3), mix(who.hair, WHITE, 0.28)
    _hair_behind(canvas, who, c, r, dark)
    shade = mix(who.skin, rgb("8a3a2f"), 0.28)
    face = Canvas(4 * r, 4.4 * r)
    face.ellipse((c[0] - 0.82 * r, c[1] + 0.12 * r), (0.17 * r, 0.23 * r), shade)
    face.ellipse(c, (0.86 * r, 0.98 * r), who.skin)
    face.ellipse((c[0] + 0.1 * r, c[1] + 0.42 * r), (0.68 * r, 0.58 * r), who.skin)
    face.soft((c[0] - 0.75 * r, c[1] + 0.25 * r), (0.5 * r, 0.9 * r), shade, 0.7)
    face.soft((c[0] + 0.1 * r, c[1] + 1.05 * r), (0.8 * r, 0.3 * r), shade, 0.7)
    face.soft((c[0] + 0.4 * r, c[1] - 0.35 * r), (0.45 * r, 0.35 * r), WHITE, 0.18)
    for x in (-0.36, 0.72):
        face.soft((c[0] + x * r, c[1] + 0.34 * r), (0.2 * r, 0.15 * r), rgb("d8584f"), 0.32)
    canvas.lay(face, 0, 0)
    _mouth(canvas, who, (c[0] + 0.24 * r, c[1] + 0.52 * r), r, mouth)
    if who.hair_style == "bald":
        _beard(canvas, who, c, r)
        _mouth(canvas, who, (c[0] + 0.24 * r, c[1] + 0.52 * r), r, mouth)
    nose = mix(who.skin, rgb("8a3a2f"), 0.4)
    canvas.line(
        [(c[0] + 0.31 * r, c[1] + 0.02 * r), (c[0] + 0.46 * r, c[1] + 0.24 * r), (c[0] + 0.28 * r, c[1] + 0.28 * r)],
        nose,
        0.05 * r,
    )
    for x in (-0.16, 0.58):
        _eye(canvas, who, (c[0] + x * r, c[1] - 0.05 * r), r * (1.0 if x < 0.5 else 0.92), eyes_open)
    if who.hair_style != "bald":
        _hair_front(canvas, who, c, r, lit)
    if who.extra == "glasses":
        _glasses(canvas, c, r)
    elif who.extra == "hat":
        _hat(canvas, who.extra_colour, c, r)
    return canvas


def _eye(canvas: Canvas, who: Person, at: Point, r: float, is_open: bool) -> None:
    x, y = at
    if is_open:
        canvas.ellipse(at, (0.16 * r, 0.185 * r), rgb("fbf8f2"))
        canvas.ellipse((x + 0.04 * r, y + 0.01 * r), (0.105 * r, 0.125 * r), who.iris)
        canvas.ellipse((x + 0.045 * r, y + 0.015 * r), (0.058 * r, 0.07 * r), rgb("120d10"))
        canvas.ellipse((x + 0.085 * r, y - 0.045 * r), (0.034 * r, 0.036 * r), WHITE)
        canvas.line(_arc((x, y + 0.02 * r), (0.18 * r, 0.215 * r), 200, 340), INK, 0.05 * r)
    else:
        canvas.line(_arc((x, y - 0.02 * r), (0.17 * r, 0.09 * r), 20, 160), INK, 0.055 * r)
    brow = mix(who.hair, INK, 0.35)
    canvas.line(_arc((x, y - 0.16 * r), (0.21 * r, 0.15 * r), 205, 325), brow, 0.075 * r)
    if who.kind == "woman" and is_open:
        canvas.line([(x + 0.15 * r, y - 0.1 * r), (x + 0.23 * r, y - 0.19 * r)], INK, 0.04 * r)


def _mouth(canvas: Canvas, who: Person, at: Point, r: float, shape: str) -> None:
    lip = rgb("b0404a") if who.kind == "woman" else mix(who.skin, rgb("7a2f2f"), 0.6)
    if shape == "smile":
        canvas.line(_arc((at[0], at[1] - 0.08 * r), (0.26 * r, 0.17 * r), 20, 160), lip, 0.065 * r)
        return
    wide, tall = (0.2 * r, 0.14 * r) if shape == "open" else (0.11 * r, 0.12 * r)
    canvas.ellipse(at, (wide + 0.035 * r, tall + 0.035 * r), lip)
    canvas.ellipse(at, (wide, tall), rgb("4a1620"))
    if shape == "open":
        canvas.ellipse((at[0], at[1] - tall * 0.55), (wide * 0.72, tall * 0.32), rgb("f6efe8"))
        canvas.ellipse((at[0], at[1] + tall * 0.6), (wide * 0.6, tall * 0.32), rgb("c9606a"))


def _hair_behind(canvas: Canvas, who: Person, c: Point, r: float, dark: Colour) -> None:
    x, y = c
    if who.hair_style in ("long", "bob", "bun", "ponytail", "short", "spiky"):
        canvas.ellipse((x - 0.14 * r, y - 0.14 * r), (0.96 * r, 1.02 * r), dark)
    if who.hair_style == "bob":
        canvas.box(x - 1.08 * r, y - 0.35 * r, 1.5 * r, 1.35 * r, dark, 0.5 * r)
    elif who.hair_style == "bun":
        canvas.ellipse((x - 0.55 * r, y - 1.02 * r), (0.44 * r, 0.42 * r), who.hair)
        canvas.soft((x - 0.62 * r, y - 1.15 * r), (0.2 * r, 0.15 * r), WHITE, 0.3)
    elif who.hair_style == "curly":
        for a in np.linspace(0.75 * np.pi, 2.05 * np.pi, 13):
            at = (x - 0.1 * r + 0.9 * r * float(np.cos(a)), y - 0.12 * r + 0.92 * r * float(np.sin(a)))
            canvas.ellipse(at, (0.37 * r, 0.37 * r), dark)
    elif who.hair_style == "spiky":
        for a in np.linspace(1.05 * np.pi, 1.85 * np.pi, 8):
            tip = (x - 0.1 * r + 1.42 * r * float(np.cos(a)), y + 1.4 * r * float(np.sin(a)))
            feet = [
                (x - 0.1 * r + 0.85 * r * float(np.cos(b)), y + 0.85 * r * float(np.sin(b)))
                for b in (a - 0.26, a + 0.26)
            ]
            canvas.polygon([feet[0], tip, feet[1]], who.hair)


def _hair_front(canvas: Canvas, who: Person, c: Point, r: float, lit: Colour) -> None:
    x, y = c
    front = Canvas(4 * r, 4.4 * r)
    outer = _arc((x - 0.05 * r, y - 0.06 * r), (0.95 * r, 1.03 * r), 172, 352)
    low = 0.35 if who.hair_style in ("long", "bob") else 0.1
    hairline = [(0.86, -0.3), (0.62, -0.5), (0.3, -0.46), (-0.05, -0.52), (-0.38, -0.38), (-0.58, -0.1), (-0.66, low)]
    if who.hair_style == "bob":
        hairline[1:5] = [(0.7, -0.34), (0.35, -0.36), (0.0, -0.36), (-0.38, -0.33)]
    front.polygon([*outer, *((x + a * r, y + b * r) for a, b in hairline), (x - 0.98 * r, y + low * r)], who.hair)
    if who.hair_style == "curly":
        for a in np.linspace(1.02 * np.pi, 1.93 * np.pi, 9):
            at = (x - 0.05 * r + 0.82 * r * float(np.cos(a)), y - 0.1 * r + 0.86 * r * float(np.sin(a)))
            front.ellipse(at, (0.28 * r, 0.27 * r), who.hair)
    front.soft((x + 0.1 * r, y - 0.85 * r), (0.5 * r, 0.16 * r), lit, 0.75)
    front.soft((x - 0.75 * r, y - 0.05 * r), (0.3 * r, 0.5 * r), NIGHT, 0.35)
    canvas.lay(front, 0, 0)


def _beard(canvas: Canvas, who: Person, c: Point, r: float) -> None:
    x, y = c
    beard = Canvas(4 * r, 4.4 * r)
    outer = _arc((x + 0.05 * r, y + 0.35 * r), (0.84 * r, 0.82 * r), -8, 182)
    inner = [(-0.6, 0.3), (-0.4, 0.42), (-0.1, 0.3), (0.24, 0.34), (0.6, 0.3), (0.76, 0.36)]
    beard.polygon([*outer, *((x + a * r, y + b * r) for a, b in inner)], who.hair)
    beard.soft((x + 0.2 * r, y + 0.9 * r), (0.4 * r, 0.2 * r), WHITE, 0.18)
    canvas.lay(beard, 0, 0)
    canvas.soft((x + 0.1 * r, y - 0.72 * r), (0.4 * r, 0.18 * r), WHITE, 0.35)


def _glasses(canvas: Canvas, c: Point, r: float) -> None:
    frame = rgb("2b2b30")
    for x in (-0.14, 0.6):
        ring = _arc((c[0] + x * r, c[1] - 0.04 * r), (0.27 * r, 0.27 * r), 0, 360)
        canvas.line(ring, frame, 0.065 * r)
    canvas.line([(c[0] + 0.13 * r, c[1] - 0.07 * r), (c[0] + 0.33 * r, c[1] - 0.07 * r)], frame, 0.06 * r)
    canvas.line([(c[0] - 0.4 * r, c[1] - 0.07 * r), (c[0] - 0.85 * r, c[1] - 0.02 * r)], frame, 0.06 * r)


def _hat(canvas: Canvas, colour: Colour, c: Point, r: float) -> None:
    x, y = c
    hat = Canvas(4 * r, 4.4 * r)
    hat.polygon(
        [(x - 0.84 * r, y - 0.5 * r), *_arc((x - 0.05 * r, y - 0.62 * r), (0.78 * r, 0.78 * r), 180, 360)], colour
    )
    hat.polygon(
        [
            (x - 0.84 * r, y - 0.42 * r),
            (x - 0.83 * r, y - 0.64 * r),
            (x + 0.74 * r, y - 0.64 * r),
            (x + 0.78 * r, y - 0.42 * r),
        ],
        mix(colour, NIGHT, 0.35),
    )
    hat.ellipse((x - 0.02 * r, y - 0.44 * r), (1.12 * r, 0.15 * r), mix(colour, NIGHT, 0.12))
    hat.soft((x + 0.15 * r, y - 1.1 * r), (0.4 * r, 0.25 * r), WHITE, 0.3)
    canvas.lay(hat, 0, 0)


def _arc(centre: Point, radii: Point, from_deg: float, to_deg: float) -> list[Point]:
    """Points of an arc; 0 degrees is right, 90 down."""
    a = np.radians(np.linspace(from_deg, to_deg, 25))
    return [(centre[0] + radii[0] * float(np.cos(t)), centre[1] + radii[1] * float(np.sin(t))) for t in a]
