"""The ledger of a study, opened: one writer, many readers, and the promises of a vote.

G1 at most one vote an assignment. G2 a rater meets a comparison once (and its mirror image once). G3 an acknowledged
vote was committed first. G4 the same request again gets the same answer, another one is refused and told what is
stored. G5 a late vote counts. G6 what was given out is counted in the transaction that gives out more. G7 what cannot
be written is never acknowledged. Exclusions are events: nothing is deleted.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from bench.errors import StoreError
from leaderboard.study import raters, schema
from leaderboard.study.cast import Ballot, Receipt, cast
from leaderboard.study.chain import Head, head
from leaderboard.study.clock import Clock
from leaderboard.study.config import StudyConfig
from leaderboard.study.engine import engine, lock_of
from leaderboard.study.writer import LedgerUnavailable, Single, T, Writer, unavailable


class Ledger:
    """A study's database. `write=True` takes the write lock (SQLite) and brings the schema up to date.

    Raises `StoreError` when there is no study in it, or when somebody else writes to it.
    """

    def __init__(self, url: str, *, write: bool = False, clock: Clock | None = None) -> None:
        self.url = url
        self._lock = lock_of(url) if write else None
        self._readers = engine(url, write=False)
        self._writing: Engine | None = None
        self._writer: Writer | None = None
        try:
            if write:
                self._writing = engine(url, write=True)
                with self._writing.begin() as conn:
                    _require_study(conn, url)
                    schema.migrate(conn)
            with self.reading() as conn:
                _require_study(conn, url)
                row = conn.execute(select(schema.study)).one()
                newest = max(
                    conn.scalar(select(func.max(schema.vote.c.received_ms))) or 0,
                    conn.scalar(select(func.max(schema.event.c.at_ms))) or 0,
                )
        except DBAPIError as error:
            self.close()
            raise unavailable(error) from error
        except BaseException:
            self.close()
            raise
        self.id: str = row.id
        self.config = StudyConfig.model_validate_json(row.config)
        self.design_sha256: str = row.design_sha256
        self.clock = clock or Clock(not_before_ms=newest)
        if self._writing is not None:
            self._writer = Writer(self._writing, self.clock)

    # -- writing ---------------------------------------------------------------------------------------

    def do(self, work: Single[T]) -> Future[T]:
        """Run `work` in the next commit. The future raises `Refused`, or `LedgerUnavailable` when nothing was kept."""
        return self._open_writer().do(work)

    def vote(self, ballot: Ballot) -> "Future[Receipt]":
        """Cast a vote, committed together with those that arrive at the same time."""
        return self._open_writer().batch(self._cast, ballot)

    def vote_soon(self, ballot: Ballot) -> "asyncio.Future[Receipt]":
        """`vote`, to be awaited."""
        return self._open_writer().batch_soon(self._cast, ballot)

    def _cast(self, transaction: Any, ballots: list[Ballot]) -> list[Any]:
        return cast(transaction, self.config, ballots)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise LedgerUnavailable("The ledger was opened to be read.", "Open it with write=True.")
        return self._writer

    def exclude(self, rater_id: str, reason: str) -> int:
        """Leave a rater's votes out of the ranking from now on: an event, which `include` takes back."""
        return self.do(lambda tx: raters.mark(tx, "exclude", rater_id, reason)).result()

    def include(self, rater_id: str, reason: str) -> int:
        """Take an exclusion back."""
        return self.do(lambda tx: raters.mark(tx, "include", rater_id, reason)).result()

    # -- reading ---------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that cannot write and sees one moment of the ledger."""
        try:
            with self._readers.begin() as conn:
                if conn.dialect.name == "postgresql":
                    conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield conn
        except DBAPIError as error:
            raise LedgerUnavailable(
                f"The ledger cannot be read: {error.orig}.", "keepframe study verify FOLDER says more."
            ) from error

    def head(self) -> Head:
        """The newest row's number and hash: write it down, and `verify` can show that nothing was cut off."""
        with self.reading() as conn:
            return head(conn)

    def close(self) -> None:
        """Flush, and give the write lock back."""
        if self._writer is not None:
            self._writer.close()
        for one in (self._readers, self._writing):
            if one is not None:
                one.dispose()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _require_study(conn: Connection, url: str) -> None:
    if not inspect(conn).has_table("study") or conn.scalar(select(func.count()).select_from(schema.study)) != 1:
        raise StoreError(f"There is no study in {make_url(url).render_as_string()}.", "keepframe study new makes one.")
