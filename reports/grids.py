"""A comparison as tables of text, before any format: which columns, how many digits, what is bold.

The terminal, Markdown and LaTeX all draw these grids, so they cannot disagree. Bold marks the top tie group: the
systems that no other is shown to beat. Digits follow the interval: two significant ones of its half-width.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.bd_rate import Gap
from bench.stats import Interval
from reports.comparison import Cell, Comparison, Difference, FailureGroup, MetricInfo, SystemRow

MISSING = "–"
CEILING = "ceiling"
CEILING_NOTE = "ceiling: it bounds what is read through it (codecs are not), and is not ranked."
_ARROWS = {"higher": " ↑", "lower": " ↓", "neutral": ""}


@dataclass(frozen=True)
class Entry:
    """One cell. `strong`: in the top tie group, or shown to be better. `soft`: a baseline or a ceiling beside tested
    systems."""

    text: str
    strong: bool = False
    soft: bool = False


@dataclass(frozen=True)
class Grid:
    """A table with a title above and notes below. Columns after the first `left` ones are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    left: int = 1
    notes: tuple[str, ...] = ()


def grids(comparison: Comparison) -> tuple[Grid, ...]:
    """Scores, costs, differences by metric, BD-rates, slices, failures, what does not apply; those that have rows."""
    every = [_scores(comparison), _costs(comparison)]
    every += [_differences(comparison, metric) for metric in comparison.metrics if metric.sign]
    every += [_bd(comparison), _slices(comparison), _failures(comparison), _dropped(comparison)]
    return tuple(grid for grid in every if grid.rows)


def split(grid: Grid, width: int) -> tuple[Grid, ...]:
    """The grid in pieces of at most `width` characters where that can be done: each repeats the left columns and takes
    as many of the others as fit, a metric together with its rank. Notes go below the last."""
    fixed = sum(column_width(grid, i) for i in range(grid.left))
    pieces, room = [list(range(grid.left))], width - fixed
    for block in _blocks(grid):
        need = sum(column_width(grid, i) for i in block)
        if need > room and len(pieces[-1]) > grid.left:
            pieces.append(list(range(grid.left)))
            room = width - fixed
        pieces[-1] += block
        room -= need
    last = len(pieces) - 1
    return tuple(
        dataclasses.replace(
            grid,
            title=grid.title if n == 0 else f"{grid.title} (continued)",
            columns=tuple(grid.columns[i] for i in piece),
            rows=tuple(tuple(row[i] for i in piece) for row in grid.rows),
            notes=grid.notes if n == last else (),
        )
        for n, piece in enumerate(pieces)
    )


def _blocks(grid: Grid) -> list[list[int]]:
    blocks: list[list[int]] = []
    for i in range(grid.left, len(grid.columns)):
        if grid.columns[i] == "rank" and blocks:
            blocks[-1].append(i)
        else:
            blocks.append([i])
    return blocks


def column_width(grid: Grid, column: int) -> int:
    """In characters, with the space that rich puts around a cell."""
    texts = (grid.columns[column], *(row[column].text for row in grid.rows))
    return max(len(printable(text)) for text in texts) + 3


def plus_minus(mean: float | None, interval: Interval | None, signed: bool = False) -> str:
    """
    >>> plus_minus(31.4159, Interval(31.1, 31.7318)), plus_minus(0.98765, None), plus_minus(None, None)
    ('31.42 ±0.32', '0.9877', '–')
    """
    if mean is None:
        return MISSING
    if interval is None:
        return f"{mean:{'+' if signed else ''}.4g}"
    half = (interval.high - interval.low) / 2
    digits = _digits(half)
    return f"{mean:{'+' if signed else ''}.{digits}f} ±{half:.{digits}f}"


def amount(value: float | None) -> str:
    """
    >>> amount(12345.6), amount(98.76), amount(3.0), amount(0.0012345), amount(0.0), amount(None)
    ('12,346', '98.8', '3.00', '0.00123', '0', '–')
    """
    if value is None:
        return MISSING
    size = abs(value)
    if size >= 100 or not value:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:#.3g}"


def counted(count: int | str, what: str) -> str:
    """
    >>> counted(1, "rater"), counted(1200, "vote"), counted("?", "core")
    ('1 rater', '1,200 votes', '? cores')
    """
    return f"{count if isinstance(count, str) else f'{count:,}'} {what}{'' if count == 1 else 's'}"


def probability(p: float | None) -> str:
    """
    >>> probability(0.0421), probability(1e-9), probability(None)
    ('0.042', '<0.001', '–')
    """
    return MISSING if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def ranks(cell: Cell) -> str:
    """`"1–3"`: the ranks that the tests leave open."""
    if cell.ranks is None:
        return MISSING
    best, worst = cell.ranks
    return str(best) if best == worst else f"{best}–{worst}"


def printable(text: str) -> str:
    """One line without control characters: names and messages come from users and from other people's programs."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _digits(half: float) -> int:
    return 4 if half == 0 else min(6, max(0, 1 - math.floor(math.log10(half))))


def _heading(metric: MetricInfo) -> str:
    return metric.name + _ARROWS[metric.better] + (f" ({metric.unit})" if metric.unit else "")


def _baselines(c: Comparison) -> frozenset[str]:
    """The systems to draw softly: none when there is nothing else."""
    names = frozenset(row.name for row in c.systems if not row.tested)
    return names if len(names) < len(c.systems) else frozenset()


def place(row: SystemRow, cell: Cell) -> str:
    """The rank, or what stands in its place."""
    return CEILING if row.ceiling and cell.mean is not None else ranks(cell)


def _scored(c: Comparison) -> list[MetricInfo]:
    """The metrics that any system has a value of; of the others, warnings and failures say why there is none."""
    there = {cell.metric for cell in c.cells if cell.cases}
    return [metric for metric in c.metrics if metric.name in there]


def _scores(c: Comparison) -> Grid:
    soft, metrics = _baselines(c), _scored(c)
    rated = any(row.costs.kbit_per_s is not None for row in c.systems)
    columns = ["system"] + (["kbit/s"] if rated else [])
    for metric in metrics:
        columns += [_heading(metric)] + (["rank"] if metric.sign else [])
    hits = any(row.exact for row in c.systems)
    rows = []
    for row in c.systems:
        line = [Entry(row.name, soft=row.name in soft)]
        if rated:
            line.append(Entry(amount(row.costs.kbit_per_s), soft=row.name in soft))
        for metric in metrics:
            cell = c.cell(row.name, metric.name)
            short = f" [{cell.cases}/{cell.planned}]" if cell.cases < cell.planned else ""
            line.append(Entry(plus_minus(cell.mean, cell.interval) + short, strong=cell.top, soft=row.name in soft))
            if metric.sign:
                line.append(Entry(place(row, cell), strong=cell.top, soft=row.name in soft))
        if hits:
            line.append(Entry(f"{row.exact}/{row.answers}", soft=row.name in soft))
        rows.append(tuple(line))
    partly = any(cell.cases < cell.planned for cell in c.cells if cell.metric in {metric.name for metric in metrics})
    notes = [
        f"Mean over videos ± half of a {c.confidence:.0%} Student's t interval. Rank: what the paired tests of all "
        "pairs leave open (Holm); bold: nothing is shown to be better.",
        *([CEILING_NOTE] if any(row.ceiling for row in c.systems) else []),
        *(["exact: asked frames that the memory had kept as they were."] if hits else []),
        *(["[n/m]: n of m cases have a score."] if partly else []),
    ]
    title = f"Scores: {counted(c.videos, 'video')}, run {c.run[:8]}"
    return Grid(
        title,
        tuple(columns + (["exact"] if hits else [])),
        tuple(rows),
        notes=(*(notes if metrics else ()), *c.warnings),
    )


def _costs(c: Comparison) -> Grid:
    soft = _baselines(c)
    columns = ("system", "bytes/s", "tokens/s", "floats/s", "encode ms/s", "recall ms")
    rows = []
    for row in c.systems:
        k = row.costs
        numbers = (k.bytes_per_s, k.tokens_per_s, k.floats_per_s, k.encode_ms_per_s, k.recall_ms)
        rows.append(
            (Entry(row.name, soft=row.name in soft), *(Entry(amount(n), soft=row.name in soft) for n in numbers))
        )
    notes = ("Per second of history; recall per case. Means over videos.",)
    return Grid("Costs", columns, tuple(rows), notes=notes)


def _differences(c: Comparison, metric: MetricInfo) -> Grid:
    soft = _baselines(c)
    found = {d.system: d for d in c.differences if d.metric == metric.name}
    shown = [(row, found[row.name]) for row in c.systems if row.name in found and found[row.name].mean is not None]
    noted = any(d.note for _, d in shown)
    rows = tuple(
        (
            Entry(row.name, soft=row.name in soft),
            Entry(d.verdict, strong=d.verdict == "better" and not row.ceiling, soft=row.name in soft),
            *(Entry(text, soft=row.name in soft) for text in (_gain(d), probability(d.p_holm), str(d.videos))),
            *([Entry(d.note, soft=row.name in soft)] if noted else []),
        )
        for row, d in shown
    )
    unit = f" ({metric.unit})" if metric.unit else ""
    columns = ("system", "verdict", f"difference{unit}", "p (Holm)", "videos", *(["note"] if noted else []))
    notes = (
        f"Paired by video, + is better; ± is each difference's own {c.confidence:.0%} interval, p and verdict answer "
        "for all differences of all metrics together.",
    )
    return Grid(f"{metric.name} against {c.baseline}", columns, rows, left=2, notes=notes)


def _gain(d: Difference) -> str:
    return plus_minus(d.mean, d.interval, signed=True)


def _bd(c: Comparison) -> Grid:
    rows = []
    units = {metric.name: metric.unit for metric in c.metrics}
    for row in c.bd:
        rate, quality = row.bd.rate, row.bd.quality
        unit = f" {units[row.metric]}" if units[row.metric] else ""
        said = dict.fromkeys(text for text in (rate.why_not, quality.why_not, *row.bd.notes) if text)
        rows.append(
            (
                Entry(row.curve),
                Entry(row.metric),
                Entry(_gap(rate, " %")),
                Entry(_gap(quality, unit)),
                Entry(MISSING if rate.shared is None else f"{rate.shared.low:.4g} to {rate.shared.high:.4g}"),
                Entry(str(row.bd.videos)),
                Entry("; ".join(said)),
            )
        )
    columns = ("curve", "metric", "BD-rate", "BD-quality", "shared quality", "videos", "note")
    notes = (
        f"BD-rate: bytes at equal quality (negative: fewer). BD-quality: at equal bytes (+ is better). "
        f"[{c.confidence:.0%} interval, videos resampled]",
    )
    return Grid(f"Rate sweeps against {c.baseline_curve}", columns, tuple(rows), left=2, notes=notes)


def _gap(gap: Gap, unit: str) -> str:
    if gap.value is None:
        return MISSING
    if gap.interval is None:
        return f"{gap.value:+.3g}{unit}"
    digits = _digits((gap.interval.high - gap.interval.low) / 2)
    low, high = gap.interval
    return f"{gap.value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]{unit}"


def _slices(c: Comparison) -> Grid:
    """By the first metric with values only: a look at where a system is weak, not a test."""
    first, soft = next(iter(_scored(c)), None), _baselines(c)
    if first is None:
        return Grid("", (), ())
    lookup: Sequence[dict[str, str]] = [
        {d.system: _gain(d) for d in s.differences if d.metric == first.name}
        if c.baseline
        else {cell.system: plus_minus(cell.mean, cell.interval) for cell in s.cells if cell.metric == first.name}
        for s in c.slices
    ]
    rows = tuple(
        (
            Entry(row.name, soft=row.name in soft),
            *(Entry(texts.get(row.name, MISSING), soft=row.name in soft) for texts in lookup),
        )
        for row in c.systems
        if c.slices and row.name != c.baseline
    )
    columns = ("system", *(f"{s.name} ({counted(s.videos, 'video')})" for s in c.slices))
    what = f"difference to {c.baseline}, + is better" if c.baseline else "scores"
    notes = ("To look at, not to conclude from: nothing here is corrected for the number of slices.",)
    return Grid(f"{first.name} by slice: {what}", columns, rows, notes=notes)


def _failures(c: Comparison) -> Grid:
    rows = []
    for f in c.failures:
        if not f.dropped:
            what = f"{f.error}: {f.message}"
            rows.append((Entry(f.system), Entry(f.metric or "all"), Entry(f.stage), Entry(what), _cases(f)))
    return Grid("Failures", ("system", "metric", "stage", "what happened", "cases"), tuple(rows), left=5)


def _dropped(c: Comparison) -> Grid:
    rows = [
        (Entry(f.system), Entry(f.metric or "all"), Entry(f.message.partition("\n")[0]), _cases(f))
        for f in c.failures
        if f.dropped
    ]
    return Grid(
        "Does not apply",
        ("system", "metric", "why not", "cases"),
        tuple(rows),
        left=4,
        notes=("These count in no mean, and not as failed.",) if rows else (),
    )


def _cases(f: FailureGroup) -> Entry:
    more = f" and {len(f.cases) - 3} more" if len(f.cases) > 3 else ""
    return Entry(", ".join(f.cases[:3]) + more)
