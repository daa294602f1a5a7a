"""`baselines.lock.json`: which run is the baseline, and why. A small file that is committed beside the code.

What a candidate has to match is a decision of people, so it changes only by `keepframe baseline promote --reason`, and
the file shows in a review what changed. It names the run by its address and writes down what that address stands for
(questions, metrics, weights, checkpoint, environment), so a baseline that is not what it was can be told.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import NotComparableError, StoreError, UsageError, did_you_mean

SCHEMA = 1
FILE = Path("baselines.lock.json")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Promotion(_Frozen):
    """Who made which run the baseline, when (UTC, ISO 8601) and why."""

    run: str
    by: str
    at: str
    reason: str = Field(min_length=1)


class Baseline(_Frozen):
    """One baseline. `cases` is the digest of all questions; `noise` is the noise floor by metric, where calibrated."""

    run: str
    system: str
    suite: str
    videos: int
    cases: str
    checkpoints: dict[str, str]  # weights of the system -> sha256
    metrics: dict[str, str]  # metric -> version
    weights: dict[str, str]  # published weights of the metrics -> sha256
    noise: dict[str, float]
    environment: dict[str, Any]
    promotions: tuple[Promotion, ...] = Field(min_length=1)  # the last one holds


class Lock(_Frozen):
    """The whole file."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    baselines: dict[str, Baseline] = Field(default_factory=dict)

    def get(self, name: str) -> Baseline:
        """The baseline of this name. Raises UsageError with the names that there are."""
        if name not in self.baselines:
            raise UsageError(
                f"There is no baseline {name!r}.",
                did_you_mean(name, self.baselines) or "keepframe baseline promote RUN --reason WHY makes one.",
            )
        return self.baselines[name]


def load(path: Path = FILE) -> Lock:
    """The lock file; an empty one where there is none.

    Raises NotComparableError for a file of another schema, StoreError for a damaged one.

    >>> load(Path("no-such-file.json")).baselines
    {}
    """
    if not path.exists():
        return Lock(schema=1)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        schema = data["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: {error}.", f"Restore it: git checkout {path.name}") from error
    if schema != SCHEMA:
        raise NotComparableError(
            f"{path} has schema {schema}; this Keepframe reads schema {SCHEMA}.",
            "Use the Keepframe that wrote it, or promote the baseline again.",
        )
    try:
        return Lock.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{path} is damaged: {place}: {first['msg']}.", f"git checkout {path.name}") from error


def promote(path: Path, name: str, baseline: Baseline) -> None:
    """Make this the baseline `name`, behind the promotions of those before it.

    Raises StoreError where the file cannot be written.
    """
    lock = load(path)
    earlier = lock.baselines[name].promotions if name in lock.baselines else ()
    entry = baseline.model_copy(update={"promotions": (*earlier, *baseline.promotions)})
    whole = Lock(schema=1, baselines=dict(sorted({**lock.baselines, name: entry}.items())))
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(whole.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"Cannot write {path}: {error.strerror}.", "Mend the permissions.") from error
