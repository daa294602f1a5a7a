"""Where to write a name so that it covers nothing: direct labels instead of a legend.

A reader who has to look up colours in a legend compares colours, not curves. Vega-Lite does not place labels, so
this does, in pixels with the origin at the top left, greedily and always the same way.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

CHARACTER_PX, LINE_PX = 6.0, 13.0  # of the charts' bold 11 px sans serif


LONGEST = 34  # characters of a name in a chart


def shortened(name: str) -> str:
    """The name with its middle left out when it is longer than a chart has room for: sweeps differ at their ends.

    >>> shortened("a-name-that-nobody-should-have-given-to-any-system 25")
    'a-name-that-nobo…-to-any-system 25'
    """
    if len(name) <= LONGEST:
        return name
    tail = (LONGEST - 1) // 2 + 1
    return f"{name[: LONGEST - 1 - tail]}…{name[-tail:]}"


class Anchor(NamedTuple):
    """What a label belongs to: a mark at (x, y), and its text."""

    x: float
    y: float
    text: str


class Placed(NamedTuple):
    """Where the text goes: (x, y) is its left, right or middle, vertically centred."""

    x: float
    y: float
    align: Literal["left", "right", "center"]


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "_Box") -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        tall = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, tall)


def spread(wanted: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Heights as near to the wanted ones as can be, at least `gap` apart and between `top` and `bottom`.

    Neighbours that are too near become one block around their common middle. With more labels than there is room
    for, they stand closer than `gap`.

    >>> spread([50.0, 52.0, 90.0], gap=10.0, top=0.0, bottom=100.0)
    [46.0, 56.0, 90.0]
    """
    if not wanted:
        return []
    gap = min(gap, (bottom - top) / max(1, len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    blocks: list[tuple[float, list[int]]] = []  # (top of the block, its members)
    for i in order:
        blocks.append((wanted[i], [i]))
        while True:
            start, members = blocks[-1]
            middle = sum(wanted[m] - k * gap for k, m in enumerate(members)) / len(members)
            start = min(max(middle, top), bottom - gap * (len(members) - 1))
            blocks[-1] = (start, members)
            if len(blocks) == 1 or blocks[-2][0] + gap * len(blocks[-2][1]) <= start:
                break
            blocks[-2:] = [(blocks[-2][0], blocks[-2][1] + members)]
    placed = {m: start + k * gap for start, members in blocks for k, m in enumerate(members)}
    return [placed[i] for i in range(len(wanted))]


def along(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points on a line through these corners, close enough together that no name fits between two."""
    found = list(corners[:1])
    for (x0, y0), (x1, y1) in pairwise(corners):
        steps = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / 8))
        found += [(x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps) for k in range(1, steps + 1)]
    return found


def around(
    anchors: Sequence[Anchor], obstacles: Sequence[tuple[float, float]], width: float, height: float
) -> list[Placed]:
    """A place beside each mark that covers as little as possible of the others, of `obstacles` (points) and of the
    labels placed before it, and stays inside the plot where it can."""
    marks = [_Box(x - 4, y - 4, x + 4, y + 4) for x, y in [*obstacles, *((a.x, a.y) for a in anchors)]]
    taken: list[_Box] = []
    chosen = []
    for anchor in anchors:
        long = CHARACTER_PX * len(anchor.text)
        best: tuple[float, Placed, _Box] | None = None
        for rank, (place, left) in enumerate(_candidates(anchor, long)):
            box = _Box(left, place.y - LINE_PX / 2, left + long, place.y + LINE_PX / 2)
            outside = max(0.0, -box.left) + max(0.0, box.right - width) + max(0.0, -box.top, box.bottom - height)
            cost = (
                20 * rank + 40 * outside + sum(3 * box.overlap(b) for b in taken) + sum(box.overlap(b) for b in marks)
            )
            if best is None or cost < best[0]:
                best = (cost, place, box)
        assert best is not None
        chosen.append(best[1])
        taken.append(best[2])
    return chosen


def _candidates(anchor: Anchor, long: float) -> list[tuple[Placed, float]]:
    """Places from the most to the least wanted, each with the left edge of the text."""
    x, y = anchor.x, anchor.y
    found: list[tuple[Placed, float]] = [
        (Placed(x + 9, y, "left"), x + 9),
        (Placed(x - 9, y, "right"), x - 9 - long),
        (Placed(x, y - 14, "center"), x - long / 2),
        (Placed(x, y + 14, "center"), x - long / 2),
    ]
    for away in (12, 20, 30):
        found += [(Placed(x + 9, y + s * away, "left"), x + 9) for s in (-1, 1)]
        found += [(Placed(x - 9, y + s * away, "right"), x - 9 - long) for s in (-1, 1)]
    return found
