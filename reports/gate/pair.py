"""Two systems, of one run or of two, side by side as `baseline` and `candidate`: and whether they may be compared.

What is not the same question has no answer, so this refuses (exit code 5): other cases, other decode settings, another
version of a metric. A value that is not a number is taken out here and counts as lost; nothing else is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import NotComparableError, UsageError, did_you_mean
from bench.store import Results
from reports.gate.say import count

BASELINE, CANDIDATE = "baseline", "candidate"
_TABLES = ("planned", "scores", "rates", "failures")


def pair(baseline: tuple[Results, str], candidate: tuple[Results, str]) -> Results:
    """The tables of both, each given as its run's results and its system's name, under the names `baseline` and
    `candidate`; the rest of the runs is left out. run.json is the candidate's, but for the warnings of both.

    Raises UsageError for a system that a run does not have, NotComparableError for different questions.
    """
    for results, system in (baseline, candidate):
        known = set(pc.unique(results.planned["system"]).to_pylist())
        if system not in known:
            raise UsageError(f"Run {results.key[:8]} has no system {system!r}.", did_you_mean(system, known))
    one, other = _only(*baseline, BASELINE), _only(*candidate, CANDIDATE)
    _same_questions(one, other)
    _same_metrics(one.planned, other.planned)
    joined = {name: pa.concat_tables([getattr(one, name), getattr(other, name)]) for name in _TABLES}
    warnings = dict.fromkeys([*(one.run.get("warnings") or ()), *(other.run.get("warnings") or ())])
    return replace(other, run={**other.run, "warnings": list(warnings)}, **joined)


def without_nan(results: Results) -> tuple[Results, int]:
    """The results without scores that are not finite, and how many of the candidate's those were."""
    finite = pa.array(np.isfinite(results.scores["value"].to_numpy()))
    lost = results.scores.filter(pc.invert(finite))
    return replace(results, scores=results.scores.filter(finite)), lost["system"].to_pylist().count(CANDIDATE)


def _only(results: Results, system: str, name: str) -> Results:
    return replace(results, **{table: _renamed(getattr(results, table), system, name) for table in _TABLES})


def _renamed(table: pa.Table, system: str, name: str) -> pa.Table:
    mine = table.filter(pc.equal(table["system"], system))
    column = mine.schema.get_field_index("system")
    return mine.set_column(column, mine.schema.field(column), pa.array([name] * len(mine), pa.string()))


def _same_questions(one: Results, other: Results) -> None:
    """Refuse, and say which setting differs where run.json knows."""
    mine, theirs = (dict(zip(r.planned["case"].to_pylist(), r.planned["case_key"].to_pylist())) for r in (one, other))  # noqa: B905
    if mine == theirs:
        return
    specs = [r.run.get("spec") or {} for r in (one, other)]
    for table, mend in (("decode", "Run both with the same [decode]."), ("suite", "Run both with the same [suite].")):
        said = _differences(specs[0].get(table) or {}, specs[1].get(table) or {})
        if said:
            raise NotComparableError(f"Baseline and candidate differ in {table}: {said}.", mend)
    if mine.keys() != theirs.keys():
        only, new = sorted(mine.keys() - theirs.keys()), sorted(theirs.keys() - mine.keys())
        parts = [
            f"{len(cases)} only in the {who} ({_few(cases)})"
            for cases, who in ((only, BASELINE), (new, CANDIDATE))
            if cases
        ]
        raise NotComparableError(
            f"Baseline and candidate were asked about different cases: {' and '.join(parts)}.",
            "Run the baseline's spec on the same footage: only what is new is measured.",
        )
    changed = sorted(case for case in mine if mine[case] != theirs[case])
    raise NotComparableError(
        f"{count(len(changed), 'case')} not the same for baseline and candidate ({_few(changed)}): another clip under "
        "that name, other moments, or other annotations.",
        "Run the baseline's spec on the same footage: only what is new is measured.",
    )


def _same_metrics(one: pa.Table, other: pa.Table) -> None:
    mine, theirs = ({row["metric"]: row for row in _metrics(table)} for table in (one, other))
    for name in mine.keys() & theirs.keys():
        if mine[name] != theirs[name]:
            said = _differences(mine[name], theirs[name])
            raise NotComparableError(
                f"Baseline and candidate were scored by different versions of {name}: {said}.",
                "Run the baseline's spec again: only the scores are made anew, no model runs twice.",
            )


def _metrics(planned: pa.Table) -> list[dict[str, Any]]:
    columns = ["metric", "metric_version", "unit", "better"]
    rows: list[dict[str, Any]] = planned.select(columns).group_by(columns, use_threads=False).aggregate([]).to_pylist()
    return rows


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """`width 416 and 320, args {…} and {…}`, baseline first; empty where nothing differs."""
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return ", ".join(f"{name} {one.get(name)!r} and {other.get(name)!r}" for name in names)


def _few(cases: list[str]) -> str:
    return ", ".join(cases[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
