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

if TYPE_CHECKING:
    import duckdb

SCHEMA = 1

_key, _text, _number = pa.string(), pa.string(), pa.float64()
TABLES: dict[str, pa.Schema] = {
    # one value per asked moment
    "scores": pa.schema([("score_key", _key), ("moment", pa.int32()), ("value", _number)]),
    # what was asked, and where in the history it lies
    "moments": pa.schema(
        [
            ("case_key", _key),
            ("moment", pa.int32()),
            ("frame", pa.int64()),  # index in the history
            ("at_s", _number),
            ("position", _number),  # 0 = oldest, 1 = newest
            ("since_cut_s", _number),
            ("motion", _number),
        ]
    ),
    "memories": pa.schema(
        [
            ("memory_key", _key),
            ("artifact", _text),
            ("bytes", pa.int64()),
            ("tokens", pa.int64()),
            ("floats", pa.int64()),
            ("history_s", _number),
        ]
    ),
    # `exact`: which answers are frames that were kept as they are
    "predictions": pa.schema([("prediction_key", _key), ("artifact", _text), ("exact", pa.list_(pa.bool_()))]),
    "references": pa.schema([("case_key", _key), ("artifact", _text)]),
    "timings": pa.schema(
        [("subject_key", _key), ("stage", _text), ("wall_ms", _number), ("cpu_ms", _number), ("session", _text)]
    ),
    # `metric` is null when the whole prediction failed
    "failures": pa.schema(
        [
            ("key", _key),
            ("stage", _text),
            ("error", _text),
            ("message", _text),
            ("session", _text),
        ]
    ),
}

PLAN = pa.schema(
    [
        ("case", _text),
        ("group", _text),
        ("file", _text),
        ("tags", pa.list_(_text)),
        ("horizon_s", _number),
        ("case_key", _key),
        ("system", _text),
        ("curve", _text),
        ("baseline", pa.bool_()),
        ("memory_key", _key),
        ("prediction_key", _key),
        ("metric", _text),
        ("metric_version", _text),
        ("unit", _text),
        ("better", _text),
        ("score_key", _key),
    ]
)


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
        con.execute(_VIEWS)
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


_VIEWS = """
CREATE VIEW planned AS SELECT * FROM planned_rows;
CREATE VIEW answers AS
    SELECT DISTINCT "system", curve, baseline, "case", "group", file, tags, horizon_s, case_key, memory_key,
                    prediction_key
    FROM planned_rows;
CREATE VIEW scores AS
    WITH own AS (
        SELECT score_key, moment, min(value) AS value FROM scores_rows
        WHERE score_key IN (SELECT score_key FROM planned_rows) GROUP BY ALL
    ), asked AS (
        SELECT case_key, moment, any_value(at_s) AS at_s, any_value(position) AS position,
               any_value(since_cut_s) AS since_cut_s, any_value(motion) AS motion FROM moments_rows GROUP BY ALL
    ), kept AS (SELECT prediction_key, any_value(exact) AS exact FROM predictions_rows GROUP BY ALL)
    SELECT p."system", p.curve, p."case", p."group", p.tags, p.horizon_s, p.metric, p.metric_version, p.unit, p.better,
           own.moment, asked.at_s, asked.position, asked.since_cut_s, asked.motion,
           coalesce(kept.exact[own.moment + 1], false) AS exact, own.value, p.prediction_key, p.case_key
    FROM own JOIN planned_rows p USING (score_key)
    LEFT JOIN asked ON asked.case_key = p.case_key AND asked.moment = own.moment
    LEFT JOIN kept USING (prediction_key);
CREATE VIEW rates AS
    WITH spent AS (
        SELECT subject_key, stage, min(wall_ms) AS wall_ms FROM timings_rows GROUP BY ALL
    ), sized AS (
        SELECT memory_key, any_value(history_s) AS history_s, any_value(bytes) AS bytes, any_value(tokens) AS tokens,
               any_value(floats) AS floats FROM memories_rows GROUP BY ALL
    )
    SELECT a."system", a.curve, a."case", a."group", a.horizon_s, a.memory_key, sized.history_s, sized.bytes,
           sized.tokens, sized.floats, e.wall_ms AS encode_ms, r.wall_ms AS recall_ms
    FROM answers a JOIN sized USING (memory_key)
    LEFT JOIN spent e ON e.subject_key = a.memory_key AND e.stage = 'encode'
    LEFT JOIN spent r ON r.subject_key = a.prediction_key AND r.stage = 'recall';
CREATE VIEW failures AS
    WITH broken AS (
        SELECT key, stage, error, message FROM failures_rows
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY place DESC) = 1
    ), whole AS (
        SELECT DISTINCT a."system", a."case", a."group", a.file, NULL::VARCHAR AS metric, b.stage, b.error, b.message
        FROM answers a JOIN broken b ON b.key = a.prediction_key
        WHERE a.prediction_key NOT IN (SELECT prediction_key FROM predictions_rows)
    ), single AS (
        SELECT p."system", p."case", p."group", p.file, p.metric, b.stage, b.error, b.message
        FROM planned_rows p JOIN broken b ON b.key = p.score_key
        WHERE p.score_key NOT IN (SELECT score_key FROM scores_rows)
    )
    SELECT * FROM whole UNION ALL SELECT * FROM single;
"""
