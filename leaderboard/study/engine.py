"""How a ledger's database is opened: what makes a commit durable, and who may write.

SQLite: write-ahead log, a sync at every commit, foreign keys on, one writing process (a lock file says which), readers
that cannot write. PostgreSQL: its own defaults, which sync at every commit.
"""

import os
import sqlite3
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from bench.errors import StoreError, UnavailableError, UsageError

# https://sqlite.org: a WAL that is reset while another connection writes may lose commits; mended in 3.51.3
_WAL_RESET_MENDED = (3, 51, 3)


def sqlite_warning(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """What to say about this version of SQLite; empty when there is nothing.

    >>> sqlite_warning((3, 51, 3))
    ''
    """
    if version >= _WAL_RESET_MENDED:
        return ""
    return (
        f"SQLite {'.'.join(map(str, version))} can damage a write-ahead log when several connections write at once "
        "(mended in 3.51.3). Keepframe writes from one connection only, which avoids it: "
        "do not write to the ledger with other programs."
    )


def check_url(url: str) -> str:
    """The ledger's URL, if it is one that Keepframe can use. Raises `UsageError`.

    >>> check_url("postgresql://db.example/study")
    'postgresql+psycopg://db.example/study'
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(f"{url!r} is no database URL.", "Write postgresql://HOST/DATABASE.") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(f"A ledger cannot live in {parsed.get_backend_name()}.", "Use SQLite or PostgreSQL.")
    if parsed.password:
        raise UsageError(
            "The URL holds a password, and would be written to the study folder.", "Use PGPASSWORD or ~/.pgpass."
        )
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def engine(url: str, *, write: bool) -> Engine:
    """An engine for one writer, or for readers that cannot write. Raises `UnavailableError` without the driver."""
    try:
        made = create_engine(url, pool_size=1 if write else 5, max_overflow=0 if write else 20)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UnavailableError(
            f"PostgreSQL needs psycopg: {error}.", "pip install 'keepframe[study,postgres]'"
        ) from error
    if made.dialect.name == "sqlite":
        _sqlite_rules(made, write)
    return made


def _sqlite_rules(made: Engine, write: bool) -> None:
    @event.listens_for(made, "connect")
    def connected(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        rules = ["foreign_keys=ON", "busy_timeout=5000"]
        # readers never checkpoint, so the log is only ever reset by the writer
        rules += ["journal_mode=WAL", "synchronous=FULL"] if write else ["wal_autocheckpoint=0", "query_only=ON"]
        for rule in rules:
            cursor.execute(f"PRAGMA {rule}")
        cursor.close()

    @event.listens_for(made, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


class WriteLock:
    """Held by the one process that writes to a SQLite ledger; given back when the process ends, however it ends.

    Raises `StoreError` when another process holds it.
    """

    def __init__(self, database: Path) -> None:
        import fcntl

        path = database.with_name(database.name + ".lock")
        self._file: IO[str] = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            raise StoreError(
                f"Process {holder or '?'} writes to {database} already; a ledger has one writer.",
                "Stop that server first (Ctrl-C: no vote is lost), or use PostgreSQL for several servers.",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()


def lock_of(url: str) -> WriteLock | None:
    """The lock of a SQLite ledger, taken; None for a server that has its own."""
    parsed = make_url(url)
    return WriteLock(Path(parsed.database)) if parsed.get_backend_name() == "sqlite" and parsed.database else None
