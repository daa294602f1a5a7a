"""Costs in a store: raw samples as rows of `timings`, the rest as one document a measurement.

    <root>/timings/*.parquet               subject_key = the cost's key, stage = phase/section/stage
    <root>/costs/<key>/<session>.json      profile, environment, the two passes: what was asked, what came of it

The key is made of the profile and of the environment, so figures of two machines, drivers or commits never meet.
"""

import itertools
import json
import os
import time
from dataclasses import dataclass, replace
from typing import Any

from bench.errors import StoreError
from bench.store import Store
from runners.meter import Sample
from suites.cost.profile import Profile

_count = itertools.count()


@dataclass(frozen=True)
class Cost:
    """One measurement. `time` and `memory` are the documents of the two passes, without samples; `comparison` says
    where it stood in one: `of` which, `round`, `place` (0 to 3), `arm` (A or B)."""

    key: str
    session: str
    profile: Profile
    environment: dict[str, Any]
    time: dict[str, Any] | None
    memory: dict[str, Any] | None
    samples: tuple[Sample, ...]
    saved_at: float = 0.0  # seconds since 1970
    comparison: dict[str, Any] | None = None

    @property
    def outcome(self) -> str:
        """`done` where both passes were; else what became of the first that was not."""
        passes = [one["outcome"] for one in (self.time, self.memory) if one is not None]
        return next((outcome for outcome in passes if outcome != "done"), "done")


def save(
    store: Store,
    profile: Profile,
    passes: dict[str, dict[str, Any]],
    *,
    beside: Cost | None = None,
    comparison: dict[str, Any] | None = None,
) -> Cost:
    """Keep what the passes (`time`, `memory`) found; `beside` is the same measurement with those it had before.

    The document goes last: it vouches for the rows.
    """
    if beside is None:
        environment: dict[str, Any] = next((one["environment"] for one in passes.values() if "environment" in one), {})
        session = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{next(_count)}"
        beside = Cost(profile.key(environment), session, profile, environment, None, None, ())
    timed = passes.get("time")
    samples = tuple(Sample(**one) for one in timed.get("samples", ())) if timed else ()
    rows = [
        {
            "subject_key": beside.key,
            "stage": s.label,
            "wall_ms": s.wall_ms,
            "cpu_ms": s.cpu_ms,
            "session": beside.session,
        }
        for s in samples
    ]
    store.add("timings", rows)
    documents = {
        name: {k: v for k, v in one.items() if k not in ("samples", "environment")} for name, one in passes.items()
    }
    found = replace(
        beside,
        time=documents.get("time", beside.time),
        memory=documents.get("memory", beside.memory),
        samples=(*beside.samples, *samples),
        saved_at=time.time(),
        comparison=comparison,
    )
    whole = {"profile": profile.as_dict(), "environment": found.environment, "saved_at": found.saved_at}
    parts = {"time": found.time, "memory": found.memory, "comparison": comparison}
    whole |= {name: part for name, part in parts.items() if part is not None}
    path = store.root / "costs" / found.key / f"{found.session}.json"
    aside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror}.", "Mend the permissions, or make room.") from error
    return found


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
            saved_at,
            whole.get("comparison"),
        )
        for saved_at, path, profile, whole in sorted(found, key=lambda one: (one[0], one[1].name))
    ]
