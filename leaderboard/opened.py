"""A run in memory: read once from the store, then reused by every rerun and every visitor.

DuckDB joins the Parquet files; what is kept is the few columns that the pages read (about 100 MB for a million
scores). What a page shows is made from them by `reports`, the same code that prints the tables of the command line,
and kept too. Everything kept is addressed by the newest file of the store, so new rows show on the next rerun. A kept
object is shared between sessions: nobody may change it.
"""

import dataclasses
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from bench.errors import StoreError
from bench.store import Results, Store
from bench.store_tables import TABLES
from reports.compare import compare
from reports.comparison import Comparison
from reports.videos import CaseScores, case_scores, read_plan

SCORE_COLUMNS = '"system", "case", metric, moment, at_s, position, since_cut_s, motion, exact, value'
_ATTEMPTS = 3  # a running run may join files while we read them


class Source(NamedTuple):
    """A run of a store as it is now: `stamp` changes with its rows."""

    root: str
    key: str
    stamp: str


@dataclass(frozen=True)
class Choice:
    """Which part of a run is looked at. Nothing chosen means everything."""

    systems: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    horizon_s: float | None = None


def store_at() -> Store:
    """The store that the board was started over; raises StoreError when there is none."""
    from leaderboard.serve import STORE_VARIABLE

    return Store.existing(Path(os.environ.get(STORE_VARIABLE, "results")))


def source(store: Store, key: str) -> Source:
    """The run, stamped with how many files each table has and the newest one's name and time."""
    parts: list[object] = []
    for folder in (*(store.root / table for table in (*TABLES, "costs")), store.root / "runs" / key):
        files = [(f.stat().st_mtime_ns, f.name) for f in folder.glob("[!.]*")] if folder.is_dir() else []
        parts.append((len(files), max(files, default=None)))
    return Source(str(store.root), key, hashlib.sha256(repr(parts).encode()).hexdigest())


@st.cache_resource(max_entries=2, show_spinner="Reading the results …")
def load(source: Source) -> Results:
    """The tables of the whole run."""
    store = Store.existing(Path(source.root))
    for attempt in range(_ATTEMPTS):
        try:
            return _read(store, source.key)
        except (OSError, duckdb.Error) as error:
            if attempt + 1 == _ATTEMPTS:
                raise StoreError(
                    f"The rows in {store.root} cannot be read: {error}.", "keepframe status says whether others can."
                ) from error
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


@st.cache_resource(max_entries=2, show_spinner=False)
def chosen(source: Source, choice: Choice) -> Results:
    """The tables of one choice. Few are kept: each may be as large as the whole."""
    return narrowed(load(source), choice)


@st.cache_resource(max_entries=64, show_spinner="Comparing the systems …")
def comparison(source: Source, choice: Choice) -> Comparison:
    """`reports.compare` over a choice. Raises `KeepframeError` when nothing is left of the run."""
    return compare(chosen(source, choice))


@st.cache_resource(max_entries=8, show_spinner=False)
def case_means(source: Source, choice: Choice, metric: str) -> CaseScores:
    """The score of every case of a choice, by one metric."""
    one = of_metric(chosen(source, choice), metric)
    return case_scores(one, read_plan(one))


def of_metric(results: Results, metric: str) -> Results:
    """Only what belongs to this metric: a fifth of the work where there are five."""
    planned, scores = (t.filter(pc.equal(t["metric"], metric)) for t in (results.planned, results.scores))
    return dataclasses.replace(results, planned=planned, scores=scores)


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

    tables = {name: kept(getattr(results, name)) for name in ("scores", "rates", "failures")}
    return dataclasses.replace(results, planned=planned, **tables)


def _among(column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(values, pa.string()))
