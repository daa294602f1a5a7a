"""What a command line names as baseline or candidate, and the run that stands for it.

spec.toml            measured first, as far as it is missing; only the system that is checked
RUN, RUN/SYSTEM      a run of the store: its key, the first digits of it, its name, or `latest`
weights.safetensors  a checkpoint file, with --spec: it takes the place of `checkpoint` in the system's arguments
NAME                 a baseline of baselines.lock.json
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pydantic import ValidationError

from bench import baselines, registry
from bench.digest import digest_file, key
from bench.errors import KeepframeError, NotComparableError, StoreError, UsageError, did_you_mean
from bench.spec import RunSpec, System, load
from bench.store import Results, Store
from bench.weights_catalogue import CATALOGUE
from reports.gate.verdicts import Side
from runners.plan import Plan
from runners.session import prepare

ARGUMENT = "checkpoint"  # of a system that a checkpoint file can be put into


@dataclass(frozen=True)
class Subject:
    """A system of a run; `noise` is what the lock file knows of its noise floor."""

    results: Results
    side: Side
    noise: Mapping[str, float]


@dataclass(frozen=True)
class Finder:
    """How references are turned into subjects: in which store, by which spec and system where they leave it open.

    `measure` does what is missing of a spec, and returns its plan.
    """

    store: Store
    lock: Path
    measure: Callable[[RunSpec], Plan]
    spec: Path | None = None
    overrides: tuple[str, ...] = ()
    system: str | None = None

    def find(self, reference: str) -> Subject:
        """The subject that a reference names; see `locate`."""
        return self.locate(reference)()

    def locate(self, reference: str) -> Callable[[], Subject]:
        """What gives the subject, after doing what is missing of a spec or a checkpoint. Whatever is wrong with the
        reference is found before: nobody waits for a baseline to learn that the candidate was misspelt.

        Raises UsageError for what names nothing, NotComparableError for a baseline that is not what was promoted.
        """
        path = Path(reference)
        if path.suffix == ".toml":
            return self._measured(reference, load(path, self.overrides), None)
        if path.is_file():
            return self._checkpoint(reference, path)
        lock = baselines.load(self.lock)
        if reference in lock.baselines:
            found = self._promoted(reference, lock.get(reference))
        else:
            found = self._stored(reference, [*lock.baselines])
        return lambda: found

    def with_weights(self, found: Subject) -> Subject:
        """The same with its weights, if its spec still gives the very run: a file may have been written over since."""
        if found.side.weights:
            return found
        try:
            plan = prepare(RunSpec.model_validate(found.results.run["spec"]), self.store.root, lambda *_: None)
        except (KeepframeError, ValidationError):  # footage that is gone, videos that no memory made
            return found
        weights = _weights(plan, found.side.system) if plan.key == found.results.key else {}
        return replace(found, side=replace(found.side, weights=weights))

    def _checkpoint(self, reference: str, path: Path) -> Callable[[], Subject]:
        if self.spec is None:
            raise UsageError(f"{path} is a checkpoint; which system reads it?", "Name its spec: --spec spec.toml")
        spec = load(self.spec, self.overrides)
        takes = [s.name for s in spec.systems if _takes_checkpoint(s)]
        name = self.system or _only(takes, f"{self.spec} has no single system with an argument {ARGUMENT!r}", takes)
        if name not in takes:
            what = f"{self.spec} has no system {name!r} with an argument {ARGUMENT!r}."
            raise UsageError(what, did_you_mean(name, takes))
        digest = digest_file(path)
        kept = str(_keep(self.store, path, digest))
        systems = tuple(
            s.model_copy(update={"args": {**s.args, ARGUMENT: kept}}) if s.name == name else s for s in spec.systems
        )
        return self._measured(reference, spec.model_copy(update={"systems": systems}), name)

    def _measured(self, reference: str, spec: RunSpec, system: str | None) -> Callable[[], Subject]:
        tested = [s.name for s in spec.systems if s.role == "tested"]
        name = system or self.system or _only(tested, f"{reference} tests several systems or none", tested)
        chosen = tuple(s for s in spec.systems if s.name == name)
        if not chosen:
            raise UsageError(f"{reference} has no system {name!r}.", did_you_mean(name, [s.name for s in spec.systems]))
        only = spec.model_copy(update={"systems": chosen})

        def measured() -> Subject:
            plan = self.measure(only)
            return _subject(reference, self.store.results(plan.key), name, _weights(plan, name))

        return measured

    def _stored(self, reference: str, promoted: list[str]) -> Subject:
        try:
            run, name = self.store.find(reference), self.system
        except (UsageError, StoreError) as error:
            place, slash, named = reference.partition("/")
            if not slash:
                known = f" Baselines: {', '.join(promoted)}." if promoted else ""
                raise UsageError(f"{reference!r} is no spec, file, baseline or run.", f"{error.mend}{known}") from error
            run, name = self.store.find(place), named
        results = self.store.results(run["key"])
        if name is None:
            planned = results.planned.filter(pc.invert(results.planned["baseline"]))
            tested = sorted(pc.unique(planned["system"]).to_pylist())
            name = _only(tested, f"Run {run['key'][:8]} tests several systems or none", tested)
        return _subject(reference, results, name)

    def _promoted(self, reference: str, entry: baselines.Baseline) -> Subject:
        """The run that was promoted, if it still is what it was."""
        try:
            results = self.store.results(entry.run)
        except (UsageError, StoreError) as error:
            raise NotComparableError(
                f"The baseline {reference!r} is run {entry.run[:8]}, which {self.store.root} does not hold.",
                "Run its spec here (what is stored elsewhere can be copied), or promote another run.",
            ) from error
        found = _subject(reference, results, entry.system)
        for name, digest in weights_of(entry.metrics).items():
            if entry.weights.get(name, digest) != digest:
                raise NotComparableError(
                    f"The baseline {reference!r} was scored with other weights of {name}.",
                    "Run its spec with this Keepframe and promote that run.",
                )
        if entry.cases != cases_digest(results, entry.system):
            raise NotComparableError(
                f"The baseline {reference!r} was promoted with other cases than run {entry.run[:8]} has now.",
                "Promote it again: keepframe baseline promote RUN --reason WHY",
            )
        return replace(found, noise=entry.noise)


def cases_digest(results: Results, system: str) -> str:
    """The digest of every question that a system was asked: clips, moments, decode settings."""
    mine = results.planned.filter(pc.equal(results.planned["system"], system))
    return key("cases", cases=sorted(set(zip(mine["case"].to_pylist(), mine["case_key"].to_pylist(), strict=True))))


def weights_of(metrics: Mapping[str, str]) -> dict[str, str]:
    """The published weights that these metrics are computed with: file -> sha256, as far as it is known."""
    return {f.name: f.sha256 for f in CATALOGUE if f.sha256 and not set(f.needed_by).isdisjoint(metrics)}


def _subject(reference: str, results: Results, system: str, weights: dict[str, str] | None = None) -> Subject:
    known = {s["name"]: s for s in results.run["spec"]["systems"]}
    if system not in known:
        raise UsageError(f"Run {results.key[:8]} has no system {system!r}.", did_you_mean(system, known))
    sessions: list[dict[str, Any]] = results.run.get("sessions") or [{}]
    side = Side(reference, results.key, system, weights or {}, sessions[-1].get("environment") or {})
    return Subject(results, side, {})


def _weights(plan: Plan, system: str) -> dict[str, str]:
    """What the memory says that it is made with; else the digest of its checkpoint, where that is a file."""
    memories = (ask.memory for task in plan.tasks for ask in task.asks if ask.system == system)
    memory = next(memories, None)
    if memory is None or memory.weights:
        return {} if memory is None else dict(memory.weights)
    path = memory.args.get(ARGUMENT)
    return {ARGUMENT: digest_file(Path(path))} if isinstance(path, str) and Path(path).is_file() else {}


def _takes_checkpoint(system: System) -> bool:
    import inspect

    return ARGUMENT in inspect.signature(registry.resolve("memory", system.memory)).parameters


def _keep(store: Store, path: Path, digest: str) -> Path:
    """A copy of the checkpoint under its digest: training writes over `last.pt`, and results go by arguments."""
    kept = (store.root / "checkpoints" / digest[:32] / path.name).resolve()
    if not kept.exists():
        aside = kept.with_name(f".{kept.name}.{os.getpid()}.part")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, aside)
            aside.replace(kept)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(f"Cannot copy {path} to {kept}: {error.strerror}.", "Make room.") from error
    return kept


def _only(names: list[str], problem: str, known: list[str]) -> str:
    if len(names) != 1:
        raise UsageError(f"{problem}.", f"Name one with --system. There are: {', '.join(known) or 'none'}.")
    return names[0]
