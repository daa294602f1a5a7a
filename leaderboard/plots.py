"""The plots of the first page: quality against rate and against every other cost, and recall against where the asked
moment lies.

`reports` finds the points and draws them, so the board and the report show the same pictures. It takes a moment on a
large run, so what was made is kept. The charts place their names by pixels and must not be resized: on a phone they
scroll sideways.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from bench.store import Store
from leaderboard.choice import View
from leaderboard.opened import Choice, Source, chosen, comparison, of_metric
from reports.charts import rate_quality as draw_rate_quality
from reports.charts import recall_lines
from reports.comparison import Comparison, MetricInfo
from reports.cost_pareto import CAPTION, PANEL, pareto, plotted
from reports.curves import Axis, rate_quality, recall_curves
from reports.look import looks
from reports.marks import Extent
from reports.selection import representatives

EXTENT = Extent(width=620, height=340)
ROOM = 860  # what an extent, its axis and its names take
COST_ROOM = 312
AXES: dict[str, Axis] = {
    "its place in the history": "position",
    "the time since the last cut": "since_cut_s",
    "motion": "motion",
}


def show(view: View) -> None:
    """Draw the plots, one below the other; those of costs side by side where there is room."""
    address = (view.source, view.choice, view.metric.name)
    st.subheader("Quality against rate", anchor=False)
    _draw(_rate_chart(*address), "rate")
    costs = _cost_charts(*address)
    if costs:
        st.subheader("Quality against cost", anchor=False)
        with st.grid(len(costs), min_column_width=COST_ROOM, wrap=True):
            for axis, chart in costs.items():
                st.vega_lite_chart(chart, theme=None, width="content", key=f"cost_{axis}")
        st.caption(CAPTION)
    st.subheader("Where it forgets", anchor=False)
    label = st.selectbox("Score of an asked moment against", list(AXES), key="against", bind="query-params", width=320)
    _draw(_recall_chart(*address, AXES[label]), "recall")
    if not view.choice.systems:
        st.caption("Each sweep is shown by its setting nearest to a common rate. Choose systems to see others.")


def _draw(chart: dict[str, Any], key: str) -> None:
    with st.grid(1, min_column_width=ROOM, wrap=False):
        st.vega_lite_chart(chart, theme=None, width="content", key=key)


@st.cache_data(max_entries=64, show_spinner=False)
def _rate_chart(source: Source, choice: Choice, metric: str) -> dict[str, Any]:
    results, about = of_metric(chosen(source, choice), metric), _about(comparison(source, choice), metric)
    return _spec(draw_rate_quality(rate_quality(results, metric), about, looks(results.run["spec"]), EXTENT))


@st.cache_data(max_entries=64, show_spinner=False)
def _cost_charts(source: Source, choice: Choice, metric: str) -> dict[str, dict[str, Any]]:
    results, found = chosen(source, choice), comparison(source, choice)
    about, colours = _about(found, metric), looks(results.run["spec"])
    rows = plotted(Store.existing(Path(source.root)), results, found, about)
    return {axis: _spec(pareto(own, about, axis, colours, PANEL)) for axis, own in rows.items()}


@st.cache_data(max_entries=64, show_spinner=False)
def _recall_chart(source: Source, choice: Choice, metric: str, axis: Axis) -> dict[str, Any]:
    results, found = of_metric(chosen(source, choice), metric), comparison(source, choice)
    about, colours = _about(found, metric), looks(results.run["spec"])
    systems = choice.systems or representatives(found, about, colours)
    curves = recall_curves(results, metric, axis, systems=systems) if systems else ()
    return _spec(recall_lines(curves, about, colours, EXTENT))


def _about(found: Comparison, metric: str) -> MetricInfo:
    return next(info for info in found.metrics if info.name == metric)


def _spec(chart: Any) -> dict[str, Any]:
    """`autosize` is said, or Streamlit squeezes the plot until its names fit inside."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    return spec | {"autosize": {"type": "pad", "contains": "padding"}}
