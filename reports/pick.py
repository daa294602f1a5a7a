"""Systems to compare, from one run or from several: `NAME`, or `RUN/NAME`."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError, UsageError, did_you_mean
from bench.store import Results, Store

TABLES = ("planned", "scores", "rates", "failures")


def pick(store: Store, run: str, references: Sequence[str]) -> tuple[Results, list[str]]:
    """The tables of `run` and of every run that a reference names, and what each reference is called in them.

    Systems of other runs are called `RUN/NAME`, as they were asked for. Whether they can be compared (same cases,
    same metric versions) is for `reports.compare` to say.
    """
    results = store.results(run)
    names = []
    for reference in references:
        own = _systems(results)
        if reference in own:
            names.append(reference)
            continue
        place, slash, name = reference.partition("/")
        if not slash:
            raise UsageError(f"Run {results.key[:8]} has no system {reference!r}.", did_you_mean(reference, own))
        try:
            other = store.results(place)
        except (UsageError, StoreError) as error:
            what = f"{reference!r} names neither a system of run {results.key[:8]} nor RUN/SYSTEM."
            raise UsageError(what, str(error)) from error
        if name not in _systems(other):
            raise UsageError(f"Run {place} has no system {name!r}.", did_you_mean(name, _systems(other)))
        results = _joined(results, other, name, reference)
        names.append(reference)
    return results, names


def _systems(results: Results) -> set[str]:
    return set(pc.unique(results.planned["system"]).to_pylist())


def _joined(results: Results, other: Results, name: str, label: str) -> Results:
    return replace(
        results,
        **{t: pa.concat_tables([getattr(results, t), _renamed(getattr(other, t), name, label)]) for t in TABLES},
    )


def _renamed(table: pa.Table, name: str, label: str) -> pa.Table:
    mine = table.filter(pc.equal(table["system"], name))
    column = mine.schema.get_field_index("system")
    return mine.set_column(column, mine.schema.field(column), pa.array([label] * len(mine), pa.string()))
