"""The chain of hashes through votes and events: nobody can change, drop or insert a row unseen.

Votes and events share one sequence without gaps. A row's hash is SHA-256 of the hash before it and the row's canonical
JSON. A chain cannot show that its end was cut off, so the hash of the last row (the head) is printed on the board and
in every export, and `verify` takes a head that was written down earlier.
"""

import heapq
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from bench.digest import digest_bytes
from leaderboard.study.schema import event, vote

GENESIS = "0" * 64
_TABLES = {"vote": vote, "event": event}
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


class Head(NamedTuple):
    """The newest row: its number (0: none yet) and its hash."""

    seq: int
    hash: str


def canonical_json(value: Any) -> str:
    """`bench.digest.canonical`, character for character, of what came from JSON or from a row: it looks for no other
    types, and so takes a third of the time. Five of these were a fifth of what a vote costs.

    >>> canonical_json({"b": 1, "a": [1.0, "ü", None, True]})
    '{"a":[1.0,"ü",null,true],"b":1}'
    """
    return _encoder.encode(value)


def link(prev_hash: str, table: str, row: dict[str, Any]) -> str:
    """The hash of a row (without its own `prev_hash` and `hash`) that follows `prev_hash`.

    >>> link(GENESIS, "event", {"seq": 1, "kind": "open"})[:16]
    '75a37a31995cf8ef'
    """
    return digest_bytes((prev_hash + canonical_json({"table": table, "row": row})).encode())


def head(conn: Connection) -> Head:
    """The newest row of either table."""
    heads = [Head(0, GENESIS)]
    for table in _TABLES.values():
        last = select(func.max(table.c.seq)).scalar_subquery()
        heads += [Head(*row) for row in conn.execute(select(table.c.seq, table.c.hash).where(table.c.seq == last))]
    return max(heads)


class Appender:
    """Adds rows to the end of the chain, within one transaction that holds the ledger's write lock."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._head = head(conn)

    def extend(self, table: str, rows: list[dict[str, Any]]) -> list[int]:
        """Append rows in order; returns their sequence numbers."""
        linked = []
        seq, last = self._head
        for row in rows:
            seq += 1
            row = {"seq": seq, **row}
            new = link(last, table, row)
            linked.append({**row, "prev_hash": last, "hash": new})
            last = new
        if linked:
            self._conn.execute(insert(_TABLES[table]), linked)
            self._head = Head(seq, last)
        return [row["seq"] for row in linked]

    def event(self, at_ms: int, kind: str, subject: str, **body: Any) -> int:
        """Append one event."""
        row = {"at_ms": at_ms, "kind": kind, "subject": subject, "body": canonical_json(body)}
        return self.extend("event", [row])[0]


def problems(conn: Connection, known_head: str = "") -> Iterator[str]:
    """What is wrong with the chain, in words; nothing when all is well. Reads every row once.

    `known_head` is a hash that was printed earlier: it must still be in the chain.
    """
    last, seq, found = GENESIS, 0, not known_head
    for table, row in _in_order(conn):
        seq += 1
        own = {name: value for name, value in row.items() if name not in ("prev_hash", "hash")}
        if row["seq"] != seq:
            yield f"row {seq} is missing: the next one is {table} {row['seq']}"
            seq = row["seq"]
        if row["prev_hash"] != last:
            yield f"{table} {seq} does not follow the row before it"
        if link(row["prev_hash"], table, own) != row["hash"]:
            yield f"{table} {seq} was changed after it was written"
        last = row["hash"]
        found = found or last == known_head
    if not found:
        yield f"the head {known_head[:16]}… that you wrote down is not in the chain: rows were cut off or rewritten"


def _in_order(conn: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    def rows(name: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
        table = _TABLES[name]
        for row in conn.execution_options(yield_per=1000).execute(select(table).order_by(table.c.seq)).mappings():
            yield row["seq"], name, dict(row)

    return ((name, row) for _, name, row in heapq.merge(rows("vote"), rows("event"), key=lambda entry: entry[0]))
