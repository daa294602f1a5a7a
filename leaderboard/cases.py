"""Single cases: which ones a system does worst on, and every asked moment of one.

A page of cases is cut here, on the server: the browser gets ten rows, however many there are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bench.store import Results
from reports.videos import CaseScores

PER_PAGE = 10


@dataclass(frozen=True)
class Listed:
    """One case of the list. `lead` is A less B, with + for better. `b` and `lead` are None without a second system."""

    case: str
    video: str
    tags: str
    a: float | None
    b: float | None
    lead: float | None


def listed(scores: CaseScores, metric: str, a: str, b: str | None) -> list[Listed]:
    """Every case that was asked of `a`: those it failed on first, then where it does worst; with a second system, where
    it falls behind most."""
    plan = scores.plan
    m = [info.name for info in plan.metrics].index(metric)
    first = plan.systems.index(a)
    own = scores.means[m, first]
    other = gap = np.full(len(plan.cases), np.nan)
    sign = plan.metrics[m].sign
    order = (sign or 1) * own
    if b is not None:
        second = plan.systems.index(b)
        other = scores.means[m, second]
        order = gap = scores.differences(m, [first], second)[0] if sign else own - other

    def place(case: int) -> tuple[bool, float, int]:
        return not math.isnan(own[case]), math.inf if math.isnan(order[case]) else order[case], case

    return [
        Listed(
            case=plan.cases[c],
            video=plan.videos[plan.video_of[c]],
            tags=", ".join(sorted(plan.tags[c])),
            a=_known(own[c]),
            b=_known(other[c]),
            lead=_known(gap[c]),
        )
        for c in sorted(np.flatnonzero(plan.asked[first]).tolist(), key=place)
    ]


def moments(results: Results, metric: str, case: str, systems: Sequence[str]) -> list[dict[str, Any]]:
    """The asked moments of one case in order of time: `moment`, `at_s`, `position`, and per system its score and
    whether the answer was a frame kept as it was (`None` where there is no score)."""
    rows = results.scores
    wanted = pc.and_(pc.equal(rows["case"], case), pc.equal(rows["metric"], metric))
    found: dict[int, dict[str, Any]] = {}
    for row in rows.filter(wanted).to_pylist():
        if row["system"] in systems:
            moment = found.setdefault(
                row["moment"], {name: row[name] for name in ("moment", "at_s", "position")} | {"of": {}}
            )
            moment["of"][row["system"]] = (row["value"], row["exact"])
    return [found[number] for number in sorted(found)]


def failures(results: Results, case: str, system: str) -> list[str]:
    """Why this system has no answer, or no score, on this case."""
    rows = results.failures
    wanted = pc.and_(pc.equal(rows["case"], case), pc.equal(rows["system"], system))
    return [f"{row['metric'] or row['stage']}: {row['message']}" for row in rows.filter(wanted).to_pylist()]


def addresses(results: Results, case: str, system: str) -> tuple[str, str] | None:
    """(case_key, prediction_key) of this question; None if it was not asked."""
    rows = results.planned
    wanted = pc.and_(pc.equal(rows["case"], case), pc.equal(rows["system"], system))
    row = rows.filter(wanted).slice(0, 1).to_pylist()
    return (row[0]["case_key"], row[0]["prediction_key"]) if row else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
