"""The table of one metric: every system with its interval, its ranks and its costs, best first.

Numbers stay numbers here, so that a column can be sorted on the page; `reports.formats` writes the same comparison as
CSV and Markdown.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from reports.comparison import Cell, Comparison, MetricInfo
from reports.glossary import ROLES, metric_title
from reports.grids import place
from reports.look import Look

TOP = "●"  # no system is shown to be better
_COSTS = {"kbit/s": "%.3g", "Tokens/s": "%.0f", "Floats/s": "%.0f", "Encode ms/s": "%.3g", "Recall ms": "%.3g"}


def title(metric: MetricInfo) -> str:
    """A metric as a column is called, with its unit."""
    return metric_title(metric.name) + (f" ({metric.unit})" if metric.unit else "")


def rows(comparison: Comparison, metric: MetricInfo, looks: dict[str, Look]) -> list[dict[str, Any]]:
    """One row a system, best first by `metric`; None where there is no such number. A column that says nothing is left
    out: tokens mean nothing to codecs, videos scored by themselves are no memory and have no rate, a metric without its
    weights has no scores."""
    about = {row.name: row for row in comparison.systems}
    cells = {(cell.system, cell.metric): cell for cell in comparison.cells}
    table = []
    for cell in sorted((cells[name, metric.name] for name in about), key=lambda cell: _order(cell, metric)):
        row = about[cell.system]
        table.append(
            {
                "Top": TOP if cell.top else "",
                "System": row.name,
                title(metric): cell.mean,
                interval_title(comparison): cell.interval and (cell.interval.high - cell.interval.low) / 2,
                "Rank": place(row, cell),
                "kbit/s": row.costs.kbit_per_s,
                "Kind": ROLES[looks[row.name].role],
                "Videos": cell.videos,
                "Cases": f"{cell.cases} of {cell.planned}",
                "Exact": f"{row.exact} of {row.answers}",
                "Tokens/s": row.costs.tokens_per_s,
                "Floats/s": row.costs.floats_per_s,
                "Encode ms/s": row.costs.encode_ms_per_s,
                "Recall ms": row.costs.recall_ms,
                **{title(m): cells[row.name, m.name].mean for m in comparison.metrics if m != metric},
            }
        )
    optional = {*_COSTS, *(title(m) for m in comparison.metrics if m != metric)}
    empty = {name for name in optional if all(row[name] is None for row in table)}
    if not any(row.exact for row in comparison.systems):
        empty.add("Exact")
    return [{name: value for name, value in row.items() if name not in empty} for row in table]


def interval_title(comparison: Comparison) -> str:
    """What the column with half of the interval is called."""
    return f"± {comparison.confidence:.0%}"


def columns(comparison: Comparison, metric: MetricInfo, table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How the columns look: digits, widths, and what each one means."""
    config: dict[str, Any] = {
        "Top": st.column_config.TextColumn(
            "", width=36, pinned=True, help="● no system is shown to be better: the top tie group."
        ),
        "System": st.column_config.TextColumn(pinned=True, width="medium"),
        "Rank": st.column_config.TextColumn(
            width=76,
            help="The ranks that paired tests of all pairs leave open (Holm). Overlapping ranks are ties. "
            "A ceiling bounds what is read through it (codecs are not), and has none.",
        ),
        "Videos": st.column_config.NumberColumn(width=70, help="The videos behind the mean and its interval."),
        "Cases": st.column_config.TextColumn(width=90, help="Cases with a score, of those planned."),
        "Exact": st.column_config.TextColumn(help="Asked frames that the memory had kept as they were."),
    }
    for name, form in _COSTS.items():
        config[name] = st.column_config.NumberColumn(format=form, help=_COST_HELP[name])
    for one in comparison.metrics:
        name = title(one)
        form = f"%.{digits([row.get(name) for row in table])}f"
        config[name] = st.column_config.NumberColumn(format=form, help="Mean over videos.")
        if one == metric:
            config[interval_title(comparison)] = st.column_config.NumberColumn(
                format=form, width=70, help="Half of the confidence interval of the mean: Student's t over videos."
            )
    return config


_COST_HELP = {
    "kbit/s": "What the memory keeps, per second of history: the measured length of its bytes.",
    "Tokens/s": "Tokens that a network would read, per second of history; empty where that means nothing.",
    "Floats/s": "Numbers that a network would read, per second of history; empty where that means nothing.",
    "Encode ms/s": "Time to write the memory, per second of history, on the machine that made the run.",
    "Recall ms": "Time to answer one case, all its moments.",
}


def digits(values: Sequence[float | None]) -> int:
    """Decimals to show: two for numbers such as decibels, four for those such as SSIM.

    >>> digits([31.234, 28.0]), digits([0.91, None])
    (2, 4)
    """
    return 4 if all(abs(v) < 2 for v in values if v is not None) else 2


def _order(cell: Cell, metric: MetricInfo) -> tuple[bool, float, str]:
    return cell.mean is None, -(metric.sign or 1) * (cell.mean or 0.0), cell.system
