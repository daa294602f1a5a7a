"""Shaded things: balls, vessels, fruit, flames, and the shadows they throw."""

import numpy as np

from bench.video.scenes.paint import Canvas, Colour, Point, mix

WHITE: Colour = (255, 255, 255)
NIGHT: Colour = (24, 16, 34)


def ball(canvas: Canvas, centre: Point, radius: float, colour: Colour, gloss: float = 0.8) -> None:
    """A sphere lit from the upper left."""
    body, m = Canvas(2 * radius + 2, 2 * radius + 2), radius + 1
    body.ellipse((m, m), (radius, radius), colour)
    body.soft((m + radius * 0.45, m + radius * 0.55), (radius, radius * 0.9), mix(colour, NIGHT, 0.75), 0.75)
    body.soft((m - radius * 0.3, m - radius * 0.35), (radius * 0.6, radius * 0.55), mix(colour, WHITE, 0.5), 0.6)
    body.soft((m - radius * 0.38, m - radius * 0.45), (radius * 0.17, radius * 0.14), WHITE, gloss)
    canvas.lay(body, centre[0] - m, centre[1] - m)


def shadow(canvas: Canvas, centre: Point, radii: Point, opacity: float = 0.45) -> None:
    """A soft shadow on whatever was painted before."""
    canvas.soft(centre, radii, NIGHT, opacity, blur=1.0)


def vessel(canvas: Canvas, foot: Point, tall: float, profile: list[float], colour: Colour) -> None:
    """A turned shape: `profile` holds half widths from foot to rim, as parts of `tall`."""
    at = np.linspace(0, len(profile) - 1, 60)
    half = np.interp(at, np.arange(len(profile)), profile)
    half = np.convolve(np.pad(half, 4, mode="edge"), np.ones(9) / 9, mode="valid") * tall
    wide, rim = float(half.max()), float(half[-1])
    x, y = wide + 2, tall + rim * 0.24 + 2  # the foot, on a canvas of its own
    body = Canvas(2 * wide + 4, tall + rim * 0.24 + 4)
    ys = y - np.linspace(0, tall, 60)
    right = [(x + float(r), float(v)) for r, v in zip(half, ys, strict=True)]
    left = [(x - float(r), float(v)) for r, v in zip(half[::-1], ys[::-1], strict=True)]
    body.polygon(right + left, colour)
    body.soft((x + wide * 0.8, y - tall * 0.45), (wide * 0.8, tall * 0.75), mix(colour, NIGHT, 0.8), 0.75)
    body.soft((x - wide * 0.42, y - tall * 0.55), (wide * 0.34, tall * 0.5), mix(colour, WHITE, 0.6), 0.6)
    body.soft((x - wide * 0.48, y - tall * 0.6), (wide * 0.09, tall * 0.2), WHITE, 0.55)
    body.ellipse((x, y - tall), (rim, rim * 0.24), mix(colour, WHITE, 0.25))
    body.ellipse((x, y - tall), (rim * 0.86, rim * 0.17), mix(colour, NIGHT, 0.7))
    canvas.lay(body, foot[0] - x, foot[1] - y)
