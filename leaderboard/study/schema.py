"""The tables of a study's ledger, once for SQLite and PostgreSQL, and the migrations that lead to them.

One database holds one study. `vote` and `event` only grow: triggers refuse every update and delete, and a chain of
hashes (chain.py) shows what went round the triggers. What is not history (which pair a rater sees next) may change and
decides nothing: a vote's row holds all that its meaning depends on. Who a rater is outside the study stands in
`identity` alone, which can be erased.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
)
from sqlalchemy.types import TypeEngine

from bench.errors import StoreError

CHOICES = ("left", "right", "tie", "both_bad", "cannot_judge")
KINDS = ("real", "gold", "trap", "practice")

METADATA = MetaData()
_whole = BigInteger().with_variant(Integer, "sqlite")  # STRICT tables know no BIGINT; their INTEGER has 64 bits
_real: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")


def _table(name: str, *columns: Column | CheckConstraint | UniqueConstraint | Index) -> Table:
    return Table(name, METADATA, *columns, sqlite_strict=True)


def _text(name: str, *, primary_key: bool = False, nullable: bool = False, unique: bool = False) -> Column:
    return Column(name, Text, primary_key=primary_key, nullable=nullable, unique=unique or None)


def _number(name: str, to: str = "", *, primary_key: bool = False, nullable: bool = False) -> Column:
    links = (ForeignKey(to),) if to else ()
    return Column(name, _whole, *links, primary_key=primary_key, nullable=nullable, autoincrement=False)


def _among(column: str, values: Sequence[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})")


schema_version = _table("schema_version", _number("version", primary_key=True))
study = _table(
    "study",
    _text("id", primary_key=True),
    _text("config"),  # JSON of StudyConfig
    _text("design_sha256"),  # of the config and of all rows of system, prompt, item and comparison
    _number("created_ms"),
)
system = _table("system", _number("id", primary_key=True), _text("name", unique=True))
prompt = _table("prompt", _number("id", primary_key=True), _text("name", unique=True), _text("text"))
item = _table(
    "item",
    _number("id", primary_key=True),
    _number("system_id", "system.id"),
    _number("prompt_id", "prompt.id"),
    _text("role"),  # clip, or spoilt (gold, practice), or card (trap)
    _text("media", unique=True),  # the opaque name of its file
    _text("media_sha256"),
    _number("duration_ms"),
    Column("fps", _real, nullable=False),
)
comparison = _table(
    "comparison",
    _number("id", primary_key=True),
    _number("prompt_id", "prompt.id"),
    _number("item_a", "item.id"),
    _number("item_b", "item.id"),
    _text("kind"),
    _text("expected", nullable=True),  # gold and practice: "a" or "b"; trap: "left" or "right"
    _among("kind", KINDS),
    UniqueConstraint("item_a", "item_b", "kind"),
)
rater = _table(
    "rater",
    _number("no", primary_key=True),
    _text("id", unique=True),  # the pseudonym, all that leaves the ledger
    _text("source"),
    _text("external_hmac"),
    _number("simulated"),
    _number("enrolled_ms"),
    _number("consented_ms", nullable=True),
    _number("last_vote_ms", nullable=True),
    _number("lease_until_ms", nullable=True),  # until then their open pairs count as given out
    _text("completion_code", nullable=True, unique=True),
    UniqueConstraint("source", "external_hmac"),
)
identity = _table("identity", _number("rater_no", "rater.no", primary_key=True), _text("external"))
assignment = _table(
    "assignment",
    _text("id", primary_key=True),
    _number("rater_no", "rater.no"),
    _number("position"),
    _number("comparison_id", "comparison.id"),
    _number("repeat_ix"),
    _number("left_item", "item.id"),
    _number("right_item", "item.id"),
    Column("propensity", _real, nullable=False),
    _text("scheduler"),
    _number("issued_ms"),
    _number("delivered_ms", nullable=True),
    _text("state"),
    _among("state", ("open", "voted", "skipped")),
    UniqueConstraint("rater_no", "comparison_id", "repeat_ix"),
    UniqueConstraint("rater_no", "position"),
)
vote = _table(
    "vote",
    _number("seq", primary_key=True),
    Column("assignment_id", Text, ForeignKey("assignment.id"), nullable=False, unique=True),
    _number("rater_no", "rater.no"),
    _number("comparison_id", "comparison.id"),
    _number("repeat_ix"),
    _number("left_item", "item.id"),
    _number("right_item", "item.id"),
    _text("choice"),
    _text("criteria"),  # JSON: criterion -> choice
    _text("telemetry"),  # JSON: what the page measured
    _text("request_sha256"),
    _number("elapsed_ms"),  # from delivery, or the rater's vote before, by the server's clock
    _number("received_ms"),
    _number("simulated"),
    _text("app_version"),
    _text("prev_hash"),
    _text("hash"),
    _among("choice", CHOICES),
)
event = _table(
    "event",
    _number("seq", primary_key=True),
    _number("at_ms"),
    _text("kind"),  # open, enrol, consent, could_not_play, complete, exclude, include, erase, close
    _text("subject"),  # a rater's pseudonym, an assignment, or the study
    _text("body"),  # JSON
    _text("prev_hash"),
    _text("hash"),
    Index("event_by_kind", "kind"),
)

_APPEND_ONLY = {
    "sqlite": tuple(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'append only'); END"
        for table in ("vote", "event")
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'append only'; END $$",
        *(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
            for table in ("vote", "event")
        ),
    ),
}


def _first(conn: Connection) -> None:
    METADATA.create_all(conn)
    for statement in _APPEND_ONLY[conn.dialect.name]:
        conn.exec_driver_sql(statement)


Migration = Callable[[Connection], None]
MIGRATIONS: tuple[Migration, ...] = (_first,)
"""Step n leads from version n to n + 1. A step that was released is never changed; the next one mends it."""


def migrate(conn: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring the database to the newest version, within the caller's transaction; returns the version.

    Raises `StoreError` for a ledger written by a newer Keepframe: it is never guessed at.
    """
    schema_version.create(conn, checkfirst=True)
    version = max(conn.scalars(select(schema_version.c.version)), default=0)
    if version > len(migrations):
        raise StoreError(
            f"The ledger has schema version {version}; this Keepframe knows {len(migrations)}.",
            "Update: pip install --upgrade keepframe.",
        )
    for step in migrations[version:]:
        step(conn)
        version += 1
        conn.execute(insert(schema_version).values(version=version))
    return version
