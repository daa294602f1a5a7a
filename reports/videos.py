"""From a store's rows to one number per case and per video: the step after which everything is statistics.

A case's score is the mean over its moments, summed exactly (`math.fsum`), so the order in which workers wrote the
rows cannot change a digit. A video's score is the mean over its cases. Cases are ordered by video and name,
and a case that has no score is NaN, so that what is missing is left out of a pair on both sides.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64

from bench.errors import KeepframeError, NotComparableError, StoreError, UsageError, did_you_mean
from bench.store import Results
from reports.comparison import MetricInfo
from reports.glossary import ceilings

RATES = ("bytes", "tokens", "floats", "encode_ms")  # these are divided by the length of the history


@dataclass(frozen=True)
class Plan:
    """What was to be measured: names in their fixed order. Cases of one video are neighbours."""

    systems: tuple[str, ...]
    curves: tuple[str, ...]  # of each system
    tested: tuple[bool, ...]  # of each system: neither a baseline nor a ceiling of the spec
    ceiling: tuple[bool, ...]  # of each system: it bounds the others, and is no contender
    metrics: tuple[MetricInfo, ...]
    cases: tuple[str, ...]
    videos: tuple[str, ...]
    video_of: Int64[np.ndarray, " case"]
    tags: tuple[frozenset[str], ...]  # of each case
    horizons_s: Float64[np.ndarray, " case"]
    asked: Bool[np.ndarray, "system case"]

    @cached_property
    def starts(self) -> Int64[np.ndarray, " video"]:
        """The first case of each video."""
        return np.searchsorted(self.video_of, np.arange(len(self.videos)))


@dataclass(frozen=True)
class CaseScores:
    """`means[metric, system, case]` over the case's moments, NaN where there is none, and how many `moments`.

    `exact[metric, system]` counts the moments at which the memory had kept the asked frame itself.
    """

    plan: Plan
    means: Float64[np.ndarray, "metric system case"]
    moments: Int64[np.ndarray, "metric system case"]
    exact: Int64[np.ndarray, "metric system"]

    def differences(self, metric: int, systems: Sequence[int] | slice, against: int) -> np.ndarray:
        """Per case, `systems` less `against`, + for better: [system, case]. NaN unless both answered the same
        number of moments."""
        gap = self.plan.metrics[metric].sign * (self.means[metric, systems] - self.means[metric, against])
        return np.where(self.moments[metric, systems] == self.moments[metric, against], gap, np.nan)


def read_plan(results: Results, systems: Sequence[str] | None = None) -> Plan:
    """What a run planned, for all its systems or these, in the order of the names (metrics: of the spec).

    Raises `UsageError` for a system that the run does not have, and `NotComparableError` when a metric's version or
    a case's content is not the same for all of them.
    """
    planned = results.planned
    known = sorted(pc.unique(planned["system"]).to_pylist())
    for name in systems or ():
        if name not in known:
            raise UsageError(f"The run has no system {name!r}.", did_you_mean(name, known))
    names = tuple(dict.fromkeys(systems)) if systems is not None else tuple(known)
    planned = planned.filter(pc.is_in(planned["system"], pa.array(names, pa.string())))
    if not planned.num_rows:
        raise StoreError("The run planned no case.", "Look at its footage: keepframe run SPEC --dry-run.")
    about = {row["system"]: row for row in _unique(planned, "system", "curve", "baseline")}
    cases = sorted(_unique(planned, "case", "group", "horizon_s", "case_key"), key=lambda r: (r["group"], r["case"]))
    for one, other in itertools.pairwise(cases):
        if one["case"] == other["case"]:
            raise NotComparableError(
                f"Case {one['case']!r} is not the same for all systems: its clip, moments or decode settings differ.",
                "Run the systems with one spec, or compare those that share it.",
            )
    bounds = ceilings(results.run.get("spec") or {})
    case_names = tuple(row["case"] for row in cases)
    videos = tuple(dict.fromkeys(row["group"] for row in cases))
    number = {video: i for i, video in enumerate(videos)}
    asked = np.zeros((len(names), len(cases)), dtype=bool)
    asked[codes(planned["system"], names), codes(planned["case"], case_names)] = True
    tags = dict(zip(planned["case"].to_pylist(), planned["tags"].to_pylist(), strict=True))
    return Plan(
        systems=names,
        curves=tuple(about[name]["curve"] or name for name in names),
        tested=tuple(not about[name]["baseline"] and name not in bounds for name in names),
        ceiling=tuple(name in bounds for name in names),
        metrics=_metrics(planned, results),
        cases=case_names,
        videos=videos,
        video_of=np.array([number[row["group"]] for row in cases], dtype=np.int64),
        tags=tuple(frozenset(tags[name] or ()) for name in case_names),
        horizons_s=np.array([row["horizon_s"] for row in cases], dtype=np.float64),
        asked=asked,
    )


def _metrics(planned: pa.Table, results: Results) -> tuple[MetricInfo, ...]:
    spec_order = list(results.run.get("metrics") or ())
    found: dict[str, MetricInfo] = {}
    for row in _unique(planned, "metric", "metric_version", "unit", "better"):
        info = MetricInfo(row["metric"], row["metric_version"], row["unit"], row["better"])
        if found.setdefault(info.name, info) != info:
            versions = sorted({found[info.name].version, info.version})
            raise NotComparableError(
                f"The systems were scored by different versions of {info.name}: {' and '.join(versions)}.",
                "Run both specs again: only the scores are made anew, no model runs twice.",
            )
    place = {name: i for i, name in enumerate(spec_order)}
    return tuple(sorted(found.values(), key=lambda m: (place.get(m.name, len(place)), m.name)))


def case_scores(results: Results, plan: Plan) -> CaseScores:
    """The exact mean over the moments of each planned case.

    Raises `KeepframeError` for a score that is not a finite number (a metric caps, or fails), and `StoreError`
    for a moment that was scored twice.
    """
    scores = results.scores
    metrics = tuple(metric.name for metric in plan.metrics)
    metric, system, case = (
        codes(scores[column], names)
        for column, names in (("metric", metrics), ("system", plan.systems), ("case", plan.cases))
    )
    moment = scores["moment"].to_numpy().astype(np.int64)
    value = scores["value"].to_numpy()
    hit = scores["exact"].to_numpy()
    wanted = (metric >= 0) & (system >= 0) & (case >= 0)
    if not wanted.all():
        metric, system, case, moment, value, hit = (a[wanted] for a in (metric, system, case, moment, value, hit))
    shape = (len(metrics), len(plan.systems), len(plan.cases))
    exact = np.bincount((metric * shape[1] + system)[hit], minlength=shape[0] * shape[1]).reshape(shape[:2])
    cell = (metric * shape[1] + system) * shape[2] + case
    if not np.isfinite(value).all():
        i = int(np.argmin(np.isfinite(value)))
        raise KeepframeError(
            f"{metrics[metric[i]]} of {plan.systems[system[i]]!r} on case {plan.cases[case[i]]!r} is {value[i]}.",
            "A metric must cap what is infinite and fail on what it cannot score; give it a new version when mended.",
        )
    means, moments = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    if len(value):
        address = cell * (int(moment.max()) + 1) + moment
        order = np.argsort(address)
        address, cell = address[order], cell[order]
        if (address[1:] == address[:-1]).any():
            raise StoreError("A moment has two scores by one metric.", "Compare runs that do not overlap.")
        ends = np.flatnonzero(np.append(cell[1:] != cell[:-1], True)) + 1
        starts = np.concatenate([[0], ends[:-1]])
        listed = value[order].tolist()
        sums = [math.fsum(listed[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        means.reshape(-1)[cell[starts]] = np.array(sums) / (ends - starts)
        moments.reshape(-1)[cell[starts]] = ends - starts
    return CaseScores(plan, means, moments, exact)


def case_rates(results: Results, plan: Plan) -> dict[str, Float64[np.ndarray, "system case"]]:
    """Per case: bytes, tokens, floats and encode_ms per second of history, and recall_ms. NaN: unknown or unmeant."""
    rates = results.rates
    system, case = codes(rates["system"], plan.systems), codes(rates["case"], plan.cases)
    wanted = (system >= 0) & (case >= 0)
    history_s = rates["history_s"].cast(pa.float64()).to_numpy()
    grids = {}
    for name in (*RATES, "recall_ms"):
        values = rates[name].cast(pa.float64()).to_numpy()
        values = values / history_s if name in RATES else values
        grid = np.full((len(plan.systems), len(plan.cases)), np.nan)
        grid[system[wanted], case[wanted]] = values[wanted]
        grids[name] = grid
    return grids


def per_video(by_case: Float64[np.ndarray, "*batch case"], plan: Plan) -> Float64[np.ndarray, "*batch video"]:
    """The mean over each video's cases that have a value; NaN where none has."""
    if len(plan.videos) == len(plan.cases):
        return by_case
    present = ~np.isnan(by_case)
    sums = np.add.reduceat(np.where(present, by_case, 0.0), plan.starts, axis=-1)
    counts = np.add.reduceat(present.astype(np.int64), plan.starts, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.where(counts, counts, np.nan))


def codes(column: pa.ChunkedArray, names: Sequence[str]) -> Int64[np.ndarray, " row"]:
    """Each value's place in `names`; -1 for what is not among them."""
    places = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(places, -1).to_numpy(), dtype=np.int64)


def _unique(table: pa.Table, *columns: str) -> list[dict[str, Any]]:
    """The different combinations of these columns."""
    rows: list[dict[str, Any]] = (
        table.select(columns).group_by(list(columns), use_threads=False).aggregate([]).to_pylist()
    )
    return rows
