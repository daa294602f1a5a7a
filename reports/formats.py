"""A comparison as text: terminal, Markdown, CSV, LaTeX, JSON.

Names of systems and files come from users, and messages from other people's programs, so each format escapes them in
its own way: a name cannot become markup, a formula in a spreadsheet, or a LaTeX command.
"""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bench.errors import UsageError, did_you_mean
from reports.comparison import Comparison
from reports.grids import Entry, Grid, column_width, grids, printable, split

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "keepframe.comparison/1"
LATEX_WIDTH, LATEX_WORDS = 102, 30  # characters that fit a line of a page in small type; that a column may be wide


def render(comparison: Comparison, form: str) -> str:
    """The comparison as "markdown", "csv", "latex" or "json". The terminal has `print_comparison`.

    Raises `UsageError` for another form.
    """
    if form not in FORMATS:
        raise UsageError(f"There is no format {form!r}.", did_you_mean(form, FORMATS))
    return FORMATS[form](comparison)


def print_comparison(comparison: Comparison, console: "Console | None" = None) -> None:
    """Draw the tables on a terminal (or on this console)."""
    print_grids(grids(comparison), console)


def print_grids(every: Iterable[Grid], console: "Console | None" = None) -> None:
    """Draw any grids, each in as many pieces as the terminal is narrow."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    for grid in (piece for whole in every for piece in split(whole, console.width)):
        console.print(Text(printable(grid.title), style="bold"))
        table = Table(box=box.SIMPLE_HEAD, show_edge=False)
        for i, name in enumerate(grid.columns):
            numeric = i >= grid.left
            table.add_column(Text(printable(name)), justify="right" if numeric else "left", no_wrap=numeric)
        for row in grid.rows:
            table.add_row(*(Text(printable(entry.text), style=_style(entry)) for entry in row))
        console.print(table)
        for note in grid.notes:
            console.print(Text(printable(note), style="dim"))
        console.print()


def _style(entry: Entry) -> str:
    return "bold" if entry.strong else "dim" if entry.soft else ""


def to_markdown(comparison: Comparison) -> str:
    """GitHub-flavoured tables, one heading each; baselines in italics."""
    return "\n\n".join(markdown_table(grid) for grid in grids(comparison)) + "\n"


def markdown_table(grid: Grid) -> str:
    """One grid under a heading, with its notes below."""

    def cell(entry: Entry) -> str:
        text = markdown_text(entry.text)
        return f"**{text}**" if entry.strong and text else f"*{text}*" if entry.soft else text

    lines = [f"### {markdown_text(grid.title)}", ""]
    lines.append("| " + " | ".join(markdown_text(name) for name in grid.columns) + " |")
    lines.append("|" + "|".join(" --- " if i < grid.left else " ---: " for i in range(len(grid.columns))) + "|")
    lines += ["| " + " | ".join(cell(entry) for entry in row) + " |" for row in grid.rows]
    lines += [f"\n{markdown_text(note)}" for note in grid.notes]
    return "\n".join(lines)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is: no links, images, tags, emphasis or new cells.

    >>> markdown_text("a|b <i> ![x](y) ms_ssim _x_")
    'a\\\\|b &lt;i&gt; \\\\!\\\\[x\\\\](y) ms_ssim \\\\_x\\\\_'
    """
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\|`*!\[\]~$#])", r"\\\1", text)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)  # an underscore inside a word is only that


def to_latex(comparison: Comparison) -> str:
    """`table` environments with booktabs rules (`\\usepackage{booktabs}`); bold is the top tie group.

    A table that is wider than a page goes on in a second one.
    """
    return "\n".join(latex_table(piece) for grid in grids(comparison) for piece in _pages(grid))


def _pages(grid: Grid) -> tuple[Grid, ...]:
    return (grid,) if any(_wordy(grid)) else split(grid, LATEX_WIDTH)


def _wordy(grid: Grid) -> list[bool]:
    """Of each column but the first, of names, whether it holds sentences, which have to be broken into lines."""
    return [i > 0 and any(len(row[i].text) > LATEX_WORDS for row in grid.rows) for i in range(len(grid.columns))]


def _latex_columns(grid: Grid) -> str:
    """Columns of sentences share what the others leave of the line."""
    wordy = _wordy(grid)
    taken = sum(column_width(grid, i) for i, sentences in enumerate(wordy) if not sentences)
    share = max(0.15, (1 - taken / LATEX_WIDTH) / max(1, sum(wordy)))
    return "".join(
        rf"p{{{share:.2f}\linewidth}}" if sentences else "l" if i < grid.left else "r"
        for i, sentences in enumerate(wordy)
    )


def latex_table(grid: Grid) -> str:
    """One grid as a `table` environment."""

    def cell(entry: Entry) -> str:
        text = latex_text(entry.text)
        return rf"\textbf{{{text}}}" if entry.strong else rf"\textit{{{text}}}" if entry.soft else text

    def line(cells: list[str]) -> str:
        return "  " + " & ".join(cells) + r" \\"

    columns = _latex_columns(grid)
    caption = " ".join(latex_text(text) for text in (grid.title + ".", *grid.notes))
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering\small",
            rf"  \caption{{{caption}}}\medskip",
            rf"  \begin{{tabular}}{{{columns}}}",
            r"  \toprule",
            line([latex_text(name) for name in grid.columns]),
            r"  \midrule",
            *(line([cell(entry) for entry in row]) for row in grid.rows),
            r"  \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # after \\ a bracket would be read as its argument
    "]": "{]}",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "|": r"\textbar{}",
}


def latex_text(text: str) -> str:
    """Text that LaTeX sets as it is.

    >>> latex_text("50% of a_b ±1")
    '50\\\\% of a\\\\_b $\\\\pm$1'
    """
    text = "".join(_LATEX.get(c, c) for c in printable(text)).replace("--", "-{}-")
    text = re.sub(r"(?<![\w.)-])-(?=\d)", "$-$", text)  # a minus, and no hyphen
    return text.replace("–", "--").replace("−", "$-$")


def to_csv(comparison: Comparison) -> str:
    """One row per system and metric, all digits, empty for None. Text that a spreadsheet would run as a formula gets
    a `'` in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    metrics = {metric.name: metric for metric in comparison.metrics}
    differences = {(d.system, d.metric): d for d in comparison.differences}
    for row in comparison.systems:
        for metric in comparison.metrics:
            cell, d = comparison.cell(row.name, metric.name), differences.get((row.name, metric.name))
            info, costs = metrics[metric.name], row.costs
            best, worst = cell.ranks or (None, None)
            values = [row.name, row.curve, row.tested, row.ceiling, info.name, info.version, info.unit, info.better]
            values += [cell.mean, *(cell.interval or (None, None)), cell.videos, cell.cases, cell.planned, best, worst]
            values += [
                costs.bytes_per_s,
                costs.tokens_per_s,
                costs.floats_per_s,
                costs.encode_ms_per_s,
                costs.recall_ms,
            ]
            values += [comparison.baseline]
            if d is not None:
                values += [d.mean, *(d.interval or (None, None)), d.p, d.p_sign_flip, d.p_holm, d.verdict, d.videos]
            writer.writerow([csv_field(value) for value in values] + [""] * (len(_CSV) - len(values)))
    return out.getvalue()


_CSV = (
    *("system", "curve", "tested", "ceiling", "metric", "metric_version", "unit", "better"),
    *("mean", "low", "high", "videos", "cases", "planned", "rank_best", "rank_worst"),
    *("bytes_per_s", "tokens_per_s", "floats_per_s", "encode_ms_per_s", "recall_ms"),
    *("baseline", "difference", "difference_low", "difference_high"),
    *("p", "p_sign_flip", "p_holm", "verdict", "pairs"),
)


def csv_field(value: object) -> str:
    """All digits; empty for None; text is never a formula for a spreadsheet."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def to_json(comparison: Comparison) -> str:
    """One line, for the last line of stdout. `schema` changes when a field changes its meaning or goes away."""
    return json.dumps({"schema": SCHEMA} | dataclasses.asdict(comparison), allow_nan=False, ensure_ascii=False)


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "json": to_json,
}
