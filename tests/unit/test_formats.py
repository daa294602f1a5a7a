"""The formats read back by somebody else's parser, with names that try to be markup, formulas or commands."""

import csv
import dataclasses
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from bench.errors import UsageError
from reports.compare import compare
from reports.comparison import Comparison
from reports.formats import latex_text, markdown_text, print_comparison, render
from reports.grids import Entry, Grid, amount, counted, grids, plus_minus, probability, split
from tests.unit.tables import Made, sweep

EVIL = [
    "=HYPERLINK('http://x')",
    "+1",
    "-1",
    "@SUM(A1)",
    "a|b",
    "![x](http://tracker/p.png)",
    "<script>alert(1)</script>",
    "[red]bold[/red]",
    "**strong** _it_ `code`",
    "\\input{secret} 100% $x$ a_b {c} #1 ~ ^",
    "line\nbreak\x1b[31m\u202e",
    "&lt; &amp;",
]


def evil() -> Comparison:
    draw = np.random.default_rng(0)
    values = {name: draw.normal(30 + i, 1.0, (10, 3)) for i, name in enumerate(EVIL)}
    failures = [{"system": EVIL[6], "case": EVIL[4], "stage": "encode", "error": "VideoError", "message": EVIL[5]}]
    return compare(Made({"psnr": values}, failures=failures).results(), baseline=EVIL[0])


def plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).strip()


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    made = sweep()
    made.values["lpips"]["av1 3"][2] = np.nan
    return compare(made.results(), baseline="h264 2")


def drawn(comparison: Comparison, width: int, color: bool = False) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=color, color_system="standard" if color else None)
    print_comparison(comparison, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_csv_reads_back_with_all_digits(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(render(comparison, "csv"))))
    assert len(rows) == len(comparison.systems) * len(comparison.metrics)
    row = next(r for r in rows if (r["system"], r["metric"]) == ("av1 1", "ssim"))
    cell = comparison.cell("av1 1", "ssim")
    difference = next(d for d in comparison.differences if (d.system, d.metric) == ("av1 1", "ssim"))
    assert float(row["mean"]) == cell.mean and cell.interval is not None and float(row["high"]) == cell.interval.high
    assert float(row["difference"]) == difference.mean and row["verdict"] == difference.verdict
    assert float(row["p_holm"]) == difference.p_holm and int(row["pairs"]) == difference.videos
    own = next(r for r in rows if (r["system"], r["metric"]) == ("h264 2", "ssim"))
    assert own["difference"] == own["p"] == own["verdict"] == ""
    assert {len(line) for line in csv.reader(io.StringIO(render(comparison, "csv")))} == {len(rows[0])}


def test_csv_text_cannot_become_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(render(evil(), "csv"))))
    for row in rows:
        for name in ("system", "curve", "metric", "verdict", "baseline"):
            assert not row[name].startswith(("=", "+", "-", "@"))
    assert {row["system"].removeprefix("'") for row in rows} == {plain(name) for name in EVIL}


def test_json_is_one_line_in_a_fixed_order_without_nan(comparison: Comparison) -> None:
    text = render(comparison, "json")
    assert "\n" not in text and text == render(comparison, "json")
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(data)[:3] == ["schema", "run", "confidence"] and data["schema"] == "keepframe.comparison/1"
    names = [field.name for field in dataclasses.fields(Comparison)]
    assert list(data) == ["schema", *names]
    first = data["cells"][0]
    assert first["interval"] == list(comparison.cells[0].interval or ()) and first["mean"] == comparison.cells[0].mean


def markdown_tables(text: str) -> list[list[list[str]]]:
    """The text of cells as CommonMark with GitHub's tables reads it; fails on any mark-up that we did not mean."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    tables: list[list[list[str]]] = []
    for token in tokens:
        assert token.type != "html_block"
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and tables and token.level >= 4:
            kinds = {child.type for child in token.children or ()}
            assert kinds <= {"text", "strong_open", "strong_close", "em_open", "em_close", "text_special"}, (
                token.content
            )
            tables[-1][-1].append("".join(child.content for child in token.children or ()))
    return tables


def test_markdown_reads_back_cell_by_cell(comparison: Comparison) -> None:
    found = markdown_tables(render(comparison, "markdown"))
    expected = grids(comparison)
    assert len(found) == len(expected)
    for table, grid in zip(found, expected, strict=True):
        assert table[0] == list(grid.columns)
        assert table[1:] == [[entry.text for entry in row] for row in grid.rows]


def test_markdown_names_stay_text() -> None:
    table = markdown_tables(render(evil(), "markdown"))[0]
    assert {row[0] for row in table[1:]} == {plain(name) for name in EVIL}
    assert {len(row) for row in table} == {len(table[0])}
    for name in EVIL:
        html = MarkdownIt("commonmark", {"html": True}).renderInline(markdown_text(name))
        assert "<" not in html and "![" not in re.sub(r"&\w+;", "", markdown_text(name))


def test_bold_is_the_top_tie_group(comparison: Comparison) -> None:
    top = {cell.system for cell in comparison.cells if cell.metric == "psnr" and cell.top}
    scores = grids(comparison)[0]
    place = scores.columns.index("psnr ↑ (dB)")
    assert {row[0].text for row in scores.rows if row[place].strong} == top == {"av1 3"}
    tie = compare(Made({"psnr": {"A": np.ones((10, 2)), "B": np.ones((10, 2))}}).results())
    assert all(row[2].strong for row in grids(tie)[0].rows)
    assert [row[3].text for row in grids(tie)[0].rows] == ["1–2", "1–2"]
    bold = re.findall(r"\\textbf\{([^}]*)\}", render(tie, "latex"))
    assert len(bold) == 4
    assert "\x1b[1m" in drawn(tie, 100, color=True)


def _no_latex() -> str:
    """Why nothing can be compiled here; empty where it can."""
    if not shutil.which("pdflatex"):
        return "there is no pdflatex: apt-get install texlive-latex-recommended"
    found = subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False)
    return "" if found.returncode == 0 else "there is no booktabs: apt-get install texlive-latex-recommended"


@pytest.mark.skipif(bool(_no_latex()), reason=_no_latex())
@pytest.mark.parametrize("kind", ["evil", "sweep"])
def test_latex_compiles_and_fits_the_page(kind: str, tmp_path: Path, comparison: Comparison) -> None:
    head = "\\documentclass{article}\\usepackage[a4paper,margin=2cm]{geometry}\\usepackage{booktabs}\n"
    body = render(evil() if kind == "evil" else comparison, "latex")
    (tmp_path / "t.tex").write_text(f"{head}\\begin{{document}}\n{body}\\end{{document}}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([0-9.]+)pt", done.stdout)]
    assert max(wide, default=0.0) < 15.0, done.stdout[-2000:]


def test_latex_is_balanced_and_nothing_escapes() -> None:
    text = render(evil(), "latex")
    assert text.count(r"\begin{tabular}") == text.count(r"\bottomrule") == text.count(r"\toprule") >= 3
    depth = 0
    for i, c in enumerate(text):
        if text[i - 1] != "\\" or text[i - 2 : i] == "\\\\":
            depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0
    commands = set(re.findall(r"\\([A-Za-z]+)", text))
    assert commands <= {
        *("begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "textbf", "textit", "pm"),
        *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "uparrow", "downarrow"),
        *("textbar", "small", "medskip", "linewidth"),
    }
    for line in text.splitlines():
        if line.endswith(r"\\") and "psnr" not in line:
            assert len(re.findall(r"(?<!\\)&", line)) in (1, 2, 3, 4, 5)  # columns past the page go on below
    assert latex_text("a_b & 5% [x]") == r"a\_b \& 5\% {[}x{]}"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_terminal_shows_every_number_whole_at_any_width(comparison: Comparison, width: int) -> None:
    text = drawn(comparison, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for row in comparison.systems:
        cell = comparison.cell(row.name, "lpips")
        assert plus_minus(cell.mean, cell.interval) in text and row.name in text
    assert "[11/12]" in text and "lpips: 11 of 12 cases" in re.sub(r"\s+", " ", text)


def test_terminal_names_are_not_markup() -> None:
    text = drawn(evil(), 200, color=True)
    assert "[red]bold[/red]" in text and "\x1b[31m" not in text and "\u202e" not in text


def test_a_wide_grid_is_split_with_its_names_repeated_and_ranks_kept_beside_their_metric() -> None:
    entries = tuple(Entry(text) for text in ("a name", "1.23 ±0.45", "1", "2.34 ±0.56", "2"))
    grid = Grid("T", ("system", "psnr", "rank", "ssim", "rank"), (entries,), notes=("note",))
    assert split(grid, 200) == (grid,)
    first, second = split(grid, 35)
    assert first.columns == ("system", "psnr", "rank") and second.columns == ("system", "ssim", "rank")
    assert (first.notes, second.notes) == ((), ("note",)) and second.title == "T (continued)"


def test_failures_and_missing_values_are_shown() -> None:
    text = render(evil(), "markdown")
    assert "### Failures" in text and "VideoError" in text
    floor = render(compare(sweep().results()), "csv")
    assert re.search(r"^floor mean,floor mean,false,.*,,,", floor, re.M)  # a floor has no tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (plus_minus(31.4159, None), "31.42"),
        (plus_minus(-0.5, None, signed=True), "-0.5"),
        (amount(0.0), "0"),
        (amount(3.0), "3.00"),
        (counted(1, "core"), "1 core"),
        (amount(1e6), "1,000,000"),
        (probability(0.9999), "1.000"),
        (probability(0.0), "<0.001"),
    ],
)
def test_numbers(text: str, expected: str) -> None:
    assert text == expected


def test_an_unknown_format_gets_a_hint() -> None:
    with pytest.raises(UsageError, match="Did you mean 'latex'"):
        render(compare(sweep(videos=3).results()), "latx")
