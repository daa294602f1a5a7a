"""A run from a spec to stored rows: find the clips, plan, do what is missing, write down how it was got."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.checkpoints.folder import default_device
from bench.errors import KeepframeError
from bench.provenance import environment
from bench.spec import RunSpec
from bench.store import Store
from bench.store_tables import TABLES
from bench.video.footage import Footage, load
from runners import devices, local
from runners.plan import Plan, Task, build, missing
from runners.work import Rows, work

Report = Callable[[str, int, int, str], None]
"""Called as `report(stage, done, total, what)`; stages are `render`, `probe` and `measure`."""


@dataclass(frozen=True)
class Outcome:
    """What a session did: `answers` are (case, system) pairs."""

    plan: Plan
    answers_done: int
    answers_before: int
    seconds: float


def prepare(spec: RunSpec, root: Path, report: Report) -> Plan:
    """Find (or render) the clips and plan; nothing is measured."""
    return build(spec, _footage(spec, root, report))


def execute(
    spec: RunSpec,
    root: Path,
    *,
    workers: int,
    retry: bool = False,
    report: Report,
    entry: Callable[[Task, Store, str], None] = work,
) -> Outcome:
    """Do what is missing of a run. Running it again is the resume; `retry` also tries again what failed.

    Raises KeepframeError for what stops a run (a wrong spec, an empty folder, a full disk). What was stored
    before that stays, also after KeyboardInterrupt.
    """
    store = Store(root)
    return carry_out(prepare(spec, root, report), store, workers=workers, retry=retry, report=report, entry=entry)


def carry_out(
    plan: Plan,
    store: Store,
    *,
    workers: int,
    retry: bool,
    report: Report,
    entry: Callable[[Task, Store, str], None] = work,
) -> Outcome:
    """Do what is missing of a plan, by `entry` for each task; see `execute`."""
    began = time.monotonic()
    session = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    _write_down(plan, store, session, workers)
    _note_problems(plan, store, session)
    tasks = missing(plan, store, retry=retry)
    total = sum(len(task.asks) for task in tasks)
    done = 0
    report("measure", 0, total, "")

    def waiting(at_work: list[Task]) -> None:
        more = f" and {len(at_work) - 2} more" if len(at_work) > 2 else ""
        report("measure", done, total, f"working on {', '.join(task.case.id for task in at_work[:2])}{more}")

    try:
        for ended in local.run(tasks, store.root, session, workers, entry, waiting):
            done += ended.systems
            report("measure", done, total, ended.task.case.id)
    finally:
        for table in TABLES:
            store.compact(table)
    answers = plan.table.group_by(["system", "case", "prediction_key"]).aggregate([])["prediction_key"].to_pylist()
    readable = sum(address not in plan.problems for address in answers)
    return Outcome(plan, done, readable - total, time.monotonic() - began)


def _footage(spec: RunSpec, root: Path, report: Report) -> Footage:
    cache = root / "cache" / "clips.json"
    if spec.footage.path is not None:
        return load(
            Path(spec.footage.path), cache=cache, progress=lambda done, total, name: report("probe", done, total, name)
        )
    from bench.video.procedural import write_set

    assert spec.footage.procedural is not None
    folder = root / "footage" / _set_name(spec)
    write_set(
        folder,
        kinds=spec.footage.procedural,
        seeds=range(spec.footage.seeds),
        seconds=spec.footage.seconds,
        progress=lambda done, total, clip: report("render", done, total, clip.stem),
    )
    return load(folder, cache=cache)


def _set_name(spec: RunSpec) -> str:
    """One folder per set, so that a run on two kinds does not also see the clips of another run."""
    kinds = "+".join(spec.footage.procedural or ())
    return f"{kinds} x{spec.footage.seeds} {spec.footage.seconds:g}s"


def _write_down(plan: Plan, store: Store, session: str, workers: int) -> None:
    """run.json: the spec as it was understood, and this session beside the earlier ones."""
    try:
        earlier: Sequence[dict[str, Any]] = store.find(plan.key)["sessions"]
    except KeepframeError:
        earlier = []
    now = {
        "session": session,
        "started_at": time.time(),
        "command": shlex.join(["keepframe", *sys.argv[1:]]),
        "workers": workers,
        "environment": environment() | {"device": devices.described(default_device())},
    }
    run = {
        "name": plan.spec.name,
        "spec": plan.spec.model_dump(mode="json"),
        "metrics": plan.metrics,
        "unavailable": plan.unavailable,
        "warnings": list(plan.warnings),
        "sessions": [*earlier, now],
    }
    store.save_run(plan.key, run, plan.table)


def _note_problems(plan: Plan, store: Store, session: str) -> None:
    """A video that cannot be read is a failed row for every system, once."""
    known = store.have("failures", "key")
    rows = Rows(store, session)
    for address, problem in plan.problems.items():
        if address not in known:
            rows.add("failures", key=address, stage="open", error="VideoError", message=problem, session=session)
    rows.flush(force=True)
