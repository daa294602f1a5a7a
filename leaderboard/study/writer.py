"""One thread writes; many requests share one commit.

A commit that survives a power loss costs a sync of the disk. So whatever has arrived while the last commit was on its
way goes into the next one, and everybody is answered after it: the disk sets the number of commits, not of votes.
SQLite allows one writer anyway; on PostgreSQL an advisory lock makes the writers of several hosts take turns, since a
chain has one end.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from itertools import groupby
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bench.errors import StoreError
from leaderboard.study.chain import Appender
from leaderboard.study.clock import Clock

MOST = 512  # requests in one commit
_PG_LOCK = 0x6B66_7374  # "kfst": one ledger a database


class LedgerUnavailable(StoreError):
    """Nothing was written and nothing was lost: the disk is full or broken, or the database is away."""


class Refused(Exception):
    """The ledger says no. `status` is the HTTP status that means it; `detail` is what else the page may know."""

    def __init__(self, status: int, reason: str, **detail: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail


class Transaction:
    """An open write transaction: the connection, the end of the chain, and the time of all its rows."""

    def __init__(self, conn: Connection, now_ms: int) -> None:
        self.conn = conn
        self.now_ms = now_ms
        self.chain = Appender(conn)


T = TypeVar("T")
Single = Callable[[Transaction], T]
Batch = Callable[[Transaction, list[Any]], list[Any]]
"""Answers many payloads at once. An answer that is a `Refused` is raised to whoever asked."""


class _Asked(Generic[T]):
    def __init__(
        self, work: "Single[T] | Batch", payload: Any, batched: bool, future: "Future[T] | asyncio.Future[T]"
    ) -> None:
        self.work = work
        self.payload = payload
        self.batched = batched
        self.future = future


class Writer:
    """The only way to write to a ledger. Close it to flush what waits."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="ledger writer", daemon=True)
        self._thread.start()

    def do(self, work: Single[T]) -> Future[T]:
        """Run `work` in a write transaction; the future has its result after the commit."""
        future: Future[T] = Future()
        self._put(_Asked(work, None, batched=False, future=future))
        return future

    def batch(self, work: Batch, payload: Any) -> Future:
        """Let `work` answer this payload together with its neighbours."""
        future: Future = Future()
        self._put(_Asked(work, payload, batched=True, future=future))
        return future

    def batch_soon(self, work: Batch, payload: Any) -> asyncio.Future:
        """`batch` for a running event loop, which is woken once a commit and not once a payload."""
        future: asyncio.Future = asyncio.get_running_loop().create_future()
        self._put(_Asked(work, payload, batched=True, future=future))
        return future

    def _put(self, asked: _Asked) -> None:
        if self._closed:
            raise LedgerUnavailable("The ledger is closed.", "keepframe study serve")
        self._queue.put(asked)

    def close(self) -> None:
        """Answer everything that was asked, then stop."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            waiting = [first]
            ending = False
            while len(waiting) < MOST and not ending:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ending = True
                else:
                    waiting.append(more)
            self._commit(waiting)
            if ending:
                return

    def _commit(self, waiting: list[_Asked]) -> None:
        """All in one transaction; when one of several breaks it, each in its own."""
        try:
            with self._engine.begin() as conn:
                if conn.dialect.name == "postgresql":
                    conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PG_LOCK})")
                answers = list(self._answers(Transaction(conn, self._clock.now_ms()), waiting))
        except Exception as error:
            if len(waiting) > 1:
                for asked in waiting:
                    self._commit([asked])
                return
            answers = [unavailable(error) if isinstance(error, DBAPIError) else error]
        _tell([asked.future for asked in waiting], answers)

    @staticmethod
    def _answers(transaction: Transaction, waiting: list[_Asked]) -> Iterable[Any]:
        for (work, batched), group in groupby(waiting, key=lambda asked: (asked.work, asked.batched)):
            if batched:
                yield from work(transaction, [asked.payload for asked in group])
                continue
            for _ in group:
                try:
                    yield work(transaction)
                except Refused as refused:  # raised before anything is written
                    yield refused


Told = list[tuple["Future | asyncio.Future", Any]]


def _tell(futures: "list[Future | asyncio.Future]", answers: list[Any]) -> None:
    told: dict[asyncio.AbstractEventLoop | None, Told] = defaultdict(list)
    for future, answer in zip(futures, answers, strict=True):
        told[future.get_loop() if isinstance(future, asyncio.Future) else None].append((future, answer))
    for loop, own in told.items():
        if loop is None:
            _settle(own)
            continue
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, own)


def _settle(told: Told) -> None:
    for future, answer in told:
        if future.done():  # cancelled: whoever asked has gone, and what is stored stays
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def unavailable(error: DBAPIError) -> LedgerUnavailable:
    """What the database said, with a way out."""
    return LedgerUnavailable(
        f"The ledger cannot be used: {error.orig}.",
        "Make room, mend the disk or start the database; a page that waits sends its vote again.",
    )
