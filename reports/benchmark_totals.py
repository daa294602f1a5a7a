"""What the scores of a run add up to, in the benchmarks' own way: totals of VBench and of VBench-2.0, in sentences."""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from bench.store import Results, Store
from reports.grids import counted
from reports.unscored import lost
from runners.watch import series_of
from suites.vbench.leaderboard import DIMENSIONS, Totals, aggregate, totals
from suites.vbench2 import dimensions as vbench2_totals


def leaderboards(store: Store, results: Results) -> dict[str, Totals]:
    """VBench's totals of each system that has any of its dimensions, from what the scores were made of."""
    values: dict[str, dict[str, list[np.ndarray]]] = {}
    series = series_of(store)
    for row in results.planned.to_pylist():
        if row["metric"] in DIMENSIONS and (kept := series.get(row["score_key"])) is not None:
            values.setdefault(row["system"], {}).setdefault(row["metric"], []).append(kept["values"])
    return {
        system: totals({dimension: aggregate(dimension, videos) for dimension, videos in found.items()})
        for system, found in sorted(values.items())
    }


class Styled(NamedTuple):
    """VBench-2.0-style totals of a system, from `scored` values of (video, dimension), `dropped` beside them."""

    totals: vbench2_totals.Totals
    scored: int
    dropped: int


def vbench2(results: Results) -> dict[str, Styled]:
    """VBench-2.0-style totals of each system that has any of its dimensions; videos that dropped out count nowhere."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in results.scores.to_pylist():
        if row["metric"].startswith(vbench2_totals.PREFIX):
            dimension = row["metric"].removeprefix(vbench2_totals.PREFIX)
            values.setdefault(row["system"], {}).setdefault(dimension, []).append(row["value"])
    gone = Counter(
        row["system"] for row in lost(results)[1].to_pylist() if row["metric"].startswith(vbench2_totals.PREFIX)
    )
    return {
        system: Styled(
            vbench2_totals.totals({name: math.fsum(one) / len(one) for name, one in found.items()}),
            sum(len(one) for one in found.values()),
            gone[system],
        )
        for system, found in sorted(values.items())
    }


def total(system: str, board: Totals) -> str:
    """A system's total, or how far it is from having one."""
    if board.total is not None:
        return f"VBench, {system}: {board.total:.4f} (quality {board.quality:.4f}, semantic {board.semantic:.4f})"
    there, every = len(DIMENSIONS) - len(board.missing), len(DIMENSIONS)
    return f"VBench, {system}: no total, {there} of {every} dimensions; on its scale these average {board.measured:.4f}"


def total_styled(system: str, found: Styled) -> str:
    """A system's VBench-2.0-style total, what it is made of, and what is missing."""
    whole = "no total" if found.totals.total is None else f"{found.totals.total:.4f}"
    there = [f"{name} {value:.4f}" for name, value in found.totals.categories.items() if value is not None]
    missing = f"; {counted(len(found.totals.missing), 'dimension')} missing" if found.totals.missing else ""
    counts = f"{counted(found.scored, 'value')}, {found.dropped} dropped out{missing}"
    return f"{vbench2_totals.LABEL}, {system}: {', '.join([whole, *there])} ({counts})"
