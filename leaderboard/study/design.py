"""What is compared with what: the fixed part of a ledger, written once when the study is made.

Its digest stands in the study's row and in the first event of the chain, so a comparison that is turned round later is
found by `verify`.
"""

import itertools
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from bench.digest import digest_bytes
from bench.errors import StoreError
from leaderboard.study import schema
from leaderboard.study.chain import Appender
from leaderboard.study.config import StudyConfig
from leaderboard.study.engine import engine, lock_of
from leaderboard.study.raters import summary
from leaderboard.study.writer import unavailable


@dataclass(frozen=True)
class Clip:
    """One video that raters may see. `media` is its opaque file name; `role` is clip, spoilt or card."""

    system: str
    prompt: str
    media: str
    media_sha256: str
    duration_ms: int
    fps: float
    role: str = "clip"


@dataclass(frozen=True)
class Check:
    """A pair whose answer is known, both clips by media: `expected` is "a" or "b" (gold, practice), or the side that
    a trap's card asks for."""

    kind: str
    a: str
    b: str
    expected: str


@dataclass(frozen=True)
class Design:
    """All clips and checks; every two systems are compared on every prompt."""

    prompts: dict[str, str]  # name -> text for the rater
    clips: tuple[Clip, ...]
    checks: tuple[Check, ...] = ()

    @property
    def systems(self) -> tuple[str, ...]:
        """In alphabetical order."""
        return tuple(sorted({clip.system for clip in self.clips}))


def write_design(url: str, config: StudyConfig, design: Design, now_ms: int) -> str:
    """Make the ledger of a new study; returns the study's id. Raises `StoreError` where there is one already."""
    return _write(url, config, _rows(design), now_ms)


def design_digest(conn: Connection, terms: str) -> str:
    """The digest of everything that was decided before the first vote. `terms`: the study's config as it is stored, so
    that a later Keepframe, which knows more terms, finds the same digest."""
    return digest_bytes((terms + summary(conn)).encode())


def _rows(design: Design) -> dict[str, list[dict[str, Any]]]:
    systems = {name: no for no, name in enumerate(design.systems, 1)}
    prompts = {name: no for no, name in enumerate(sorted(design.prompts), 1)}
    items: list[dict[str, Any]] = [
        {
            "id": no,
            "system_id": systems[clip.system],
            "prompt_id": prompts[clip.prompt],
            "role": clip.role,
            "media": clip.media,
            "media_sha256": clip.media_sha256,
            "duration_ms": clip.duration_ms,
            "fps": clip.fps,
        }
        for no, clip in enumerate(design.clips, 1)
    ]
    by_media = {row["media"]: row for row in items}
    pairs: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
        ("real", first, second, None)
        for prompt in prompts.values()
        for first, second in itertools.combinations(_shown_on(prompt, items), 2)
    ]
    pairs += [(check.kind, by_media[check.a], by_media[check.b], check.expected) for check in design.checks]
    comparisons = [
        {
            "id": no,
            "prompt_id": a["prompt_id"],
            "item_a": a["id"],
            "item_b": b["id"],
            "kind": kind,
            "expected": expected,
        }
        for no, (kind, a, b, expected) in enumerate(pairs, 1)
    ]
    return {
        "system": [{"id": no, "name": name} for name, no in systems.items()],
        "prompt": [{"id": no, "name": name, "text": design.prompts[name]} for name, no in prompts.items()],
        "item": items,
        "comparison": comparisons,
    }


def _shown_on(prompt: int, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clips of a prompt, in the order of their systems."""
    clips = [row for row in items if row["prompt_id"] == prompt and row["role"] == "clip"]
    return sorted(clips, key=lambda row: row["system_id"])


def copy_design(source_url: str, target_url: str, now_ms: int) -> str:
    """A new ledger with the design and terms of another, and none of its raters or votes; returns the new id."""
    read = engine(source_url, write=False)
    try:
        with read.begin() as conn:
            config = StudyConfig.model_validate_json(conn.scalars(select(schema.study.c.config)).one())
            rows = {
                table.name: [dict(row) for row in conn.execute(select(table)).mappings()]
                for table in (schema.system, schema.prompt, schema.item, schema.comparison)
            }
    finally:
        read.dispose()
    return _write(target_url, config, rows, now_ms)


def _write(url: str, config: StudyConfig, rows: dict[str, list[dict[str, Any]]], now_ms: int) -> str:
    lock = lock_of(url)
    made = engine(url, write=True)
    try:
        with made.begin() as conn:
            if inspect(conn).has_table("study") and conn.scalar(select(func.count()).select_from(schema.study)):
                raise StoreError("There is a study in this ledger already.", "Name another folder or database.")
            schema.migrate(conn)
            name = secrets.token_hex(8)
            for table, own in rows.items():
                conn.execute(insert(schema.METADATA.tables[table]), own)
            terms = config.model_dump_json()
            digest = design_digest(conn, terms)
            study = {"id": name, "config": terms, "design_sha256": digest, "created_ms": now_ms}
            conn.execute(insert(schema.study).values(**study))
            systems = [row["name"] for row in rows["system"]]
            Appender(conn).event(now_ms, "open", name, design_sha256=digest, systems=systems)
    except DBAPIError as error:
        raise unavailable(error) from error
    finally:
        made.dispose()
        if lock is not None:
            lock.release()
    return name
