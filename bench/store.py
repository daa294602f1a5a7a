"""Results on disk: append-only Parquet rows and artifacts by digest.

    <root>/store.json                     schema version
    <root>/<table>/*.parquet              rows, each addressed by what made it, shared by all runs
    <root>/artifacts/ab/ab12….bin         memories and predictions, by sha256
    <root>/runs/<key>/run.json            the spec, and every session that worked on it
    <root>/runs/<key>/plan.parquet        which addresses the run is made of

A file appears under its final name only when it is whole (written aside, flushed, renamed), so a run may be
killed at any moment. A run is a plan: what is missing is the plan less what the tables hold, whoever
computed it. DuckDB, in memory and locked in, is the query engine; there is never a DuckDB file.
"""

import itertools
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench.digest import digest_bytes
from bench.errors import StoreError, UsageError
from bench.store_tables import PLAN, TABLES, VIEWS

if TYPE_CHECKING:
    import duckdb

SCHEMA = 1


@dataclass(frozen=True)
class Results:
    """Everything that readers of one run need. The tables' columns are named in `Store.connect`."""

    key: str
    run: dict[str, Any]  # run.json: name, spec, sessions
    planned: pa.Table
    scores: pa.Table
    rates: pa.Table
    failures: pa.Table


class Store:
    """A result folder.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()) / "results")
    >>> store.add("scores", [{"score_key": "k", "moment": 0, "value": 31.5}])
    >>> store.have("scores", "score_key")
    {'k'}
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        marker = self.root / "store.json"
        if marker.exists():
            self._check(marker)
            return
        if self.root.is_dir() and any(self.root.iterdir()):
            raise StoreError(
                f"{self.root} is not empty and not a Keepframe store.", "Name another folder with --store."
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"Cannot create {self.root}: {error.strerror}.", "Name another folder with --store."
            ) from error
        self._write(marker, json.dumps({"schema": SCHEMA}).encode())

    @classmethod
    def existing(cls, root: Path) -> "Store":
        """Open a store to read it; a folder that is none is an error instead of a new, empty store."""
        if not (Path(root) / "store.json").exists():
            raise StoreError(
                f"There are no results in {root}.", "keepframe quickstart makes some; --store names another folder."
            )
        return cls(root)

    def _check(self, marker: Path) -> None:
        try:
            schema = json.loads(marker.read_text())["schema"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{marker} is damaged: {error}.", f"Restore it: echo '{{\"schema\": {SCHEMA}}}' > {marker}"
            ) from error
        if schema > SCHEMA:
            raise StoreError(
                f"{self.root} was written by a newer Keepframe (schema {schema}; this one reads up to {SCHEMA}).",
                "pip install -U keepframe, or name another folder with --store.",
            )

    # -- writing ---------------------------------------------------------------------------------------

    def add(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows; when this returns they survive a kill. One call is one file."""
        if rows:
            batch = pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[table])
            self.add_table(table, batch)

    def add_table(self, table: str, batch: pa.Table) -> None:
        """`add` for rows that are an Arrow table already."""
        self._write(self.root / table / f"{_unique()}.parquet", _parquet(batch))

    def put(self, data: bytes, suffix: str = ".bin") -> str:
        """Keep bytes under their sha256; returns `<digest><suffix>`, which `artifact` turns into a path."""
        name = digest_bytes(data) + suffix
        path = self.artifact(name)
        if not path.exists():
            self._write(path, data)
        return name

    def artifact(self, name: str) -> Path:
        """Where the artifact of this name lies."""
        return self.root / "artifacts" / name[:2] / name

    def save_run(self, key: str, run: Mapping[str, Any], plan: pa.Table) -> None:
        """Write down what a run is. The plan goes first: run.json means that the plan is there."""
        folder = self.root / "runs" / key
        self._write(folder / "plan.parquet", _parquet(plan.cast(PLAN)))
        self._write(folder / "run.json", json.dumps(run, indent=1).encode())

    def compact(self, table: str, most: int = 64) -> None:
        """Join small files once there are more than `most`. Killed half-way it leaves doubles, which readers drop."""
        files = self._files(table)
        if len(files) > most:
            self.add_table(table, self._read(table))
            for file in files:
                file.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(
                f"Cannot write {path}: {error.strerror}. What was stored before is whole.",
                "Make room or mend the permissions, then run the same command again: it goes on where it stopped.",
            ) from error

    # -- reading ---------------------------------------------------------------------------------------

    def runs(self) -> list[dict[str, Any]]:
        """run.json of every run with its `key`, the one that was worked on last at the end."""
        found = []
        for path in self.root.glob("runs/*/run.json"):
            try:
                found.append(json.loads(path.read_text()) | {"key": path.parent.name})
            except (OSError, ValueError) as error:
                raise StoreError(
                    f"{path} is damaged: {error}.", "Delete its folder and run the spec again; its rows are kept."
                ) from error
        return sorted(found, key=lambda run: run["sessions"][-1]["started_at"])

    def find(self, reference: str = "latest") -> dict[str, Any]:
        """A run by key, by the first digits of its key, by name (the latest so called), or `latest`."""
        runs = self.runs()
        if not runs:
            raise StoreError(f"There are no runs in {self.root}.", "keepframe quickstart makes one.")
        if reference == "latest":
            return runs[-1]
        hits = [run for run in runs if run["key"].startswith(reference)] or [r for r in runs if r["name"] == reference][
            -1:
        ]
        if len(hits) == 1:
            return hits[0]
        known = ", ".join(f"{run['key'][:8]} ({run['name']})" for run in runs)
        problem = "matches several runs" if hits else "matches no run"
        raise UsageError(f"{reference!r} {problem} in {self.root}.", f"Runs: {known}.")

    def plan(self, key: str) -> pa.Table:
        """The addresses that a run is made of; columns as in PLAN."""
        path = self.root / "runs" / key / "plan.parquet"
        try:
            return pq.read_table(path, schema=PLAN)
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(
                f"{path} cannot be read: {error}.", "Delete its folder and run the spec again; its rows are kept."
            ) from error

    def have(self, table: str, column: str) -> set[str]:
        """Every address that a table holds, in one pass."""
        return set(pa.compute.unique(self._read(table, [column])[column]).to_pylist())

    def artifacts(self, table: str) -> dict[str, str]:
        """Address -> artifact name, of the artifacts that are still on disk: a deleted one is made again."""
        address = TABLES[table].names[0]
        found = self._read(table, [address, "artifact"])
        pairs = zip(found[address].to_pylist(), found["artifact"].to_pylist(), strict=True)
        return {key: name for key, name in pairs if self.artifact(name).exists()}

    def rows(self, table: str, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Rows of one table whose first column is among `keys`."""
        first = TABLES[table].names[0]
        wanted = pa.array(list(keys), pa.string())
        rows: list[dict[str, Any]] = self._dataset(table).to_table(filter=ds.field(first).isin(wanted)).to_pylist()
        return rows

    def connect(self, key: str) -> "duckdb.DuckDBPyConnection":
        """A DuckDB connection, in memory and without file access, with one run as views:

        planned  as in PLAN
        scores   system curve case group tags horizon_s metric metric_version unit better moment at_s position
                 since_cut_s motion exact value prediction_key case_key
        rates    system curve case group horizon_s memory_key history_s bytes tokens floats encode_ms recall_ms
        failures system case group file metric stage error message

        A row computed twice (two runs at once) counts once; of several failures the last one counts.
        """
        import duckdb

        con = duckdb.connect(":memory:")
        for table in TABLES:
            con.register(f"{table}_rows", self._failed() if table == "failures" else self._dataset(table))
        con.register("planned_rows", self.plan(key))
        con.execute("SET enable_external_access = false")
        con.execute(VIEWS)
        return con

    def results(self, reference: str = "latest") -> Results:
        """One run's tables. `scores` comes in no fixed order: sorting a million rows costs a second, and whoever
        adds them up does it exactly (`math.fsum`), in any order."""
        run = self.find(reference)
        con = self.connect(run["key"])
        order = {
            "planned": '"system", "case", metric',
            "rates": '"system", "case"',
            "failures": '"system", "case", metric, stage',
        }
        tables = {name: con.sql(f"SELECT * FROM {name} ORDER BY {by}").to_arrow_table() for name, by in order.items()}
        scores = con.sql("SELECT * FROM scores").to_arrow_table()
        return Results(key=run["key"], run=run, scores=scores, **tables)

    def _failed(self) -> pa.Table:
        """Failures with their place in time: of something that failed again, the last reason is the one that holds."""
        rows = self._read("failures")
        return rows.append_column("place", pa.array(range(len(rows)), pa.int64()))

    def _files(self, table: str) -> list[Path]:
        return sorted((self.root / table).glob("*.parquet"))

    def _dataset(self, table: str) -> ds.Dataset:
        """A table to be read. A file that is no Parquet (any more) is an error here, not in the middle of a query."""
        files = self._files(table)
        for file in files:
            try:
                pq.read_metadata(file)
            except FileNotFoundError:
                raise  # joined with others meanwhile: the reader may try again
            except (OSError, pa.ArrowInvalid) as error:
                raise StoreError(
                    f"{file} cannot be read: {str(error).rstrip(chr(46))}.",
                    "Delete that file and run the spec again: only its rows are made anew.",
                ) from error
        schema = TABLES[table]
        return ds.dataset([str(f) for f in files], schema=schema) if files else ds.dataset(schema.empty_table())

    def _read(self, table: str, columns: list[str] | None = None) -> pa.Table:
        try:
            return self._dataset(table).to_table(columns=columns)
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(
                f"A file in {self.root / table} cannot be read: {error}.",
                "Delete that file and run the spec again: only its rows are made anew.",
            ) from error


_counter = itertools.count()


def _unique() -> str:
    """A file name that sorts by time and that no other process takes."""
    return f"{time.time_ns():020d}-{os.getpid()}-{next(_counter)}"


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
