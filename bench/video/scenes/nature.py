"""Landscapes in layers: sky, sun, clouds, hills behind hills, trees, water.

Layers lie one behind the other and slide at their own speed, which is what makes a drawn pan look deep.
Distance is shown as painters do it: the farther, the paler and the closer to the colour of the sky.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64

from bench.video.scenes.paint import Canvas, Colour, Picture, dithered, gradient, mix, noise, over, rgb
from bench.video.scenes.stage import Frame, Stage


@dataclass(frozen=True)
class Light:
    """The colours of an hour and a season."""

    name: str
    words: str
    sky: tuple[Colour, Colour, Colour]  # top, middle, horizon
    sun: Colour
    far: Colour
    near: Colour
    leaf: Colour
    cloud: Colour
    sun_height: float  # of the picture, from the top
    stars: bool = False


def _light(name: str, words: str, colours: str, sun_height: float, stars: bool = False) -> Light:
    c = [rgb(text) for text in colours.split()]
    return Light(name, words, (c[0], c[1], c[2]), c[3], c[4], c[5], c[6], c[7], sun_height, stars)


LIGHTS: dict[str, Light] = {
    light.name: light
    for light in (
        _light("dusk", "at dusk", "2e3566 a8587f f7b88a fff0c4 8f6d93 241f38 3a2b45 d98a94", 0.50),
        _light("morning", "on a misty morning", "86b4d2 cbdfe4 fbe8cb fff8e2 a9c4c6 2c4a46 3f6654 f7f2ea", 0.36),
        _light("noon", "at noon in summer", "3c86c8 8fc6e8 dff0f2 fffbe8 9bbdc8 2f5f38 4f8a45 ffffff", 0.16),
        _light("autumn", "in autumn", "7f9fb8 dcc9ab f6cf97 fff2d0 b59c8c 5a3320 b8642c f3e3cc", 0.42),
        _light("night", "on a clear night", "0a1030 1b2757 46548c f3f2e0 2c3966 0a0e1f 131b33 33416f", 0.24, True),
        _light("winter", "in winter", "8fabc8 cbd8e6 f4efec fffaf0 c0cede 5d7288 e9eff5 f4f6fa", 0.34),
    )
}


@dataclass(frozen=True)
class Layer:
    """A strip of picture whose top lies at `top` in the frame; it slides `depth` times as far as the camera."""

    picture: Picture
    top: int
    depth: float


class Vista:
    """Layers from back to front, seen by a camera that slides sideways. The first layer fills the frame."""

    def __init__(self, stage: Stage, layers: list[Layer]) -> None:
        self.stage = stage
        self.layers = layers

    def draw(self, slide: float) -> Frame:
        """The view with the camera `slide` pixels to the right of where it began."""
        frame = np.empty((self.stage.size.height, self.stage.size.width, 3), np.uint8)
        for layer in self.layers:
            seen = _window(layer.picture, slide * layer.depth, frame.shape[1])
            rows = frame[layer.top : layer.top + seen.shape[0]]
            if layer is self.layers[0]:
                cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB, dst=rows)
            else:
                over(rows, seen[: rows.shape[0]])
        return frame


def landscape(stage: Stage, light: Light, travel: float = 0.0, *, water: bool = False, hills: int = 4) -> Vista:
    """A land of `hills` ridges in this light, wide enough for a camera that slides up to `travel` pixels.

    With `water`, the nearest ridge makes room for a lake that mirrors what stands above it.
    """
    h = stage.size.height
    layers = [sky(stage, light, travel)]
    layers.append(clouds(stage, light, travel))
    for k in range(hills):
        depth = 0.1 + 0.5 * (k / max(hills - 1, 1)) ** 1.4
        base = (0.47 + (0.24 if water else 0.34) * k / max(hills - 1, 1)) * h
        layers.append(_hill(stage, light, k, hills, (base, h * (0.68 if water else 1.0), depth, travel)))
    if water:
        layers.append(_lake(stage, light, layers, int(0.64 * h), travel))
    else:
        layers.append(_meadow(stage, light, travel))
    return Vista(stage, layers)


def sky(stage: Stage, light: Light, travel: float = 0.0) -> Layer:
    """The sky with its sun or moon; the farthest layer, which fills the frame."""
    w, h = stage.size
    width = w + int(travel * 0.03) + 4
    rng = stage.rng("sky", light.name)
    top, middle, low = light.sky
    picture = gradient(h, width, [(0.0, top), (0.36, middle), (0.7, low), (1.0, low)])
    x, y = (0.28 + 0.44 * rng.random()) * w, light.sun_height * h
    yy, xx = np.ogrid[0:h, 0:width]
    far = np.sqrt((xx - x) ** 2 + (yy - y) ** 2).astype(np.float32) / h
    radius = 0.055 if light.stars else 0.05
    halo = (0.55 * np.exp(-far * 4.5) + 0.35 * np.exp(-(far**2) * 60))[..., None]
    sun = np.array(light.sun, np.float32)
    picture += (sun - picture) * halo * (0.55 if light.stars else 1.0)
    if light.stars:
        for _ in range(240):
            sx, sy = int(rng.integers(width)), int(h * 0.75 * rng.random() ** 1.3)
            picture[sy : sy + 1, sx : sx + 1] += 190 * rng.random() ** 2
    disc = np.clip((radius - far) * h / 1.5 + 0.5, 0, 1)[..., None]
    picture += (sun - picture) * disc
    return Layer(cv2.cvtColor(dithered(picture, rng), cv2.COLOR_RGB2RGBA), 0, 0.03)


def clouds(stage: Stage, light: Light, travel: float = 0.0) -> Layer:
    """Long soft clouds in the upper sky."""
    w, h = stage.size
    width, height = w + int(travel * 0.06) + 4, int(h * 0.5)
    rng = stage.rng("clouds", light.name)
    flat = noise(height, max(width // 3, 8), 110 * stage.unit, rng, octaves=5)
    shape = cv2.resize(flat, (width, height), interpolation=cv2.INTER_CUBIC)
    fade = np.sin(np.linspace(0, 1, height, dtype=np.float32) * np.pi)[:, None]
    cover = np.clip((shape - 0.5) * 4.2, 0, 1) * fade * (0.35 if light.stars else 0.8)
    lit = np.clip(np.linspace(1.05, 0.88, height, dtype=np.float32)[:, None] + (shape - 0.6) * 0.3, 0.8, 1.06)
    body = np.array(light.cloud, np.float32)[None, None] * lit[..., None]
    picture = np.concatenate([body * cover[..., None], cover[..., None] * 255], axis=2)
    return Layer(np.clip(picture + 0.5, 0, 255).astype(np.uint8), 0, 0.06)


def ridge(width: int, height: float, rng: np.random.Generator, rough: float, unit: float) -> Float64[np.ndarray, " w"]:
    """Heights of a ridge line, one a pixel, within plus or minus `height`."""
    x = np.arange(width) / unit
    line = np.zeros(width)
    span, weight = 700.0, 1.0
    for _ in range(6):
        knots = rng.uniform(-1, 1, int(width / unit / span) + 4)
        at = x / span + rng.random()
        k = at.astype(int)
        t = at - k
        t = t * t * (3 - 2 * t) if span > 60 else t
        line += weight * (knots[k] * (1 - t) + knots[k + 1] * t)
        span, weight = span / 2.3, weight * rough
    return line / 1.6 * height


def _hill(stage: Stage, light: Light, k: int, of: int, where: tuple[float, float, float, float]) -> Layer:
    base, bottom, depth, travel = where
    w = stage.size.width
    u = stage.unit
    rng = stage.rng("hill", light.name, k)
    near = k / max(of - 1, 1)
    width = w + int(travel * depth) + 8
    line = base + ridge(width, (78 - 42 * near) * u, rng, 0.56 if near < 0.4 else 0.42, u)
    trees = near > 0.3
    tall = (16 + 62 * max(near - 0.3, 0)) * u
    top = max(int(line.min() - (tall * 1.5 if trees else 6 * u)), 0)
    canvas = Canvas(width, bottom - top)
    body = mix(light.far, light.near, near**0.9)
    outline = [(float(x), float(line[x] - top)) for x in range(0, width, 2)]
    canvas.polygon(
        [(-2.0, bottom), (-2.0, outline[0][1]), *outline, (width + 2.0, outline[-1][1]), (width + 2.0, bottom)], body
    )
    rows = canvas.pixels.shape[0]
    mist = np.linspace(0, 1, rows, dtype=np.float32)[:, None] ** 1.5 * np.float32(0.55 * (1 - near) + 0.04)
    canvas.tint(np.broadcast_to(mist, canvas.pixels.shape[:2]), light.sky[2], (0, 0))
    if near < 0.4:
        _flanks(canvas, light, rng, near)
    else:
        _fields(canvas, light, rng)
    if trees:
        _trees(canvas, light, rng, (line - top, tall, near, u))
    return Layer(canvas.finished(), top, depth)


def _flanks(canvas: Canvas, light: Light, rng: np.random.Generator, near: float) -> None:
    """Slanted light on bare mountains."""
    high, wide = canvas.pixels.shape[:2]
    rough = noise(high, wide, 90, rng, octaves=4)
    slant = np.array([[1, 0.75, 0], [0, 1, 0]])
    lit = cv2.warpAffine(rough, slant, (wide, high), borderMode=cv2.BORDER_REFLECT)
    amount = np.clip((lit - 0.5) * 3, 0, 1) * np.float32(0.34 * (1 - near))
    canvas.tint(amount, light.sun, (0, 0))
    canvas.tint(np.clip((0.5 - lit) * 3, 0, 1) * np.float32(0.25), mix(light.far, light.near, 0.5), (0, 0))


def _fields(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Long patches of lighter and darker ground."""
    high, wide = canvas.pixels.shape[:2]
    patch = cv2.resize(noise(high, max(wide // 6, 4), 40, rng, octaves=3), (wide, high))
    canvas.tint(np.clip((patch - 0.45) * 2, 0, 1) * np.float32(0.3), light.leaf, (0, 0))
    canvas.tint(np.clip((0.5 - patch) * 2, 0, 1) * np.float32(0.3), light.near, (0, 0))


def _trees(
    canvas: Canvas, light: Light, rng: np.random.Generator, where: tuple[Float64[np.ndarray, " w"], float, float, float]
) -> None:
    line, tall, near, u = where
    x = 0.0
    conifers = rng.random() < 0.55
    gleam = 0.08 if light.stars else 0.24
    leaf = mix(mix(light.far, light.leaf, min(near + 0.15, 1.0)), light.near, 0.25)
    while x < len(line) - 1:
        if rng.random() < 0.78:
            size = tall * (0.55 + 0.6 * rng.random())
            foot = float(line[int(x)]) + 3 * u + tall * 0.5 * rng.random() * near
            shade = mix(leaf, light.near, 0.5 * float(rng.random()))
            if conifers:
                conifer(canvas, (x, foot), size, shade, mix(shade, light.sun, gleam))
            else:
                broadleaf(canvas, (x, foot), size, shade, mix(shade, light.sun, gleam))
        x += tall * (0.16 + 0.5 * float(rng.random()) ** 2)


def conifer(canvas: Canvas, foot: tuple[float, float], tall: float, dark: Colour, lit: Colour) -> None:
    """A fir in four tiers, lit from the left."""
    x, y = foot
    for k in range(4):
        top, low, half = y - tall * (1 - 0.2 * k), y - tall * (0.56 - 0.18 * k), tall * (0.1 + 0.065 * k)
        canvas.polygon([(x, top), (x + half, low), (x - half, low)], dark)
        canvas.polygon([(x, top), (x - half * 0.15, low), (x - half, low)], lit)


def broadleaf(canvas: Canvas, foot: tuple[float, float], tall: float, dark: Colour, lit: Colour) -> None:
    """A round tree on a trunk, lit from the upper left."""
    x, y = foot
    canvas.line([(x, y), (x, y - tall * 0.5)], mix(dark, (30, 20, 15), 0.6), max(tall * 0.07, 1))
    r = tall * 0.3
    for dx, dy, size in ((-0.5, 0.2, 0.75), (0.55, 0.15, 0.7), (0.0, -0.35, 0.95)):
        canvas.ellipse((x + dx * r, y - tall * 0.62 + dy * r), (r * size, r * size * 0.9), dark)
    for dx, dy, size in ((-0.55, 0.05, 0.5), (-0.15, -0.55, 0.62)):
        canvas.ellipse((x + dx * r, y - tall * 0.62 + dy * r), (r * size, r * size * 0.8), lit)


def _lake(stage: Stage, light: Light, layers: list[Layer], shore: int, travel: float) -> Layer:
    """Still water: what stands above the shore, mirrored, darker and smeared."""
    w, h = stage.size
    seen = Vista(stage, layers).draw(0.0)
    deep = h - shore
    mirrored = cv2.resize(seen[max(shore - int(deep * 1.5), 0) : shore][::-1], (w, deep)).astype(np.float32)
    y, x = np.mgrid[0:deep, 0:w].astype(np.float32)
    wave = np.sin(y * (14.0 / (y + 12 * stage.unit)) * 6 + np.sin(x / (60 * stage.unit)) * 1.5) * (2 + y / deep * 7)
    smeared = cv2.remap(
        mirrored, x + wave.astype(np.float32) * stage.unit, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    tint = gradient(deep, w, [(0.0, mix(light.sky[2], light.far, 0.3)), (1.0, mix(light.sky[0], light.near, 0.55))])
    part = np.linspace(0.2, 0.55, deep, dtype=np.float32)[:, None, None]
    picture = smeared * (1 - part) + tint * part
    streaks = noise(deep, max(w // 7, 4), 7 * stage.unit, stage.rng("glint"), octaves=2)
    streaks = cv2.resize(streaks, (w, deep), interpolation=cv2.INTER_LINEAR)
    bright = np.clip((mirrored.mean(axis=(0, 2)) - mirrored.mean()) / 40 + 0.25, 0.08, 1)  # under the sun
    bright = cv2.GaussianBlur(bright[None].astype(np.float32), (0, 0), 30 * stage.unit)
    glint = (np.clip((streaks - 0.62) * 6, 0, 1) * bright)[..., None] * np.float32(0.5)
    picture += (np.array(light.sun, np.float32) - picture) * glint
    water = cv2.cvtColor(dithered(picture, stage.rng("lake")), cv2.COLOR_RGB2RGBA)
    pad = int(travel * 0.6) + 8
    return Layer(cv2.copyMakeBorder(water, 0, 0, 0, pad, cv2.BORDER_REFLECT), shore, 0.6)


def _meadow(stage: Stage, light: Light, travel: float) -> Layer:
    """Grass and flowers right in front of the camera."""
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("meadow", light.name)
    width, height = w + int(travel) + 8, 92 * u
    canvas = Canvas(width, height)
    dark = mix(light.near, (8, 10, 14), 0.25)
    line = height * 0.62 + ridge(width, 9 * u, rng, 0.4, u)
    canvas.polygon([(-2.0, height), *((float(x), float(line[x])) for x in range(0, width, 3)), (width, height)], dark)
    petals = (light.sky[2], light.sun, mix(light.leaf, (235, 120, 110), 0.7))
    for _ in range(int(width / u / 2)):
        x = float(rng.random() * width)
        deep = float(rng.random()) ** 2 * height * 0.4
        foot, tall = float(line[min(int(x), width - 1)]) + 6 * u + deep, (10 + 26 * float(rng.random()) ** 2) * u
        lean = float(rng.normal(0, 0.25)) * tall
        blade = mix(dark, light.leaf, 0.5 * float(rng.random()))
        canvas.polygon([(x - 1.6 * u, foot), (x + lean, foot - tall), (x + 1.6 * u, foot)], blade)
        if rng.random() < 0.06:
            colour = mix(petals[int(rng.integers(3))], dark, 0.15)
            canvas.ellipse((x + lean, foot - tall), (3.4 * u, 3.0 * u), colour)
    return Layer(canvas.finished(), h - int(np.ceil(height)), 1.0)


def _window(picture: Picture, left: float, width: int) -> Picture:
    """`width` columns of `picture` from `left` on, which may lie between pixels."""
    whole = int(np.floor(left))
    part = left - whole
    whole = max(min(whole, picture.shape[1] - width - 1), 0)
    if part < 1e-3:
        return np.ascontiguousarray(picture[:, whole : whole + width])
    shift = np.array([[1, 0, -part], [0, 1, 0]])
    window = picture[:, whole : whole + width + 1]
    return cv2.warpAffine(window, shift, (width, picture.shape[0]), flags=cv2.INTER_LINEAR)
