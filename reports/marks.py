"""What all charts are drawn with: rows as layers, colours from the data, text with a halo, one finish."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from reports.comparison import MetricInfo
from reports.glossary import metric_title
from reports.look import DASHES, FAINT, PAPER, theme


class Extent(NamedTuple):
    """The size of a plot's inside, in pixels."""

    width: int
    height: int


def layer(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    """A chart over these rows, which it carries."""
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def colour(channel: str = "color") -> Any:
    """The colour that each row names, as stroke or as fill."""
    return alt.Fill("colour:N", scale=None) if channel == "fill" else alt.Color("colour:N", scale=None)


def shape() -> alt.Shape:
    """The symbol that each row names."""
    return alt.Shape("shape:N", scale=None)


def dash() -> alt.StrokeDash:
    """The stroke pattern that each row names. The patterns are in the scale, because a page's viewer may not keep lists
    in its data."""
    return alt.StrokeDash("dash:N", scale=alt.Scale(domain=list(DASHES), range=list(DASHES.values())), legend=None)


def texts(rows: Iterable[Mapping[str, Any]]) -> list[alt.Chart]:
    """Two layers: `text` at the pixels `px` and `py`, aligned by `align`, and below it a halo that keeps lines away."""
    align = alt.ExprRef("datum.align")
    at = alt.X("px:Q", scale=None, axis=None), alt.Y("py:Q", scale=None, axis=None), alt.Text("text:N")
    data = layer(rows)
    halo = data.mark_text(align=align, stroke=PAPER, strokeWidth=3, strokeJoin="round").encode(*at)
    return [halo, data.mark_text(align=align, fontWeight="bold").encode(*at, colour())]


def tooltip(*fields: str) -> list[alt.Tooltip]:
    """What a dot says on the board when the pointer is on it."""
    return [alt.Tooltip(field) for field in fields]


def padded(values: Sequence[float]) -> list[float]:
    """From the lowest to the highest value, with a little air; never of no length."""
    low, high = min(values), max(values)
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return [low - air, high + air]


def log_ticks(low: float, high: float) -> list[float]:
    """At least three round values between the two (a decade apart or more): as few multiples of powers of
    ten as it takes."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 3, 5)):
        ticks = [v for p in powers for step in steps if low <= (v := step * 10.0**p) <= high]
        if len(ticks) >= 3:
            break
    return ticks


def score_title(metric: MetricInfo) -> str:
    """`PSNR (dB), higher is better`."""
    way = {"higher": ", higher is better", "lower": ", lower is better", "neutral": ""}[metric.better]
    return f"{metric_title(metric.name)}{f' ({metric.unit})' if metric.unit else ''}{way}"


def empty(why: str, extent: Extent) -> Any:
    """A sentence in the place of a chart that has no data."""
    text = layer([{"text": why}]).mark_text(color=FAINT, fontSize=13).encode(alt.Text("text:N"))
    return finish([text], Extent(extent.width, 60), why)


def finish(layers: Sequence[Any], extent: Extent, description: str) -> Any:
    """The layers as one chart in the theme, with a text alternative."""
    chart = alt.layer(*layers).properties(width=extent.width, height=extent.height, description=description)
    return chart.configure(**theme())
