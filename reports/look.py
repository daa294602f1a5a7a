"""How systems look in every chart, on the page and on the board: one colour, shape and dash for each.

What a system is decides its colour. What is under test is saturated; codecs share one family of colours and kept
frames another; floors and controls are grey, because they are there to be beaten, and a ceiling is dark. The hues are
from the palette of Okabe and Ito (2008), which people with any colour vision can tell apart; shapes and direct labels
say the same again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.glossary import Role, entry

INK, FAINT, GRID, PAPER = "#1c2430", "#5b6675", "#e3e7ec", "#ffffff"
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"

_COLOURS: dict[Role, tuple[str, ...]] = {
    "tested": ("#0072b2", "#d55e00", "#cc79a7", "#56b4e9"),
    "codec": ("#c98a0c", "#8a5a2b", "#dcb94f"),
    "frames": ("#009e73", "#5dbb98", "#0a7a5c"),
    "floor": ("#6f7a88", "#8c96a3", "#a2abb6"),
    "control": ("#8c96a3", "#a2abb6"),
    "ceiling": ("#3f4a59", "#6b4c8f"),
}
# names are written in a mark's colour, or, where that is too pale to be read on paper, in a darker one of its hue
_INKS = {
    "#d55e00": "#bb5300",
    "#cc79a7": "#bb4d8a",
    "#56b4e9": "#177ab2",
    "#c98a0c": "#996909",
    "#dcb94f": "#8b6f1c",
    "#009e73": "#008460",
    "#5dbb98": "#368165",
    "#6f7a88": FAINT,
    "#8c96a3": FAINT,
    "#a2abb6": FAINT,
}
_SHAPES: dict[Role, tuple[str, ...]] = {
    "tested": ("circle", "square", "triangle-up", "diamond"),
    "codec": ("square", "diamond", "triangle-up"),
    "frames": ("circle", "triangle-down", "diamond"),
    "floor": ("circle",),
    "control": ("circle",),
    "ceiling": ("cross",),
}

DASHES: dict[str, list[int]] = {"solid": [1, 0], "dotted": [2, 3], "dashed": [6, 3], "dash-dot": [7, 3, 2, 3]}
_DASHES: dict[Role, str] = {"control": "dotted", "ceiling": "dash-dot"}


@dataclass(frozen=True)
class Look:
    """`dash` is one of `DASHES`; `shape` is one of Vega's symbols."""

    role: Role
    colour: str
    shape: str
    dash: str

    @property
    def ink(self) -> str:
        """The colour of its name beside a mark."""
        return _INKS.get(self.colour, self.colour)


def looks(spec: Mapping[str, Any]) -> dict[str, Look]:
    """The look of every system of a run, by its name and by the name of its curve. `spec` is as in run.json.

    Colours go by the order in the spec, so a filter or a failure never repaints the others.

    >>> spec = {"systems": [{"name": "h264 25", "memory": "codec", "curve": "h264"}, {"name": "mine", "memory": "m:M"}]}
    >>> found = looks(spec)
    >>> found["h264 25"] == found["h264"], found["mine"].role
    (True, 'tested')
    """
    found: dict[str, Look] = {}
    taken: dict[Role, int] = {}
    for system in spec.get("systems", ()):
        name, series = system["name"], system.get("curve") or system["name"]
        if series not in found:
            role = entry(system).role
            number = taken[role] = taken.get(role, -1) + 1
            colours, shapes = _COLOURS[role], _SHAPES[role]
            # past the last colour they come again, and then the dash tells them apart
            dash = _DASHES.get(role, "dashed" if number >= len(colours) else "solid")
            found[series] = Look(role, colours[number % len(colours)], shapes[number % len(shapes)], dash)
        found[name] = found[series]
    return found


def theme() -> dict[str, Any]:
    """The Vega-Lite `config` of every chart: light grid, no frame, labels in the page's fonts, no background."""
    axis = {
        "labelColor": FAINT,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": GRID,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
    }
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": axis,
        "text": {"color": INK, "fontSize": 11},
        "legend": {"labelColor": INK, "labelFontSize": 11, "titleColor": FAINT, "symbolStrokeWidth": 2},
        "header": {"labelColor": INK, "labelFontSize": 12, "titleColor": FAINT},
    }
