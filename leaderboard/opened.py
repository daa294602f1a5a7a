"""A run in memory: read once from the store, then reused by every rerun and every visitor.

DuckDB joins the Parquet files; what is kept is the few columns that the pages read (about 100 MB for a million
scores). A summary for one choice of filters is made by `reports.compare`, the same code that prints the table of the
command line, and kept too. Caches go by the newest file of the store, so new rows show on the next rerun. A cached
object is shared between sessions: nobody may change it.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from bench.errors import StoreError
from bench.store import TABLES, Results, Store
from reports.compare import compare
from reports.comparison import Comparison
from reports.videos import CaseScores, case_scores, read_plan

SCORE_COLUMNS = '"system", "case", metric, moment, at_s, position, since_cut_s, motion, exact, value'
_ATTEMPTS = 3  # a running run may join files while we read them


@dataclass(frozen=True)
class Choice:
    """Which part of a run is looked at. Nothing chosen means everything."""

    metric: str
    systems: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    horizon_s: float | None = None


@dataclass(frozen=True)
class Summary:
    """One choice of a run: its rows, and what they come to."""

    results: Results
    comparison: Comparison
    scores: CaseScores


def store_at() -> Store:
    """The store that the board was started over; raises StoreError when there is none."""
    from leaderboard.serve import STORE_VARIABLE

    return Store.existing(Path(os.environ.get(STORE_VARIABLE, "results")))


def stamp(store: Store, key: str) -> str:
    """Changes when the rows or the run change: how many files each table has, and the newest one's name and time."""
    parts: list[object] = []
    for folder in (*(store.root / table for table in TABLES), store.root / "runs" / key):
        files = [(f.stat().st_mtime_ns, f.name) for f in folder.glob("[!.]*")] if folder.is_dir() else []
        parts.append((len(files), max(files, default=None)))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@st.cache_resource(max_entries=2, show_spinner="Reading the results …")
def load(root: str, key: str, stamp: str) -> Results:
    """One run's tables. `stamp` only tells apart what the cache holds."""
    store = Store.existing(Path(root))
    for attempt in range(_ATTEMPTS):
        try:
            return _read(store, key)
        except (OSError, duckdb.Error) as error:
            if attempt + 1 == _ATTEMPTS:
                raise StoreError(f"The rows in {root} cannot be read: {error}.", "keepframe doctor") from error
            time.sleep(0.2)
    raise AssertionError("unreachable")


def _read(store: Store, key: str) -> Results:
    run = store.find(key)
    with store.connect(key) as con:
        tables = {
            name: con.sql(f"SELECT {columns} FROM {name}").to_arrow_table()
            for name, columns in (("planned", "*"), ("scores", SCORE_COLUMNS), ("rates", "*"), ("failures", "*"))
        }
    return Results(key=run["key"], run=run, **tables)


@st.cache_resource(max_entries=16, show_spinner=False)
def summarise(root: str, key: str, stamp: str, choice: Choice) -> Summary:
    """`reports.compare` over what was chosen. Raises `KeepframeError` when nothing is left."""
    chosen = narrowed(load(root, key, stamp), choice)
    comparison = compare(chosen, systems=choice.systems or None)
    plan = read_plan(chosen, choice.systems or None)
    return Summary(chosen, comparison, case_scores(chosen, plan))


def narrowed(results: Results, choice: Choice) -> Results:
    """The rows of the chosen systems and of the cases with any of the tags and this horizon."""
    planned = results.planned
    if choice.systems:
        planned = planned.filter(_among(planned["system"], choice.systems))
    if choice.tags or choice.horizon_s is not None:
        wanted = set(choice.tags)
        tags, horizons = planned["tags"].to_pylist(), planned["horizon_s"].to_pylist()
        keep = [
            (not wanted or not wanted.isdisjoint(own or ())) and choice.horizon_s in (None, horizon)
            for own, horizon in zip(tags, horizons, strict=True)
        ]
        planned = planned.filter(pa.array(keep, pa.bool_()))
    if planned.num_rows == results.planned.num_rows:
        return results
    systems, cases = (pc.unique(planned[column]).to_pylist() for column in ("system", "case"))

    def kept(table: pa.Table) -> pa.Table:
        return table.filter(pc.and_(_among(table["system"], systems), _among(table["case"], cases)))

    return Results(results.key, results.run, planned, kept(results.scores), kept(results.rates), kept(results.failures))


def _among(column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(values, pa.string()))
