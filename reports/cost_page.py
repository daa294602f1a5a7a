"""The page about costs: one HTML file without network or script, made like the report of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from bench.errors import KeepframeError
from reports.cost import Figures, Growth
from reports.cost_text import curves, overview, stages
from reports.look import PAPER
from reports.marks import Extent, colour, finish, layer, padded, texts
from reports.svg import drawn
from reports.template import rendered

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#c98a0c", "#56b4e9", "#6f7a88")
_EXTENT = Extent(300, 220)


def write_page(measured: Sequence[Figures], grown: Sequence[Growth], path: Path) -> Path:
    """Write the page to `path`, and return it. Raises KeepframeError where that cannot be done."""
    here = measured[0].cost.environment
    table = overview(measured)
    context = {
        "device": here.get("gpu") or here.get("processor") or "an unknown machine",
        "overview": table,
        "notes": list(dict.fromkeys(note for one in measured for note in one.notes)),
        "charts": [drawn(chart, f"growth-{i}") for i, chart in enumerate(_charts(grown))],
        "grids": [table, *([curves(grown)] if grown else []), *(grid for one in measured if (grid := stages(one))[2])],
        "environment": [(name, value) for name, value in here.items() if value is not None],
    }
    html = rendered("cost.html", ("report.css",), context)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise KeepframeError(f"Cannot write {path}: {error.strerror}.", "Name another store.") from error
    return path


def _charts(grown: Sequence[Growth]) -> list[Any]:
    """One chart for every figure, a line for every configuration."""
    names = list(dict.fromkeys(one.name for one in grown))
    paint = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    figures = dict.fromkeys(one.figure for one in grown)
    return [growth_chart([one for one in grown if one.figure == figure], paint) for figure in figures]


def growth_chart(lines: Sequence[Growth], paint: dict[str, str]) -> Any:
    """One figure against seconds of history; the end of each line is named."""
    points = [(one.name, x, y) for one in lines for x, y in one.points]
    rows = [{"name": name, "x": x, "y": y, "colour": paint[name]} for name, x, y in points]
    x_domain, y_domain = padded([x for _, x, _ in points]), padded([0.0, *(y for _, _, y in points)])
    unit = f" ({lines[0].unit})" if lines[0].unit else ""
    x = alt.X("x:Q", title="Seconds of history", scale=alt.Scale(domain=x_domain, nice=False))
    y = alt.Y("y:Q", title=f"{lines[0].figure}{unit}", scale=alt.Scale(domain=y_domain, nice=False))
    names = [
        {
            "text": one.name,
            "px": _EXTENT.width - 4,
            "py": (y_domain[1] - one.points[-1][1]) / (y_domain[1] - y_domain[0]) * _EXTENT.height - 9,
            "align": "right",
            "colour": paint[one.name],
        }
        for one in lines
    ]
    layers = [
        layer(rows).mark_line(strokeWidth=2).encode(x, y, alt.Detail("name:N"), colour(), alt.Order("x:Q")),
        layer(rows).mark_point(size=50, filled=True, opacity=1, stroke=PAPER).encode(x, y, colour("fill")),
        *texts(names),
    ]
    ends = [f"{one.name} from {one.points[0][1]:.4g} to {one.points[-1][1]:.4g}" for one in lines]
    return finish(layers, _EXTENT, f"{lines[0].figure}{unit} against seconds of history: {'; '.join(ends)}.")
