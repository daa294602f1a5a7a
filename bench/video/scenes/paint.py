"""Brushes: pictures with coverage, drawn at twice their size, and how they are laid over a frame.

Every picture with see-through parts is *premultiplied* RGBA, uint8. That makes anti-aliased drawing, scaling
and blending exact with plain OpenCV calls: an opaque colour drawn with LINE_AA over transparent black leaves
colour and coverage in the same proportion.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from bench.video.scenes.stage import Frame

Picture = UInt8[np.ndarray, "_ _ 4"]
"""Premultiplied RGBA, 0 to 255, of any height and width."""
Colour = tuple[int, int, int]
Point = tuple[float, float]

OVERSAMPLE = 2
_SHIFT = 4  # sixteenths of a pixel


def rgb(text: str) -> Colour:
    """The colour written as six hex digits.

    >>> rgb("ff8000")
    (255, 128, 0)
    """
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def mix(a: Colour, b: Colour, part: float) -> Colour:
    """`a` with `part` of it replaced by `b`.

    >>> mix((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    return tuple(round(p + (q - p) * part) for p, q in zip(a, b, strict=True))  # type: ignore[return-value]


def gradient(height: int, width: int, stops: Sequence[tuple[float, Colour]]) -> Float32[np.ndarray, "height width 3"]:
    """Colours from top (0) to bottom (1) through `stops`."""
    y = np.linspace(0, 1, height, dtype=np.float32)
    where, colours = [s for s, _ in stops], np.array([c for _, c in stops], np.float32)
    column = np.stack([np.interp(y, where, colours[:, k]) for k in range(3)], axis=1).astype(np.float32)
    return np.repeat(column[:, None, :], width, axis=1)


def noise(height: int, width: int, cell: float, rng: np.random.Generator, octaves: int = 4) -> Any:
    """Smooth fractal noise, float32 [height, width] in about 0 to 1; `cell` is the largest blob in pixels."""
    total = np.zeros((height, width), np.float32)
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        grid = rng.random((int(height / cell) + 3, int(width / cell) + 3), dtype=np.float32)
        step = max(round(cell), 1)
        big = cv2.resize(grid, (grid.shape[1] * step, grid.shape[0] * step), interpolation=cv2.INTER_CUBIC)
        big = big if big.shape[0] >= height and big.shape[1] >= width else cv2.resize(big, (width, height))
        total += weight * big[:height, :width]
        norm += weight
        weight *= 0.5
        cell = max(cell / 2, 1.0)
    return total / norm


def dithered(picture: Float[np.ndarray, "height width 3"], rng: np.random.Generator, strength: float = 1.0) -> Frame:
    """8-bit colours with a little noise, so that soft gradients do not show bands after compression."""
    grain = rng.standard_normal(picture.shape[:2], dtype=np.float32)[..., None] * strength
    return np.asarray(np.clip(picture + grain + 0.5, 0, 255), np.uint8)


def opaque(picture: Frame) -> Picture:
    """The same picture with full coverage."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)


def over(frame: UInt8[np.ndarray, "height width 3"], picture: Picture) -> None:
    """Lays `picture` over `frame`, in place; both have the same size."""
    behind = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(picture, 3)), cv2.COLOR_GRAY2RGB)
    cv2.add(cv2.multiply(frame, behind, scale=1 / 255), cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB), dst=behind)
    frame[:] = behind


def paste(frame: Frame, picture: Picture, matrix: Float[np.ndarray, "2 3"]) -> None:
    """Lays `picture`, moved by the affine `matrix` (picture to frame pixels), over `frame`, in place."""
    high, wide = picture.shape[:2]
    corners = matrix[:, :2] @ np.array([[0, wide, wide, 0], [0, 0, high, high]], np.float64) + matrix[:, 2:]
    x0, y0 = np.floor(corners.min(axis=1)).astype(int)
    x1, y1 = np.ceil(corners.max(axis=1)).astype(int) + 1
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, frame.shape[1]), min(y1, frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    moved = matrix.astype(np.float64).copy()
    moved[:, 2] -= (x0, y0)
    part = cv2.warpAffine(picture, moved, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    over(frame[y0:y1, x0:x1], part)


def placed(x: float, y: float, scale: float = 1.0, turn: float = 0.0, pivot: Point = (0.0, 0.0)) -> Any:
    """The 2x3 matrix that turns by `turn` radians (clockwise on screen) and scales about `pivot`, put at (x, y)."""
    c, s = np.cos(turn) * scale, np.sin(turn) * scale
    turned = np.array([[c, -s, 0.0], [s, c, 0.0]])
    turned[:, 2] = np.array([x, y]) - turned[:, :2] @ np.array(pivot)
    return turned


class Canvas:
    """A picture being drawn. Coordinates are in final pixels; the drawing is `OVERSAMPLE` times as large.

    >>> canvas = Canvas(8, 8)
    >>> canvas.ellipse((4, 4), (3, 3), (255, 0, 0))
    >>> canvas.finished()[4, 4].tolist()
    [255, 0, 0, 255]
    """

    def __init__(self, width: float, height: float) -> None:
        size = (int(np.ceil(height)) * OVERSAMPLE, int(np.ceil(width)) * OVERSAMPLE, 4)
        self.pixels: Picture = np.zeros(size, np.uint8)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        cv2.fillPoly(self.pixels, [_fixed(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, turn_deg: float = 0.0) -> None:
        _ellipse(self.pixels, centre, radii, (*colour, 255), turn_deg)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        thick = max(round(width * OVERSAMPLE), 1)
        cv2.polylines(self.pixels, [_fixed(points)], False, (*colour, 255), thick, cv2.LINE_AA, _SHIFT)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, radius: float = 0.0) -> None:
        """A rectangle with round corners."""
        r = min(radius, width / 2, height / 2)
        if r <= 0:
            self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)
            return
        quarter = np.linspace(0, np.pi / 2, 9)
        corners = [(x + width - r, y + height - r, 0), (x + r, y + height - r, 1), (x + r, y + r, 2)]
        corners.append((x + width - r, y + r, 3))
        points = [
            (cx + r * float(np.cos(a + k * np.pi / 2)), cy + r * float(np.sin(a + k * np.pi / 2)))
            for cx, cy, k in corners
            for a in quarter
        ]
        self.polygon(points, colour)

    def soft(
        self, centre: Point, radii: Point, colour: Colour, opacity: float, *, blur: float = 0.6, inside: bool = True
    ) -> None:
        """A soft ellipse of light or shade. `inside`: only where something was painted before."""
        # plain floats: a NumPy scalar would turn the arithmetic below into float64
        cx, cy = float(centre[0]) * OVERSAMPLE, float(centre[1]) * OVERSAMPLE
        rx, ry = float(radii[0]) * OVERSAMPLE * (1 + blur), float(radii[1]) * OVERSAMPLE * (1 + blur)
        x0, x1 = max(int(cx - rx), 0), min(int(cx + rx) + 1, self.pixels.shape[1])
        y0, y1 = max(int(cy - ry), 0), min(int(cy + ry) + 1, self.pixels.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        u = ((np.arange(x0, x1, dtype=np.float32) - cx) / rx) ** 2
        v = ((np.arange(y0, y1, dtype=np.float32) - cy) / ry) ** 2
        edge = np.clip((1 - np.sqrt(u[None, :] + v[:, None])) * (1 + blur) / max(blur, 1e-3) / 2, 0, 1)
        self.tint(edge * edge * (3 - 2 * edge) * float(opacity), colour, (x0, y0), inside=inside)

    def tint(
        self, amount: Float32[np.ndarray, "h w"], colour: Colour, corner: tuple[int, int], *, inside: bool = True
    ) -> None:
        """Lays `colour` with per-pixel `amount` (0 to 1) at `corner`, in pixels of the large drawing."""
        x, y = corner
        part = self.pixels[y : y + amount.shape[0], x : x + amount.shape[1]]
        old = part.astype(np.float32)
        cover = old[..., 3:] / 255 if inside else np.float32(1)
        new = np.array((*colour, 255), np.float32) * cover
        part[:] = np.clip(old + (new - old) * amount[..., None] + 0.5, 0, 255).astype(np.uint8)

    def lay(self, other: "Canvas", x: float, y: float) -> None:
        """Lays another canvas over this one with its corner at (x, y), to the half pixel."""
        left, top = round(x * OVERSAMPLE), round(y * OVERSAMPLE)
        x0, y0 = max(left, 0), max(top, 0)
        part = self.pixels[y0 : max(top + other.pixels.shape[0], 0), x0 : max(left + other.pixels.shape[1], 0)]
        if part.size:
            laid = other.pixels[y0 - top :, x0 - left :][: part.shape[0], : part.shape[1]]
            part[:] = cv2.add(cv2.multiply(part, 255 - laid[..., [3, 3, 3, 3]], scale=1 / 255), laid)

    def finished(self) -> Picture:
        """The picture at its own size."""
        high, wide = self.pixels.shape[0] // OVERSAMPLE, self.pixels.shape[1] // OVERSAMPLE
        return cv2.resize(self.pixels, (wide, high), interpolation=cv2.INTER_AREA)


def _fixed(points: Sequence[Point]) -> Any:
    """Sixteenths of a pixel of the large drawing, whose pixel centres lie at whole numbers."""
    return np.round((np.asarray(points, np.float64) * OVERSAMPLE - 0.5) * (1 << _SHIFT)).astype(np.int32)


def _ellipse(pixels: Picture, centre: Point, radii: Point, colour: tuple[int, ...], turn_deg: float) -> None:
    middle = tuple(int(v) for v in _fixed([centre])[0])
    axes = tuple(max(round(r * OVERSAMPLE * (1 << _SHIFT)), 1) for r in radii)
    cv2.ellipse(pixels, middle, axes, turn_deg, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)
