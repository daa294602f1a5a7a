"""What the report's page says, as plain data for its template: the table, the names, and how it was got.

Everything here is text or numbers; whatever came from a user or from another program is escaped by the template.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from bench.store import Results
from reports.comparison import Cell, Comparison, MetricInfo
from reports.glossary import METRICS, ROLES, Entry, entry, metric_title
from reports.grids import MISSING, amount, counted, plus_minus, ranks
from reports.look import Look
from reports.spec_text import spec_text


@dataclass(frozen=True)
class ScoreCell:
    """A mean with its half-width, the ranks left open, and whether it is in the top tie group."""

    text: str
    ranks: str
    top: bool


@dataclass(frozen=True)
class TableRow:
    """One system. `costs` has one text for each of the table's cost columns."""

    name: str
    role: str
    look: Look
    ceiling: bool
    scores: tuple[ScoreCell, ...]
    coverage: str
    whole: bool  # every planned case has every score
    costs: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The main table. Columns that would be empty in every row are left out."""

    metrics: tuple[tuple[str, str], ...]  # title, and unit with direction
    costs: tuple[tuple[str, str], ...]  # title, unit
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Failed:
    """One reason, and the memories and cases that it hit. `metric` is empty when a whole answer was lost."""

    stage: str
    error: str
    message: str
    metric: str
    systems: tuple[str, ...]
    cases: tuple[str, ...]
    everywhere: bool  # every memory of the run


@dataclass(frozen=True)
class Named:
    """A name and what it means; `extra` is small print."""

    name: str
    meaning: str
    extra: str = ""


def table(comparison: Comparison, looks: Mapping[str, Look]) -> Table:
    """Systems best first by the first metric, with every metric that has a score."""
    metrics = scored_metrics(comparison)
    systems = comparison.systems
    columns: list[tuple[str, str, list[str]]] = [
        ("rate", "kbit/s", [amount(s.costs.kbit_per_s) for s in systems]),
        ("size", "bytes/s", [amount(s.costs.bytes_per_s) for s in systems]),
        ("tokens", "per s", [amount(s.costs.tokens_per_s) for s in systems]),
        ("floats", "per s", [amount(s.costs.floats_per_s) for s in systems]),
        ("encode", "ms per s", [amount(s.costs.encode_ms_per_s) for s in systems]),
        ("recall", "ms per video", [amount(s.costs.recall_ms) for s in systems]),
        ("exact hits", "of answers", [f"{s.exact}/{s.answers}" if s.exact else MISSING for s in systems]),
    ]
    columns = [column for column in columns if any(text not in (MISSING, "0") for text in column[2])]
    rows = []
    for i, system in enumerate(systems):
        cells = [comparison.cell(system.name, m.name) for m in metrics]
        done, planned = _coverage(cells, comparison, system.name)
        rows.append(
            TableRow(
                name=system.name,
                role=ROLES[looks[system.name].role],
                look=looks[system.name],
                ceiling=system.ceiling,
                scores=tuple(_score_cell(c, comparison) for c in cells),
                coverage=f"{done}/{planned}",
                whole=done == planned,
                costs=tuple(column[2][i] for column in columns),
            )
        )
    heads = tuple((metric_title(m.name), _unit(m)) for m in metrics)
    return Table(heads, tuple(column[:2] for column in columns), tuple(rows))


def scored_metrics(comparison: Comparison) -> tuple[MetricInfo, ...]:
    """The metrics on which any system has a score, in the order of the spec."""
    scored = {cell.metric for cell in comparison.cells if cell.mean is not None}
    return tuple(m for m in comparison.metrics if m.name in scored)


def systems_explained(spec: Mapping[str, Any]) -> list[Named]:
    """A sentence on each kind of memory in the spec that has one."""
    found: dict[tuple[str, Entry], None] = {}
    for system in spec.get("systems", ()):
        if (explained := entry(system)).sentence:
            found[system["memory"], explained] = None
    return [Named(memory, e.sentence, ROLES[e.role]) for memory, e in found]


def metrics_explained(comparison: Comparison) -> list[Named]:
    """The definition of each metric that is ours, with its version."""
    return [Named(metric_title(m.name), METRICS.get(m.name, ""), f"version {m.version}") for m in comparison.metrics]


def facts(results: Results, comparison: Comparison, moments: int) -> list[Named]:
    """What was measured, in a few numbers."""
    spec = results.run.get("spec") or {}
    horizons = sorted({h for h in results.planned["horizon_s"].to_pylist() if h is not None})
    queries = ((spec.get("suite") or {}).get("args") or {}).get("queries", "undeclared")
    said = "the encoder is not told what will be asked" if queries == "undeclared" else "the encoder is told beforehand"
    return [
        Named("videos", str(comparison.videos)),
        Named("memories", str(len(comparison.systems))),
        Named("moments asked", f"{moments:,}"),
        Named("of history", f"{', '.join(f'{h:g}' for h in horizons)} s"),
        Named("queries", str(queries), said),
    ]


def provenance(results: Results) -> dict[str, Any]:
    """Run key, sessions, environment and spec, as rows of text; `packages` and `spec` are folded away on the page."""
    run = results.run
    sessions = run.get("sessions") or [{}]
    last = sessions[-1]
    here = last.get("environment") or {}
    spec = dict(run.get("spec") or {})
    memory = here.get("memory_bytes")
    rows = [
        Named("run", str(run.get("name", "")), results.key),
        Named("command", str(last.get("command", ""))),
        Named("worked on", _when(last.get("started_at")), f"session {len(sessions)} of this run"),
        Named("code", _commit(here.get("commit")), f"Keepframe {here.get('keepframe', '?')}"),
        Named("interpreter", f"Python {here.get('python', '?')}", str(here.get("platform", ""))),
        Named(
            "processor",
            str(here.get("processor", "?")),
            f"{counted(here.get('cores', '?'), 'core')}{f', {memory / 2**30:.0f} GiB memory' if memory else ''}"
            f", {counted(last.get('workers', '?'), 'worker')}",
        ),
        Named("seed", str(spec.get("seed", "?"))),
    ]
    return {
        "rows": rows,
        "packages": sorted((here.get("packages") or {}).items()),
        "spec": spec_text(_without_folders(spec)),
    }


def failures(comparison: Comparison, dropped: bool = False) -> list[Failed]:
    """What went wrong, or what does not apply (`dropped`), each reason once: a broken video fails for every memory, and
    one row says so."""
    groups: dict[tuple[str, str, str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for group in comparison.failures:
        if group.dropped != dropped:
            continue
        reason = (group.stage, group.error, group.message, metric_title(group.metric) if group.metric else "")
        systems, cases = groups.setdefault(reason, ({}, {}))
        systems[group.system] = None
        cases |= dict.fromkeys(group.cases)
    return [
        Failed(stage, error, message, metric, tuple(systems), tuple(cases), len(systems) == len(comparison.systems))
        for (stage, error, message, metric), (systems, cases) in groups.items()
    ]


def _score_cell(cell: Cell, comparison: Comparison) -> ScoreCell:
    text = plus_minus(cell.mean, cell.interval)
    if comparison.videos < 2:  # without a second video nothing is shown about anything
        return ScoreCell(text, MISSING, top=False)
    return ScoreCell(text, ranks(cell), cell.top)


def _coverage(cells: list[Cell], comparison: Comparison, system: str) -> tuple[int, int]:
    """Cases with a score on every metric that anybody has a score on (that is the least), of those planned."""
    planned = max((c.planned for c in comparison.cells if c.system == system), default=0)
    return min((c.cases for c in cells), default=0), planned


def _unit(metric: MetricInfo) -> str:
    arrow = {"higher": "↑", "lower": "↓", "neutral": ""}[metric.better]
    return f"{metric.unit} {arrow}".strip()


def _when(started_at: Any) -> str:
    if not isinstance(started_at, int | float):
        return "?"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(started_at))


def _commit(commit: Any) -> str:
    if not commit:
        return "installed without its repository"
    digest, plus, _ = str(commit).partition("+")
    return f"commit {digest[:12]}{' with uncommitted changes' if plus else ''}"


def _without_folders(value: Any) -> Any:
    """The same with only the last part of absolute paths: where a folder lies is nobody's business and no identity."""
    if isinstance(value, Mapping):
        return {k: _without_folders(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(v) for v in value]
    if isinstance(value, str) and PurePath(value).is_absolute():
        return f"…/{PurePath(value).name}"
    return value
