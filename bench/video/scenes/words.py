"""Writing to be read: shop signs, a headline, a departure board, a menu, and captions that change.

Words are the finest thing in a picture that people notice when it is wrong. The annotation lists every word
with its box and the time in which it can be read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from bench.types import Prompt
from bench.video.scenes.lettering import lettered
from bench.video.scenes.paint import Canvas, Colour, dithered, mix, noise, over, paste, placed, rgb
from bench.video.scenes.shapes import NIGHT, WHITE, shadow
from bench.video.scenes.stage import Frame, Stage, Truth, Word, smooth
from bench.video.scenes.town import street
from bench.video.scenes.vocabulary import CAPTIONS, CITIES, DISHES, HEADLINES, PAPERS, SHOPS, STREETS


@dataclass
class Page:
    """A still picture with words in it, some of which come and go. Times are parts of the shot."""

    picture: Frame
    about: str
    words: list[tuple[str, tuple[int, int, int, int], float, float]] = field(default_factory=list)
    draw: Callable[[float], Frame] | None = None  # by part of the shot; None: the picture never changes

    def write(self, text: str, at: tuple[float, float], height: float, colour: Colour, weight: int = 600) -> None:
        """Writes centred at `at`, for the whole shot."""
        self.words.append((text, _stamp(self.picture, text, at, (height, colour, weight)), 0.0, 1.0))


class Words:
    """A street, a newspaper, a departure board and a menu, then the street again."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.order = ["street", "newspaper", "board", "menu", "street again"]
        n = max(round(stage.seconds / 4), 2)
        self.order = [self.order[k % 5] for k in range(n)]
        self.starts = [round(stage.frames * k / n) for k in range(n)]
        makers = {"street": _street, "newspaper": _newspaper, "board": _board, "menu": _menu}
        pages: dict[str, Page] = {}
        words: list[Word] = []
        for k, name in enumerate(self.order):
            if name not in pages:
                pages[name] = _street(stage, 1) if name == "street again" else makers[name](stage)
            start = stage.at_s(self.starts[k])
            end = stage.at_s(self.starts[k + 1] if k + 1 < n else stage.frames)
            for text, box, a, b in pages[name].words:
                words.append(Word(text, box, start + a * (end - start), start + b * (end - start)))
        self.pages = pages
        self.truth = Truth(
            caption="Writing in a town: shop signs, a newspaper, a departure board, a menu, and captions.",
            tags=("procedural", "text", "words", "cuts", "static-camera"),
            storyboard=tuple(
                Prompt(stage.at_s(s), pages[name].about) for s, name in zip(self.starts, self.order, strict=True)
            ),
            cuts=tuple(self.starts[1:]),
            words=tuple(words),
            shots=tuple(name.split()[0] for name in self.order),
        )

    def draw(self, index: int) -> Frame:
        shot = int(np.searchsorted(self.starts, index, side="right")) - 1
        end = self.starts[shot + 1] if shot + 1 < len(self.starts) else self.stage.frames
        page = self.pages[self.order[shot]]
        part = (index - self.starts[shot]) / (end - self.starts[shot])
        return page.draw(part) if page.draw else page.picture.copy()


def _stamp(
    picture: Frame, text: str, at: tuple[float, float], style: tuple[float, Colour, int]
) -> tuple[int, int, int, int]:
    """Writes `text` centred at `at` and says where: x, y, width, height."""
    ink = lettered(text, *style)
    if ink.shape[1] > picture.shape[1]:  # a tiny or narrow stage
        ink = cv2.resize(ink, (picture.shape[1], ink.shape[0]), interpolation=cv2.INTER_AREA)
    x = min(max(round(at[0] - ink.shape[1] / 2), 0), picture.shape[1] - ink.shape[1])
    y = round(at[1] - ink.shape[0] / 2)
    over(picture[y : y + ink.shape[0], x : x + ink.shape[1]], ink)
    return x, y, ink.shape[1], ink.shape[0]


def _street(stage: Stage, part_of_story: int = 0) -> Page:
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("signs")
    canvas = street(stage, w, "signs")
    boards = [(w * x, h * 0.535) for x in (0.17, 0.5, 0.83)]
    colours = [rgb(c) for c in ("1f4e4a", "7c2f2b", "2b3f6b", "5a3a1f")]
    for k, (x, y) in enumerate(boards):
        canvas.box(x - 112 * u, y - 24 * u, 224 * u, 48 * u, mix(colours[k], WHITE, 0.25), 6 * u)
        canvas.box(x - 108 * u, y - 20 * u, 216 * u, 40 * u, colours[k], 4 * u)
    pole = w * 0.665
    shadow(canvas, (pole, h * 0.93), (30 * u, 7 * u))
    canvas.line([(pole, h * 0.28), (pole, h * 0.93)], rgb("4a4f57"), 6 * u)
    canvas.box(pole - 112 * u, h * 0.2, 224 * u, 48 * u, WHITE, 7 * u)
    canvas.box(pole - 108 * u, h * 0.2 + 4 * u, 216 * u, 40 * u, rgb("1d5a94"), 5 * u)
    page = Page(_paper(canvas, stage, "signs"), "")
    shops = [str(s) for s in rng.permutation(SHOPS)[:3]]
    name = STREETS[int(rng.integers(len(STREETS)))]
    for (x, y), shop in zip(boards, shops, strict=True):
        page.write(shop, (x, y), 33 * u, rgb("fbf1d6"), 700)
    page.write(name, (pole, h * 0.2 + 24 * u), 31 * u, WHITE, 600)
    said = [str(s) for s in rng.permutation(CAPTIONS)[2 * part_of_story : 2 * part_of_story + 2]]
    shown = []
    for k, text in enumerate(said):
        frame = page.picture.copy()
        band = frame[int(h * 0.86) : int(h * 0.975), int(w * 0.12) : int(w * 0.88)]
        band[:] = (band * 0.25).astype(np.uint8)
        box = _stamp(frame, text, (w / 2, h * 0.917), (35 * u, WHITE, 550))
        page.words.append((text, box, k / 2, (k + 1) / 2))
        shown.append(frame)
    page.about = (
        f"A street with the shops {', '.join(shops)} and a street sign that says {name}; "
        f'captions read "{said[0]}" and then "{said[1]}"'
    )
    page.draw = lambda part: shown[int(part >= 0.5)].copy()
    return page


def _newspaper(stage: Stage) -> Page:
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("news")
    canvas = Canvas(w * 0.8, h * 0.96)
    pw, ph = w * 0.8, h * 0.96
    canvas.box(0, 0, pw, ph, rgb("efe7d3"))
    ink = rgb("2b2622")
    canvas.box(pw * 0.04, ph * 0.155, pw * 0.92, 2.4 * u, ink)
    canvas.box(pw * 0.04, ph * 0.165, pw * 0.92, 1.2 * u, ink)
    for column in range(4):
        x = pw * (0.04 + 0.235 * column)
        y = ph * (0.47 if column not in (1, 2) else 0.83)
        while y < ph * 0.96:
            long = 0.2 if rng.random() < 0.85 else 0.12
            canvas.box(x, y, pw * long, 3.4 * u, mix(ink, rgb("efe7d3"), 0.45))
            y += 8.5 * u
    x, y, pic_w, pic_h = pw * 0.275, ph * 0.47, pw * 0.435, ph * 0.33
    canvas.box(x, y, pic_w, pic_h, rgb("b9b2a2"))
    canvas.ellipse((x + pic_w * 0.7, y + pic_h * 0.3), (26 * u, 26 * u), rgb("ddd6c4"))
    canvas.polygon(
        [(x, y + pic_h), (x, y + pic_h * 0.75), (x + pic_w * 0.3, y + pic_h * 0.3), (x + pic_w * 0.7, y + pic_h)],
        rgb("77716a"),
    )
    canvas.polygon(
        [
            (x + pic_w * 0.4, y + pic_h),
            (x + pic_w * 0.75, y + pic_h * 0.45),
            (x + pic_w, y + pic_h * 0.8),
            (x + pic_w, y + pic_h),
        ],
        rgb("544f4b"),
    )
    canvas.soft((pw * 0.5, ph * 0.5), (pw * 0.008, ph * 0.6), NIGHT, 0.12)
    sheet = canvas.finished()
    name = PAPERS[int(rng.integers(len(PAPERS)))]
    lines = HEADLINES[int(rng.integers(len(HEADLINES)))]
    paper = Page(np.ascontiguousarray(sheet[..., :3]), "")
    paper.write(name, (pw / 2, ph * 0.085), 46 * u, ink, 500)
    paper.write(lines[0], (pw / 2, ph * 0.255), 74 * u, ink, 850)
    paper.write(lines[1], (pw / 2, ph * 0.385), 46 * u, ink, 700)
    sheet[..., :3] = paper.picture
    table = _wood(stage)
    left, top = round(w * 0.1), round(h * 0.02)
    middle = (sheet.shape[1] / 2, sheet.shape[0] / 2)
    arrive = 0.14

    def draw(part: float) -> Frame:
        rest = smooth(part / arrive)
        frame = table.copy()
        at = placed(left + middle[0], top + middle[1], 0.25 + 0.75 * rest, (1 - rest) * 5.0, middle)
        paste(frame, sheet, at)
        return frame

    words = [(text, (x + left, y + top, wide, high), arrive, 1.0) for text, (x, y, wide, high), _, _ in paper.words]
    about = f'A newspaper named "{name}" spins onto a wooden table; its headline reads "{lines[0]} {lines[1]}".'
    return Page(table, about, words, draw)


def _board(stage: Stage) -> Page:
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("board")
    canvas = Canvas(w, h)
    canvas.box(0, 0, w, h, rgb("4a5560"))
    canvas.box(0, h * 0.86, w, h, rgb("37404a"))
    for x in (0.14, 0.86):
        canvas.box(w * x - 9 * u, 0, 18 * u, h * 0.14, rgb("23292f"))
    canvas.box(w * 0.05, h * 0.06, w * 0.9, h * 0.84, rgb("23292f"), 14 * u)
    canvas.box(w * 0.065, h * 0.08, w * 0.87, h * 0.8, rgb("101418"), 8 * u)
    for row in range(5):
        canvas.box(w * 0.08, h * (0.25 + 0.122 * row), w * 0.84, h * 0.105, rgb("1a2026"), 4 * u)
    base = Page(_paper(canvas, stage, "board"), "")
    base.write("DEPARTURES", (w * 0.5, h * 0.165), 46 * u, rgb("f4c542"), 700)
    trains = [
        (f"{int(rng.integers(6, 22)):02d}:{int(rng.integers(12)) * 5:02d}", str(city), str(int(rng.integers(1, 19))))
        for city in rng.permutation(CITIES)[:8]
    ]
    trains[:8] = sorted(trains[:8])
    shown, words = [], list(base.words)
    for half in range(2):
        frame = base.picture.copy()
        for row, train in enumerate(trains[half * 3 : half * 3 + 5]):
            y = h * (0.3025 + 0.122 * row)
            for text, x in zip(train, (0.19, 0.5, 0.82), strict=True):
                box = _stamp(frame, text, (w * x, y), (36 * u, rgb("f2efe2") if x != 0.82 else rgb("f4c542"), 600))
                words.append((text, box, half / 2 + 0.06 * half, (half + 1) / 2))
        shown.append(frame)

    def draw(part: float) -> Frame:
        turned = (part - 0.5) / 0.05  # the leaves turn in the middle of the shot, row by row
        frame = shown[0].copy()
        for row in range(5):
            if turned > row / 5:
                y0, y1 = int(h * (0.25 + 0.122 * row)), int(h * (0.355 + 0.122 * row))
                frame[y0:y1] = shown[1][y0:y1]
        return frame

    stops = ", ".join(train[1] for train in trains[:5])
    about = f"A station board headed DEPARTURES lists trains to {stops}; then its rows turn over and move up."
    return Page(base.picture, about, words, draw)


def _menu(stage: Stage) -> Page:
    w, h = stage.size
    u = stage.unit
    rng = stage.rng("menu")
    canvas = Canvas(w, h)
    canvas.box(0, 0, w, h, rgb("b0603f"))
    for row in range(int(h / (26 * u)) + 1):
        for column in range(int(w / (60 * u)) + 2):
            x = (column - 0.5 * (row % 2)) * 60 * u
            brick = mix(rgb("a4553a"), rgb("c47a52"), float(rng.random()))
            canvas.box(x + 2 * u, row * 26 * u + 2 * u, 56 * u, 22 * u, brick, 2 * u)
    shadow(canvas, (w * 0.515, h * 0.53), (w * 0.36, h * 0.46), 0.5)
    canvas.box(w * 0.16, h * 0.05, w * 0.68, h * 0.9, rgb("8a5a34"), 8 * u)
    canvas.box(w * 0.18, h * 0.085, w * 0.64, h * 0.83, rgb("2c3a36"), 3 * u)
    for _ in range(7):
        at = (w * float(rng.uniform(0.25, 0.75)), h * float(rng.uniform(0.2, 0.8)))
        canvas.soft(at, (70 * u, 24 * u), rgb("8fa09a"), 0.14)
    page = Page(_paper(canvas, stage, "menu"), "")
    page.write("TODAY", (w / 2, h * 0.185), 60 * u, rgb("f6d77a"), 700)
    dishes = [str(dish) for dish in rng.permutation(DISHES)[:4]]
    for row, dish in enumerate(dishes):
        y = h * (0.37 + 0.145 * row)
        page.write(dish, (w * 0.41, y), 38 * u, rgb("f3f1e8"), 500)
        page.write(f"{int(rng.integers(2, 9))}.{int(rng.integers(10))}0", (w * 0.73, y), 38 * u, rgb("f2b8a0"), 500)
    page.about = (
        f"A chalkboard on a brick wall is headed TODAY and offers {', '.join(dishes)}; sunlight wanders over it."
    )
    stripe = np.zeros((h, w + h), np.float32)
    cv2.fillPoly(stripe, [np.array([[h // 2, 0], [h, 0], [h // 2, h], [0, h]], np.int32)], 1.0)
    beam = cv2.GaussianBlur(stripe, (0, 0), 20 * u)
    glow = (np.array([34, 30, 18], np.float32) * beam[..., None]).astype(np.uint8)

    def draw(part: float) -> Frame:
        shift = np.array([[1, 0, -h * 0.5 + part * w * 0.5], [0, 1, 0.0]])
        return cv2.add(page.picture, cv2.warpAffine(glow, shift, (w, h), flags=cv2.INTER_LINEAR))

    page.draw = draw
    return page


def _wood(stage: Stage) -> Frame:
    w, h = stage.size
    rng = stage.rng("table")
    grain = cv2.resize(noise(h, max(w // 12, 4), 12 * stage.unit, rng, octaves=4), (w, h))
    planks = (np.arange(h) // (84 * stage.unit)).astype(int)
    tone = 0.9 + 0.2 * rng.random(planks.max() + 1)
    wood = np.array([124, 82, 54], np.float32) * ((0.7 + 0.5 * grain) * tone[planks][:, None])[..., None]
    return dithered(wood.astype(np.float32), rng)


def _paper(canvas: Canvas, stage: Stage, name: str) -> Frame:
    """The drawing with light falling from the upper left, ready to be written on."""
    picture = canvas.finished()[: stage.size.height, : stage.size.width, :3].astype(np.float32)
    h, w = picture.shape[:2]
    y, x = np.ogrid[0:h, 0:w]
    fall = (1.05 - 0.25 * np.hypot(x / w - 0.35, y / h - 0.3)).astype(np.float32)
    return dithered(picture * fall[..., None], stage.rng("paper", name))
