"""Costs in a store: raw samples as rows of `timings`, the rest as one document a session.

    <root>/timings/*.parquet               subject_key = the cost's key, stage = phase/section/stage
    <root>/costs/<key>/<session>.json      profile, environment, memory, outcome, formulas

The key is made of the profile and of the environment, so figures of two machines, drivers or commits never meet.
"""

import itertools
import json
import os
import time
from dataclasses import dataclass
from typing import Any

from bench.errors import StoreError
from bench.store import Store
from runners.meter import Sample
from suites.cost.profile import Profile

_count = itertools.count()


@dataclass(frozen=True)
class Cost:
    """One session's measurement. `time` and `memory` are the documents of the two passes, without samples."""

    key: str
    session: str
    profile: Profile
    environment: dict[str, Any]
    time: dict[str, Any] | None
    memory: dict[str, Any] | None
    samples: tuple[Sample, ...]

    @property
    def outcome(self) -> str:
        """`done` where both passes were; else what became of the first that was not."""
        passes = [one["outcome"] for one in (self.time, self.memory) if one is not None]
        return next((outcome for outcome in passes if outcome != "done"), "done")


def save(store: Store, profile: Profile, passes: dict[str, dict[str, Any]]) -> Cost:
    """Keep what the passes (`time`, `memory`) found. The document goes last: it vouches for the rows."""
    environment: dict[str, Any] = next((one["environment"] for one in passes.values() if "environment" in one), {})
    address = profile.key(environment)
    session = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{next(_count)}"
    timed = passes.get("time")
    samples = tuple(Sample(**one) for one in timed.get("samples", ())) if timed else ()
    rows = [
        {"subject_key": address, "stage": s.label, "wall_ms": s.wall_ms, "cpu_ms": s.cpu_ms, "session": session}
        for s in samples
    ]
    store.add("timings", rows)
    documents = {
        name: {k: v for k, v in one.items() if k not in ("samples", "environment")} for name, one in passes.items()
    }
    path = store.root / "costs" / address / f"{session}.json"
    whole = {"profile": profile.as_dict(), "environment": environment, "saved_at": time.time(), **documents}
    aside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror}.", "Mend the permissions, or make room.") from error
    return Cost(address, session, profile, environment, documents.get("time"), documents.get("memory"), samples)


def load(store: Store) -> list[Cost]:
    """Every measurement of a store, the oldest first. Raises StoreError for a damaged document."""
    found = []
    for path in store.root.glob("costs/*/*.json"):
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            saved_at, profile = float(whole["saved_at"]), Profile(**whole["profile"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged: {error!r}.", "Delete it and run keepframe cost again.") from error
        found.append((saved_at, path, profile, whole))
    rows: dict[str, list[Sample]] = {}
    for row in store.rows("timings", {path.parent.name for _, path, _, _ in found}):
        phase, section, stage = row["stage"].split("/", 2)
        sample = Sample(phase, int(section), stage, row["wall_ms"], row["cpu_ms"])
        rows.setdefault(row["session"], []).append(sample)
    return [
        Cost(
            path.parent.name,
            path.stem,
            profile,
            whole["environment"],
            whole.get("time"),
            whole.get("memory"),
            tuple(rows.get(path.stem, ())),
        )
        for _, path, profile, whole in sorted(found, key=lambda one: (one[0], one[1].name))
    ]
