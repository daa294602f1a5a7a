"""What the sidebar asks: which run, and which part of it. Every answer is in the URL, so a link shows the same view.

An answer that is the default drops out of the URL, but for those that move with the data (the latest run, the
worst case): these are always written out (`pinned`), so that a link keeps its meaning when new rows arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
import streamlit as st

from bench.errors import KeepframeError
from bench.store import Results, Store
from leaderboard import say
from leaderboard.opened import Choice, Source, comparison, load, source, store_at
from reports.comparison import Comparison, MetricInfo
from reports.look import Look, looks

ANY = "any"
QUERIES_HELP = "Undeclared: the memory was not told what would be asked. Declared: it was."
SHOWN = "view"  # where the entry script leaves the view for the page


@dataclass(frozen=True)
class View:
    """What a page shows."""

    store: Store
    source: Source
    results: Results  # the whole run
    choice: Choice
    comparison: Comparison  # of the choice
    metric: MetricInfo
    looks: dict[str, Look]


def shown() -> View:
    """The view that the sidebar found, for the page that is run after it."""
    view: View = st.session_state[SHOWN]
    return view


def sidebar() -> View | None:
    """Draw the sidebar. None when there is nothing to show; then the page has said why, and what helps."""
    try:
        store = store_at()
        runs = store.runs()
        if not runs:
            say.note(f"There are no runs in {store.root} yet.", "keepframe quickstart")
            return None
        with st.sidebar:
            key = _run(runs)
        if key is None:
            return None
        now = source(store, key)
        results = load(now)
        with st.sidebar:
            metric, choice = _metric(results), _choice(results)
        if metric is None:
            return None
        found = comparison(now, choice)
    except KeepframeError as problem:
        say.error(problem)
        return None
    about = next(info for info in found.metrics if info.name == metric)
    return View(store, now, results, choice, found, about, looks(results.run["spec"]))


def pinned(label: str, options: Sequence[str], key: str, default: str) -> str:
    """A select box whose answer is in the URL even when nobody chose it."""
    linked = st.query_params.get(key)
    if st.session_state.get(key) not in options and linked not in options:
        if linked is not None:
            say.note(f"The link asks for {key} {linked!r}, which is not here. This is {default!r}.")
        st.session_state[key] = st.query_params[key] = default
    return st.selectbox(label, options, index=None, key=key, bind="query-params") or default


def _run(runs: list[dict[str, Any]]) -> str | None:
    protocols = sorted({_queries(run) for run in runs})
    if len(protocols) > 1:
        queries = st.selectbox(
            "Queries",
            [ANY, *protocols],
            key="queries",
            bind="query-params",
            help=QUERIES_HELP,
        )
        runs = [run for run in runs if queries in (ANY, _queries(run))]
    names = {f"{run['name']} {run['key'][:8]}": run for run in reversed(runs)}
    name = pinned("Run", list(names), "run", default=next(iter(names)))
    run = names[name]
    st.text(f"{_queries(run)} queries\nlast worked on {_when(run['sessions'][-1]['started_at'])}", help=QUERIES_HELP)
    return str(run["key"])


def _metric(results: Results) -> str | None:
    metrics = list(dict.fromkeys([*(results.run.get("metrics") or ()), *_values(results, "metric")]))
    if not metrics:
        say.note("This run planned no case: its footage is empty.", "keepframe run SPEC.toml --dry-run")
        return None
    first = _first_scored(results, metrics)
    metric: str = st.selectbox("Metric", metrics, key="metric", bind="query-params", index=first)
    return metric


def _choice(results: Results) -> Choice:
    systems = _several("Systems", _values(results, "system"), "system")
    tags = _several("Tags", sorted({tag for own in results.planned["tags"].to_pylist() for tag in own or ()}), "tag")
    horizons = sorted(_values(results, "horizon_s"))
    horizon = ANY
    if len(horizons) > 1:
        labels = [ANY, *(f"{h:g} s" for h in horizons)]
        horizon = st.selectbox("History", labels, key="history", bind="query-params")
    horizon_s = None if horizon == ANY else float(horizon.removesuffix(" s"))
    return Choice(tuple(systems), tuple(tags), horizon_s)


def _several(label: str, options: list[str], key: str) -> list[str]:
    """Nothing chosen means all."""
    if len(options) < 2:
        return []
    known = set(options)
    if not known.issuperset(st.session_state.get(key, ())):  # another run was picked, which has not all of them
        st.session_state[key] = [value for value in st.session_state[key] if value in known]
    return st.multiselect(label, options, key=key, bind="query-params", placeholder="All")


def _first_scored(results: Results, metrics: list[str]) -> int:
    """The first metric of the spec that has scores: one without weights has none."""
    scored = set(pc.unique(results.scores["metric"]).to_pylist())
    return next((i for i, name in enumerate(metrics) if name in scored), 0)


def _values(results: Results, column: str) -> list[Any]:
    return sorted(pc.unique(results.planned[column]).to_pylist())


def _queries(run: dict[str, Any]) -> str:
    suite = (run.get("spec") or {}).get("suite") or {}
    return str((suite.get("args") or {}).get("queries", "undeclared"))


def _when(started_at: float) -> str:
    return f"{datetime.fromtimestamp(started_at):%d %b %Y, %H:%M}"
