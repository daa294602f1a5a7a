"""Towns: skylines far away, and a street of houses near by."""

import numpy as np

from bench.video.scenes.nature import Layer, Light, Vista, clouds, sky
from bench.video.scenes.paint import OVERSAMPLE, Canvas, Colour, mix, rgb
from bench.video.scenes.shapes import NIGHT, WHITE
from bench.video.scenes.stage import Stage

WALLS = [rgb(c) for c in ("c9785a", "d9a86a", "b9c2b0", "8fa5ad", "d8c6a4", "a9656a", "7f8f7a", "c4b3b8")]
AWNINGS = [rgb(c) for c in ("b8453a", "2f6f73", "d39a3a", "4d5f96", "6e8a4a")]
LAMP = rgb("ffd98a")


def skyline(stage: Stage, light: Light, travel: float) -> Vista:
    """A city seen across rows of roofs, wide enough for a camera that slides up to `travel` pixels."""
    layers = [sky(stage, light, travel), clouds(stage, light, travel)]
    for k, (depth, base, tall) in enumerate(((0.12, 0.72, 0.34), (0.3, 0.84, 0.38), (0.6, 1.0, 0.44), (1.0, 1.0, 0.2))):
        layers.append(_row(stage, light, k, (depth, base, tall, travel)))
    return Vista(stage, layers)


def _row(stage: Stage, light: Light, k: int, where: tuple[float, float, float, float]) -> Layer:
    depth, base, tall, travel = where
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("row", light.name, k)
    width, height = w + int(travel * depth) + 8, tall * h
    canvas = Canvas(width, height + 2)
    near = (0.1, 0.4, 0.72, 1.0)[k]
    body = mix(light.far, light.near, near)
    x = -20 * u * float(rng.random())
    while x < width:
        wide = (38 + 62 * float(rng.random())) * u * (0.7 + 0.5 * near)
        top = height * float(rng.random()) ** 1.5 * 0.75
        if k == 3:
            top = height * (0.25 + 0.45 * float(rng.random()))
        shade = mix(body, NIGHT, 0.22 * float(rng.random()))
        canvas.box(x, top, wide + 1, height - top + 4, shade)
        canvas.box(x, top, wide * 0.16, height - top + 4, mix(shade, light.sky[2], 0.22))
        _roof(canvas, rng, (x, top, wide), mix(shade, NIGHT, 0.2))
        _windows(canvas, rng, (x, top, wide, height), (shade, light, near, u))
        x += wide + (6 * u * float(rng.random()) if k < 3 else 0)
    rows = canvas.pixels.shape[0]
    mist = np.linspace(0, 1, rows, dtype=np.float32)[:, None] ** 1.3 * np.float32(0.6 * (1 - near))
    canvas.tint(np.broadcast_to(mist, canvas.pixels.shape[:2]), light.sky[2], (0, 0))
    picture = canvas.finished()
    return Layer(picture, int(base * h) - picture.shape[0], depth)


def _roof(canvas: Canvas, rng: np.random.Generator, where: tuple[float, float, float], colour: Colour) -> None:
    x, top, wide = where
    kind = int(rng.integers(4))
    if kind == 0:
        canvas.polygon([(x - 2, top + 1), (x + wide / 2, top - wide * 0.35), (x + wide + 2, top + 1)], colour)
    elif kind == 1:
        canvas.box(x + wide * 0.2, top - wide * 0.14, wide * 0.3, wide * 0.16, colour)
    elif kind == 2:
        canvas.line([(x + wide / 2, top), (x + wide / 2, top - wide * 0.5)], colour, max(wide * 0.03, 1))


def _windows(
    canvas: Canvas,
    rng: np.random.Generator,
    where: tuple[float, float, float, float],
    style: tuple[Colour, Light, float, float],
) -> None:
    x, top, wide, height = where
    shade, light, near, u = style
    pane, gap = (5.0 + 4 * near) * u, (7.0 + 5 * near) * u
    dark, lit = mix(shade, NIGHT, 0.35), mix(LAMP, light.sky[2], 0.35 * (1 - near))
    glow = 0.45 if light.stars else 0.22 if light.name == "dusk" else 0.03
    for row in range(int((height - top - gap) / (pane * 1.4 + gap))):
        for column in range(int((wide - gap) / (pane + gap))):
            colour = lit if rng.random() < glow else dark
            at = (x + gap + column * (pane + gap), top + gap + row * (pane * 1.4 + gap))
            canvas.box(at[0], at[1], pane, pane * 1.4, colour)


def house(canvas: Canvas, box: tuple[float, float, float, float], rng: np.random.Generator, u: float) -> None:
    """A house front in a street: windows with frames, a shop below with an awning."""
    x, y, wide, tall = box
    wall = mix(WALLS[int(rng.integers(len(WALLS)))], WHITE, 0.1)
    canvas.box(x, y, wide, tall, wall)
    canvas.box(x - 3 * u, y, wide + 6 * u, 9 * u, mix(wall, WHITE, 0.4))
    canvas.box(x, y + 9 * u, wide, 4 * u, mix(wall, NIGHT, 0.25))
    columns = max(int(wide / (58 * u)), 1)
    shop = y + tall - 118 * u
    floor = y + 26 * u
    while floor + 58 * u < shop:
        for k in range(columns):
            _pane(canvas, (x + (k + 0.5) * wide / columns, floor), wall, rng, u)
        floor += 76 * u
    canvas.box(x + 8 * u, shop + 34 * u, wide - 16 * u, 84 * u, mix(wall, NIGHT, 0.55))
    canvas.box(x + 14 * u, shop + 40 * u, wide - 28 * u, 62 * u, rgb("c9d6d2"))
    canvas.polygon(
        [
            (x + 20 * u, shop + 40 * u),
            (x + 56 * u, shop + 40 * u),
            (x + 26 * u, shop + 102 * u),
            (x + 14 * u, shop + 102 * u),
        ],
        rgb("dfe8e4"),
    )
    cloth = AWNINGS[int(rng.integers(len(AWNINGS)))]
    stripes = max(int(wide / (16 * u)), 4)
    for k in range(stripes):
        a, b = x + 4 * u + (wide - 8 * u) * k / stripes, x + 4 * u + (wide - 8 * u) * (k + 1) / stripes
        colour = cloth if k % 2 else mix(cloth, WHITE, 0.82)
        canvas.polygon(
            [(a + 3 * u, shop + 30 * u), (b + 2 * u, shop + 30 * u), (b, shop + 56 * u), (a, shop + 56 * u)], colour
        )
        canvas.ellipse(((a + b) / 2, shop + 56 * u), ((b - a) / 2, 5 * u), colour)


def _pane(canvas: Canvas, at: tuple[float, float], wall: Colour, rng: np.random.Generator, u: float) -> None:
    x, y = at
    canvas.box(x - 17 * u, y - 2 * u, 34 * u, 52 * u, mix(wall, WHITE, 0.55))
    canvas.box(x - 14 * u, y + 1 * u, 28 * u, 46 * u, mix(rgb("5c7684"), LAMP, 0.7 if rng.random() < 0.15 else 0.0))
    canvas.polygon([(x - 14 * u, y + 1 * u), (x + 4 * u, y + 1 * u), (x - 14 * u, y + 30 * u)], rgb("86a0aa"))
    canvas.line([(x, y), (x, y + 47 * u)], mix(wall, WHITE, 0.55), 2.4 * u)
    canvas.box(x - 20 * u, y + 48 * u, 40 * u, 5 * u, mix(wall, NIGHT, 0.2))
    if rng.random() < 0.4:
        for k in range(5):
            canvas.ellipse((x + (k - 2) * 7 * u, y + 45 * u), (5 * u, 5 * u), rgb("5c8a4a" if k % 2 else "7aa35c"))
            canvas.ellipse((x + (k - 2) * 7 * u, y + 42 * u), (2.2 * u, 2.2 * u), rgb("d8607a"))


def street(stage: Stage, width: float, name: str) -> Canvas:
    """A row of houses with pavement and road, `width` pixels wide and as tall as the frame."""
    h = stage.size.height
    u = stage.unit
    rng = stage.rng("street", name)
    canvas = Canvas(width, h)
    canvas.box(0, 0, width, h, rgb("b9d3dc"))
    rows = int(h * 0.5 * OVERSAMPLE)
    haze = np.linspace(0, 0.8, rows, dtype=np.float32)[:, None]
    canvas.tint(np.broadcast_to(haze, (rows, canvas.pixels.shape[1])), rgb("f6ead2"), (0, 0))
    ground = h * 0.8
    x = -30 * u
    while x < width:
        wide = (150 + 110 * float(rng.random())) * u
        tall = ground - (10 + 70 * float(rng.random())) * u
        house(canvas, (x, ground - tall, wide, tall), rng, u)
        x += wide + 2 * u
    canvas.box(0, ground, width, h - ground, rgb("a9a49a"))
    canvas.box(0, ground, width, 5 * u, rgb("8d877d"))
    for k in range(int(width / (46 * u)) + 2):
        canvas.line([(k * 46 * u, ground + 5 * u), (k * 46 * u - 26 * u, ground + 46 * u)], rgb("989288"), 1.6 * u)
    canvas.box(0, ground + 46 * u, width, 8 * u, rgb("c9c4b8"))
    canvas.box(0, ground + 54 * u, width, h, rgb("5e6066"))
    return canvas
