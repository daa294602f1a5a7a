"""Where people meet: a park, a street, a café, a room, the snow. Each is a still picture with a floor."""

from collections.abc import Callable

import cv2
import numpy as np

from bench.video.scenes.nature import LIGHTS, broadleaf, landscape
from bench.video.scenes.paint import OVERSAMPLE, Canvas, Picture, dithered, mix, noise, opaque, rgb
from bench.video.scenes.shapes import NIGHT, WHITE, ball, shadow, vessel
from bench.video.scenes.stage import Stage
from bench.video.scenes.town import street

FLOOR = 0.9  # of the picture's height: where feet stand

PLACES: dict[str, str] = {
    "park": "a green park",
    "street": "a street of painted houses",
    "café": "a small café",
    "room": "a living room with a bookcase",
    "snow": "a snowy meadow",
}


def place(stage: Stage, name: str) -> Picture:
    """The picture of a place, as large as the frame, with full coverage."""
    return _MAKERS[name](stage)


def _park(stage: Stage) -> Picture:
    canvas = _open_air(stage, "noon")
    w, h = stage.size
    u = stage.unit
    canvas.ellipse((w * 0.5, h * 1.0), (w * 0.8, h * 0.2), rgb("6fa04e"))
    canvas.ellipse((w * 0.5, h * 0.98), (w * 0.62, h * 0.12), rgb("d8c49a"))
    canvas.soft((w * 0.5, h * 0.96), (w * 0.5, h * 0.06), rgb("efe0ba"), 0.6)
    for x, size in ((0.08, 250), (0.93, 290)):
        shadow(canvas, (w * x, h * 0.83), (size * 0.45 * u, 14 * u), 0.4)
        broadleaf(canvas, (w * x, h * 0.83), size * u, rgb("3f7a3f"), rgb("63a257"))
    bench_x, y = w * 0.44, h * 0.8
    shadow(canvas, (bench_x + 50 * u, y + 12 * u), (90 * u, 10 * u), 0.4)
    for dx in (6, 94):
        canvas.line([(bench_x + dx * u, y - 44 * u), (bench_x + dx * u, y + 12 * u)], rgb("3c3f46"), 5 * u)
    for dy in (-44, -32, -14):
        canvas.box(bench_x - 4 * u, y + dy * u, 108 * u, 8 * u, rgb("9a6a40" if dy < -20 else "b37d4d"), 3 * u)
    return _finish(canvas, stage)


def _snow(stage: Stage) -> Picture:
    canvas = _open_air(stage, "winter")
    w, h = stage.size
    u = stage.unit
    canvas.ellipse((w * 0.45, h * 1.06), (w * 0.9, h * 0.32), rgb("eef3f8"))
    canvas.soft((w * 0.8, h * 0.95), (w * 0.5, h * 0.12), rgb("b9cbe0"), 0.7)
    at = (w * 0.87, h * 0.84)
    shadow(canvas, (at[0] + 20 * u, at[1] + 2 * u), (56 * u, 12 * u), 0.3)
    for dy, r in ((34, 44), (98, 32), (146, 23)):
        ball(canvas, (at[0], at[1] - dy * u), r * u, rgb("f3f6fa"), 0.2)
    canvas.polygon(
        [(at[0], at[1] - 148 * u), (at[0] - 30 * u, at[1] - 141 * u), (at[0], at[1] - 140 * u)], rgb("e58a34")
    )
    for dx in (-9, 7):
        canvas.ellipse((at[0] + dx * u, at[1] - 153 * u), (3 * u, 3 * u), NIGHT)
    canvas.box(at[0] - 25 * u, at[1] - 128 * u, 50 * u, 9 * u, rgb("b8453a"), 4 * u)
    canvas.box(at[0] - 16 * u, at[1] - 194 * u, 32 * u, 28 * u, rgb("2b2b34"))
    canvas.box(at[0] - 25 * u, at[1] - 169 * u, 50 * u, 5 * u, rgb("2b2b34"))
    return _finish(canvas, stage)


def _street(stage: Stage) -> Picture:
    return _finish(street(stage, stage.size.width, "place"), stage)


def _cafe(stage: Stage) -> Picture:
    w, h = stage.size
    u = stage.unit
    canvas = _indoors(stage, "7fa39a", "a9744f")
    canvas.box(0, h * 0.5, w, h * 0.3, rgb("3f6660"))
    canvas.box(0, h * 0.5, w, 7 * u, rgb("c9a36a"))
    canvas.box(w * 0.06, h * 0.1, w * 0.26, h * 0.34, rgb("5c4632"), 5 * u)
    canvas.box(w * 0.07, h * 0.117, w * 0.24, h * 0.306, rgb("bfe0e6"))
    canvas.polygon(
        [(w * 0.07, h * 0.3), (w * 0.2, h * 0.117), (w * 0.26, h * 0.117), (w * 0.07, h * 0.4)], rgb("d9eef0")
    )
    canvas.line([(w * 0.19, h * 0.11), (w * 0.19, h * 0.43)], rgb("5c4632"), 5 * u)
    for row in range(2):
        y = h * (0.2 + 0.15 * row)
        canvas.box(w * 0.6, y, w * 0.32, 7 * u, rgb("8a5f3c"))
        for k in range(8):
            x = w * 0.62 + k * w * 0.039
            colour = (rgb("e8e2d4"), rgb("c8603f"), rgb("dba847"), rgb("52737f"))[(k * 3 + row) % 4]
            vessel(canvas, (x, y), (22 + 8 * ((k + row) % 3)) * u, [0.3, 0.4, 0.38, 0.2, 0.24], colour)
    for x in (0.3, 0.52, 0.74):
        canvas.line([(w * x, 0), (w * x, h * 0.09)], rgb("2f2a28"), 2 * u)
        canvas.polygon(
            [
                (w * x - 8 * u, h * 0.085),
                (w * x + 8 * u, h * 0.085),
                (w * x + 26 * u, h * 0.14),
                (w * x - 26 * u, h * 0.14),
            ],
            rgb("c9513f"),
        )
        canvas.soft((w * x, h * 0.17), (80 * u, 60 * u), rgb("ffe2a0"), 0.45)
        canvas.ellipse((w * x, h * 0.142), (10 * u, 8 * u), rgb("fff1c8"))
    for x in (0.16, 0.86):
        shadow(canvas, (w * x, h * 0.87), (70 * u, 12 * u))
        canvas.line([(w * x, h * 0.7), (w * x, h * 0.86)], rgb("3a3434"), 7 * u)
        canvas.ellipse((w * x, h * 0.865), (34 * u, 7 * u), rgb("3a3434"))
        canvas.ellipse((w * x, h * 0.7), (66 * u, 14 * u), rgb("7a4f31"))
        canvas.ellipse((w * x, h * 0.693), (66 * u, 14 * u), rgb("b88556"))
        vessel(canvas, (w * x + 12 * u, h * 0.693), 22 * u, [0.4, 0.5, 0.55], rgb("f0ebe0"))
    return _finish(canvas, stage)


def _living_room(stage: Stage) -> Picture:
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("books")
    canvas = _indoors(stage, "c9a98a", "8a6248")
    x0, y0, wide, tall = w * 0.62, h * 0.12, w * 0.3, h * 0.68
    shadow(canvas, (x0 + wide / 2, y0 + tall + 4 * u), (wide * 0.6, 12 * u))
    canvas.box(x0 - 7 * u, y0 - 7 * u, wide + 14 * u, tall + 10 * u, rgb("6a452e"), 3 * u)
    spines = [rgb(c) for c in ("a8433a", "3f6b75", "d0a24a", "5b7a4f", "7a5a86", "d9cdb4", "34445c")]
    for row in range(5):
        y = y0 + row * tall / 5
        canvas.box(x0, y, wide, tall / 5 - 6 * u, rgb("43291b"))
        x = x0 + 2 * u
        while x < x0 + wide - 14 * u:
            thick, high = (7 + 8 * float(rng.random())) * u, (0.62 + 0.28 * float(rng.random())) * (tall / 5 - 6 * u)
            if rng.random() < 0.9:
                colour = spines[int(rng.integers(len(spines)))]
                canvas.box(x, y + tall / 5 - 6 * u - high, thick, high, colour)
                canvas.box(
                    x + thick * 0.2, y + tall / 5 - 6 * u - high * 0.8, thick * 0.6, 3 * u, mix(colour, WHITE, 0.5)
                )
            x += thick + u
    canvas.box(w * 0.08, h * 0.1, w * 0.28, h * 0.3, rgb("efe6d4"), 3 * u)
    canvas.box(w * 0.09, h * 0.117, w * 0.26, h * 0.266, rgb("6fa3b8"))
    canvas.ellipse((w * 0.27, h * 0.2), (22 * u, 22 * u), rgb("f6dd9a"))
    canvas.polygon([(w * 0.09, h * 0.383), (w * 0.19, h * 0.21), (w * 0.28, h * 0.383)], rgb("46647a"))
    canvas.polygon([(w * 0.2, h * 0.383), (w * 0.29, h * 0.27), (w * 0.35, h * 0.383)], rgb("35505f"))
    shadow(canvas, (w * 0.23, h * 0.83), (w * 0.2, 16 * u))
    canvas.box(w * 0.07, h * 0.52, w * 0.32, h * 0.2, rgb("3f6f73"), 20 * u)
    canvas.box(w * 0.05, h * 0.64, w * 0.36, h * 0.17, rgb("4f878a"), 16 * u)
    canvas.soft((w * 0.2, h * 0.66), (w * 0.14, h * 0.05), WHITE, 0.2)
    for x in (0.12, 0.31):
        canvas.box(w * x, h * 0.57, 52 * u, 46 * u, rgb("e0a545" if x < 0.2 else "c9603f"), 12 * u)
    canvas.ellipse((w * 0.5, h * 0.95), (w * 0.34, h * 0.07), rgb("a04a42"))
    canvas.ellipse((w * 0.5, h * 0.95), (w * 0.31, h * 0.058), rgb("d8b98a"))
    canvas.ellipse((w * 0.5, h * 0.95), (w * 0.28, h * 0.048), rgb("a04a42"))
    lamp = w * 0.5
    canvas.line([(lamp, h * 0.42), (lamp, h * 0.82)], rgb("3a3434"), 5 * u)
    canvas.ellipse((lamp, h * 0.82), (26 * u, 6 * u), rgb("3a3434"))
    canvas.soft((lamp, h * 0.36), (150 * u, 130 * u), rgb("ffdf9e"), 0.5)
    canvas.polygon(
        [(lamp - 22 * u, h * 0.3), (lamp + 22 * u, h * 0.3), (lamp + 38 * u, h * 0.42), (lamp - 38 * u, h * 0.42)],
        rgb("f9e3b0"),
    )
    return _finish(canvas, stage)


def _open_air(stage: Stage, light: str) -> Canvas:
    view = landscape(stage, LIGHTS[light], hills=4).draw(0.0)
    canvas = Canvas(stage.size.width, stage.size.height)
    wide, high = canvas.pixels.shape[1], canvas.pixels.shape[0]
    canvas.pixels[:] = opaque(cv2.resize(view, (wide, high), interpolation=cv2.INTER_LINEAR))
    return canvas


def _indoors(stage: Stage, wall: str, floor: str) -> Canvas:
    w, h = stage.size
    u = stage.unit
    canvas = Canvas(w, h)
    canvas.box(0, 0, w, h, rgb(wall))
    for k in range(int(w / (34 * u)) + 1):
        canvas.box(k * 34 * u, 0, 15 * u, h * 0.8, mix(rgb(wall), WHITE, 0.07))
    canvas.box(0, h * 0.8, w, h * 0.2, rgb(floor))
    canvas.box(0, h * 0.775, w, h * 0.028, mix(rgb(wall), WHITE, 0.5))
    for k in range(-16, 17):
        canvas.line([(w / 2 + k * 60 * u, h * 0.803), (w / 2 + k * 110 * u, h)], mix(rgb(floor), NIGHT, 0.25), 1.6 * u)
    return canvas


def _finish(canvas: Canvas, stage: Stage) -> Picture:
    """Light that falls off towards the corners, and a breath of texture."""
    picture = canvas.finished()[: stage.size.height, : stage.size.width, :3].astype(np.float32)
    h, w = picture.shape[:2]
    y, x = np.ogrid[0:h, 0:w]
    fall = 1.04 - 0.3 * np.hypot((x - w * 0.45) / w, (y - h * 0.4) / h) ** 1.7
    rng = stage.rng("finish")
    texture = 0.97 + 0.06 * noise(h, w, 40 * OVERSAMPLE * stage.unit, rng, octaves=4)
    return opaque(dithered(picture * (fall.astype(np.float32) * texture)[..., None], rng))


_MAKERS: dict[str, Callable[[Stage], Picture]] = {
    "park": _park,
    "street": _street,
    "café": _cafe,
    "room": _living_room,
    "snow": _snow,
}
