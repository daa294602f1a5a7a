"""From a spec and its footage to addresses, and from addresses to what is left to do.

Addresses form a chain, so that the right amount is reused and nothing stale is:

    memory     = encoder, its arguments, its code, the clip, how it is decoded, what was declared
    prediction = memory, generator, its arguments, its code, the request, the seed
    score      = prediction, metric, version

The number of workers, and paths and names of files, are in none of these. `Plan.key` is the address of the whole run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench import registry
from bench.digest import digest_bytes, digest_file, key
from bench.errors import UsageError
from bench.memories.weighted import WeightedEncoder
from bench.protocols import Metric
from bench.spec import RunSpec, System
from bench.store import Store
from bench.store_tables import PLAN
from bench.types import Case, Clip, Recall, Size
from bench.video.footage import Footage, Item
from bench.video.read import grid

KEY_VERSION = 1  # raise it when the meaning of an address changes; a golden test holds the addresses


@dataclass(frozen=True)
class Plugin:
    """A resolved plug-in: how to make it again in a worker, and which code it is."""

    ref: str
    args: dict[str, Any]
    code: str
    weights: dict[str, str] = field(default_factory=dict)  # sha256 by name, of an encoder that has weights

    @property
    def identity(self) -> dict[str, Any]:
        # a file of the user's own is known by its code, not by where it lies on this machine
        name = self.ref.rpartition(":")[2] if self.ref.rpartition(":")[0].endswith(".py") else self.ref
        weights = {"weights": self.weights} if self.weights else {}
        return {"ref": name, "args": self.args, "code": self.code, **weights}


@dataclass(frozen=True)
class Ask:
    """One system's share of a case. Artifacts that the store has already are named; the rest is to be made."""

    system: str
    memory: Plugin
    generator: Plugin
    memory_key: str
    prediction_key: str
    scores: dict[str, str]  # metric -> score key, of the scores still missing
    memory_artifact: str | None = None
    prediction_artifact: str | None = None


@dataclass(frozen=True)
class Task:
    """One case, and every system that has something left to do on it: the unit that a worker takes."""

    case: Case
    case_key: str
    cuts: tuple[int, ...] | None
    fps: float
    decode: dict[str, Any]
    declared: bool
    seed: int
    asks: tuple[Ask, ...]
    reference_artifact: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a run is made of."""

    key: str
    spec: RunSpec
    table: pa.Table
    tasks: tuple[Task, ...]
    problems: dict[str, str]  # prediction key -> why the video cannot be read
    unavailable: dict[str, str]  # metric -> what is missing, and the command that fetches it
    metrics: dict[str, str]  # metric -> version
    warnings: tuple[str, ...] = field(default=())


def build(spec: RunSpec, footage: Footage) -> Plan:
    """Resolve every name, check every argument, draw every question; nothing is computed or stored."""
    suite_class = registry.resolve("suite", spec.suite.name)
    suite_args = registry.bind(suite_class, spec.suite.args)
    suite = suite_class(**suite_args)
    systems = [
        (system, _memory(system.memory, system.args), _plugin("generator", system.generator, system.generator_args))
        for system in spec.systems
    ]
    metrics = {ref: _metric(ref) for ref in spec.metrics}
    decode = spec.decode.model_dump()
    rows: list[dict[str, Any]] = []
    tasks: list[Task] = []
    problems: dict[str, str] = {}
    for item in footage.items[: spec.footage.limit]:
        fps = spec.decode.fps or (float(item.clip.fps) if item.clip else 0.0)
        for case in _cases(suite, item, fps):
            case_key = _case_key(suite, case, item, decode)
            declared = suite.queries == "declared"
            told = list(case.request.at_s) if declared and isinstance(case.request, Recall) else None
            past = {"clip": case.clip.digest, "decode": decode, "history_s": case.history_s, "declared": told}
            asks = []
            for system, memory, generator in systems:
                ask = _ask(system.name, memory, generator, metrics, past, case_key, spec.seed)
                asks.append(ask)
                rows += _rows(system, item, case, case_key, ask, metrics)
            if item.problem is None:
                cuts = _grid_cuts(item, fps)
                tasks.append(Task(case, case_key, cuts, fps, decode, declared, spec.seed, tuple(asks)))
            else:
                problems |= {ask.prediction_key: item.problem for ask in asks}
    table = pa.Table.from_pylist(rows, schema=PLAN)
    unavailable = {m.name: missing for m in metrics.values() if (missing := m.available()) is not None}
    identity = [(row["system"], row["case"], row["score_key"]) for row in rows]
    return Plan(
        key=key("run", suite={"name": suite.name, "version": suite.version, "args": suite_args}, scores=identity),
        spec=spec,
        table=table,
        tasks=tuple(tasks),
        problems=problems,
        unavailable=unavailable,
        metrics={m.name: m.version for m in metrics.values()},
        warnings=footage.warnings,
    )


def _ask(
    system: str,
    memory: Plugin,
    generator: Plugin,
    metrics: Mapping[str, Metric],
    past: Mapping[str, Any],
    case_key: str,
    seed: int,
) -> Ask:
    """The chain of addresses of one system on one case; `past` is the history that its memory is made of."""
    memory_key = key("memory", version=KEY_VERSION, encoder=memory.identity, **past)
    prediction_key = key("prediction", memory=memory_key, generator=generator.identity, case=case_key, seed=seed)
    scores = {
        ref: key("score", prediction=prediction_key, metric=metric.name, version=metric.version)
        for ref, metric in metrics.items()
    }
    return Ask(system, memory, generator, memory_key, prediction_key, scores)


def _rows(
    system: System, item: Item, case: Case, case_key: str, ask: Ask, metrics: Mapping[str, Metric]
) -> list[dict[str, Any]]:
    """Of the plan's table: one for each metric."""
    shared = {
        "case": case.id,
        "group": case.group,
        "file": item.name,
        "tags": list(item.tags),
        "horizon_s": case.horizon_s,
        "case_key": case_key,
        "system": system.name,
        "curve": system.curve,
        "baseline": system.role != "tested",
        "memory_key": ask.memory_key,
        "prediction_key": ask.prediction_key,
    }
    return [
        shared
        | {
            "metric": metric.name,
            "metric_version": metric.version,
            "unit": metric.unit,
            "better": metric.better,
            "score_key": ask.scores[ref],
        }
        for ref, metric in metrics.items()
    ]


def missing(plan: Plan, store: Store, *, retry: bool = False) -> list[Task]:
    """The tasks that have something left to do, each cut down to that. Hardest (longest) first.

    What failed before counts as done unless `retry`: a failure is a result.
    """
    done = store.have("scores", "score_key") | _unavailable_scores(plan)
    failed = set() if retry else store.have("failures", "key")
    memories = store.artifacts("memories")
    predictions = store.artifacts("predictions")
    references = store.artifacts("references")
    left = []
    for task in plan.tasks:
        asks = []
        for ask in task.asks:
            scores = {ref: k for ref, k in ask.scores.items() if k not in done and k not in failed}
            if scores and ask.prediction_key not in failed:
                asks.append(
                    replace(
                        ask,
                        scores=scores,
                        memory_artifact=memories.get(ask.memory_key),
                        prediction_artifact=predictions.get(ask.prediction_key),
                    )
                )
        if asks:
            left.append(replace(task, asks=tuple(asks), reference_artifact=references.get(task.case_key)))
    return sorted(left, key=lambda task: -task.case.history_s * len(task.asks))


def _unavailable_scores(plan: Plan) -> set[str]:
    """The scores whose metric cannot run here. A plug-in metric's name need not be the reference that names it."""
    names = pa.array(list(plan.unavailable), pa.string())
    return set(plan.table.filter(pc.is_in(plan.table["metric"], names))["score_key"].to_pylist())


def _cases(suite: Any, item: Item, fps: float) -> list[Case]:
    if item.clip is None:  # one case, so that the file shows up as failed and not as absent
        broken = Clip(item.path, _digest(item), Fraction(1), Size(0, 0), (), 0.0)
        return [Case(item.name, broken, Recall(()), item.name, suite.horizons_s[0], 0.0)]
    return list(suite.cases(item.clip, item.name, fps))


def _case_key(suite: Any, case: Case, item: Item, decode: Mapping[str, Any]) -> str:
    request = (
        {"recall": list(case.request.at_s)} if isinstance(case.request, Recall) else {"continue": case.request.seconds}
    )
    cuts = None if item.cuts is None else list(item.cuts)
    return key(
        "case",
        suite=suite.name,
        version=suite.version,
        clip=case.clip.digest,
        decode=dict(decode),
        request=request,
        history_s=case.history_s,
        cuts=cuts,
    )


def _grid_cuts(item: Item, fps: float) -> tuple[int, ...] | None:
    """Annotated cuts, from the file's frame indices to those of the constant-rate history."""
    if item.cuts is None or item.clip is None:
        return None
    shown = grid(item.clip, fps, None)
    first: dict[int, int] = {}
    for index, source in enumerate(shown):
        first.setdefault(source, index)
    return tuple(first[cut] for cut in item.cuts if cut in first)


def _digest(item: Item) -> str:
    if item.clip is not None:
        return item.clip.digest
    try:
        return digest_file(item.path)
    except OSError:  # absent or unreadable: its problem is all that is known of it
        return digest_bytes(f"{item.name} {item.problem}".encode())


def _memory(ref: str, args: dict[str, Any]) -> Plugin:
    plugin = _plugin("memory", ref, args)
    inner = plugin.args.get("of")
    if isinstance(inner, str):  # a control wraps another memory, whose code is part of what it is
        code = key("code", outer=plugin.code, inner=_plugin("memory", inner, plugin.args.get("args") or {}).code)
        return replace(plugin, code=code)
    return plugin


def _plugin(kind: str, ref: str, args: dict[str, Any]) -> Plugin:
    target = registry.resolve(kind, ref)
    bound = registry.bind(target, args)
    plugin = target(**bound)  # a wrong value is an error now, not in the middle of the night
    weights = dict(plugin.weights()) if isinstance(plugin, WeightedEncoder) else {}
    return Plugin(ref, bound, registry.code_digest(target), weights)


def _metric(ref: str) -> Metric:
    metric = registry.resolve("metric", ref)()
    if not isinstance(metric, Metric):
        raise UsageError(
            f"{ref} is not a metric: it lacks one of name, version, unit, better, available, __call__.",
            "See Metric in bench/protocols.py.",
        )
    return metric
