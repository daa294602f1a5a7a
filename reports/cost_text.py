"""Costs for people and for programs: tables on a terminal or as Markdown, and one JSON document."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports import grids
from reports.cost import Figures, Growth
from reports.formats import print_grids
from reports.grids import MISSING
from suites.cost import flops
from suites.cost.summary import Ratio

if TYPE_CHECKING:
    from rich.console import Console

Grid = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A title, the columns, the rows."""
MOST_TURNED = 5  # rows of a table that becomes columns


def overview(measured: Sequence[Figures]) -> Grid:
    """One row a configuration."""
    columns = (
        "configuration", "outcome", "history tokens", "ready s", "first frame cold ms", "first frame ms", "frames/s",
        "real-time factor", "φ tokens/s", "drift", "peak host MB", "peak allocated MB", "peak reserved MB",
        "peak card MB", "step TFLOP", "step MFU", "J/frame",
    )  # fmt: skip
    rows = []
    for one in measured:
        step = next((stage for stage in one.stages if stage.stage == "denoise step"), None)
        peak = {name: value / 1e6 for name, value in one.peak_bytes.items()}
        work = flops.section(one.cost.profile).denoise_step
        rows.append(
            (
                _named(one),
                one.cost.outcome,
                f"{one.cost.profile.history_tokens:,}",
                _number(None if one.ready_ms is None else one.ready_ms / 1e3),
                _number(one.first_frame_cold_ms),
                _number(one.first_frame_ms),
                _number(one.frames_per_s),
                _number(one.real_time_factor),
                _number(one.tokens_per_s),
                _number(one.drift),
                *(_number(peak.get(mark)) for mark in ("host", "allocated", "reserved", "device")),
                _number(work / 1e12),
                MISSING if step is None or step.mfu is None else f"{100 * step.mfu:.1f} %",
                _number(one.joules_per_frame),
            )
        )
    kept = [i for i in range(len(columns)) if i < 2 or any(row[i] != MISSING for row in rows)]
    return "costs", tuple(columns[i] for i in kept), [tuple(row[i] for i in kept) for row in rows]


def stages(one: Figures) -> Grid:
    """One row a stage."""
    columns = (
        "stage", "cold ms", "calls", "median ms", "p95 ms", "p99 ms", "max ms", "CPU ms", "GFLOP", "counted GFLOP",
        "MFU",
    )  # fmt: skip
    memory = ((one.cost.memory or {}).get("memory") or {}).get("stages") or {}
    marks = sorted({mark for peaks in memory.values() for mark in peaks})
    rows = []
    timed = {stage.stage: stage for stage in one.stages}
    for name in [*timed, *(stage for stage in memory if stage not in timed)]:
        stage = timed.get(name)
        times = (
            [MISSING] * 10
            if stage is None
            else [
                _number(stage.cold_ms),
                str(stage.calls),
                *map(_number, (stage.median_ms, stage.p95_ms, stage.p99_ms, stage.max_ms, stage.cpu_ms)),
                _number(None if stage.flops is None else stage.flops / 1e9),
                _number(None if stage.counted is None else stage.counted / 1e9),
                MISSING if stage.mfu is None else f"{100 * stage.mfu:.1f} %",
            ]
        )
        peaks = memory.get(name, {})
        rows.append((name, *times, *(_number(peaks[mark] / 1e6) if mark in peaks else MISSING for mark in marks)))
    return _named(one), (*columns, *(f"peak {mark} MB" for mark in marks)), rows


def curves(grown: Sequence[Growth]) -> Grid:
    """How figures grow with the history: the slope per minute with its 95 % interval."""
    columns = ("configuration", "figure", "by history", "per minute of history", "95 % interval", "out of memory at")
    rows: list[tuple[str, ...]] = []
    for one in grown:
        points = ", ".join(f"{x:g} s: {_number(y)}" for x, y in one.points)
        line = one.line
        between = None if line is None else line.interval
        rows.append(
            (
                one.name,
                one.figure,
                points,
                MISSING if line is None else f"{line.per_x:.4g} {one.unit}".strip(),
                MISSING if between is None else f"[{between.low:.4g}, {between.high:.4g}]",
                MISSING if one.ends_at_s is None else f"{one.ends_at_s:g} s",
            )
        )
    return "growth with the history", columns, rows


def ratios(found: dict[str, Ratio]) -> Grid:
    """Candidate over baseline, by stage."""
    columns = ("stage", "candidate / baseline", "95 % interval", "rounds", "verdict")
    rows: list[tuple[str, ...]] = [
        (
            stage,
            f"{one.ratio:.3f}",
            MISSING if one.interval is None else f"[{one.interval.low:.3f}, {one.interval.high:.3f}]",
            str(one.rounds),
            one.verdict,
        )
        for stage, one in found.items()
    ]
    return "interleaved A-B-B-A", columns, rows


def judged(ratio: Ratio, names: tuple[str, str], minimum: float, needed: int | None) -> str:
    """The verdict on whole sections in sentences, and what to do about an inconclusive one. `names` are the candidate's
    and the baseline's; `needed` is how many rounds would decide."""
    between = "" if ratio.interval is None else f"; 95 % interval {ratio.interval.low:.2f} to {ratio.interval.high:.2f}"
    percent = f"{100 * minimum:g} %"
    more = "No reasonable number of rounds would: compare on a quieter machine."
    if needed is not None:
        more = f"About {needed} rounds in all would: --rounds {needed} goes on from these."
    found = {
        "slower": f"slower, by more than {percent}.",
        "faster": f"faster, by more than {percent}.",
        "no relevant difference": f"no relevant difference; one of {percent} is excluded.",
        "inconclusive": f"inconclusive; a difference of {percent} is neither shown nor excluded. {more}",
    }[ratio.verdict]
    times = f"{ratio.ratio:.2f} times as long, over {ratio.rounds} rounds{between}"
    return f"Sections of {names[0]} against those of {names[1]}: {found} They take {times}."


def show(grid: Grid, console: "Console") -> None:
    """On a terminal. A table that is too wide for it leaves out columns without numbers, then is turned on its side
    where it has few rows, and else goes on below."""
    title, columns, rows = grid
    told = [i for i in range(len(columns)) if i == 0 or any(row[i] != MISSING for row in rows)]
    columns, rows = tuple(columns[i] for i in told), [tuple(row[i] for i in told) for row in rows]
    if _wide(columns, rows) > console.width and len(rows) < MOST_TURNED:
        columns, rows = (
            (columns[0], *(row[0] for row in rows)),
            [(columns[i], *(row[i] for row in rows)) for i in range(1, len(columns))],
        )
    whole = grids.Grid(title, columns, tuple(tuple(grids.Entry(text) for text in row) for row in rows))
    print_grids([whole], console)


def _wide(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(3 + max(len(text) for text in (name, *(row[i] for row in rows))) for i, name in enumerate(columns))


def markdown(grid: Grid) -> str:
    """A Markdown table under its title."""
    title, columns, rows = grid
    lines = [f"### {title}", "", f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * (len(columns) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def document(measured: Sequence[Figures], grown: Sequence[Growth]) -> dict[str, Any]:
    """Everything as plain data."""
    return {
        "costs": [
            {
                "key": one.cost.key,
                "profile": one.cost.profile.as_dict(),
                "environment": one.cost.environment,
                "outcome": one.cost.outcome,
                "history_tokens": one.cost.profile.history_tokens,
                "stages": {stage.stage: _plain(stage, "stage") for stage in one.stages},
                "peak_bytes": one.peak_bytes,
                "work": vars(flops.section(one.cost.profile)),
                "notes": list(one.notes),
                **_plain(one, "cost", "stages", "notes", "peak_bytes"),
            }
            for one in measured
        ],
        "growth": [
            _plain(one, "line")
            | {"slope_per_min": one.line and one.line.per_x, "slope_interval": one.line and one.line.interval}
            for one in grown
        ],
    }


def _plain(thing: object, *but: str) -> dict[str, Any]:
    return {name: value for name, value in vars(thing).items() if name not in but}


def _named(one: Figures) -> str:
    budget = (one.cost.memory or {}).get("budget_bytes")
    return one.cost.profile.name + (f", card of {budget / 1e9:g} GB (simulated)" if budget else "")


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
