"""A check for people: on a terminal, and as the comment under a pull request.

A comment has at most 65,536 characters. Where it would be longer, what says least goes first: slices, then the list of
lost cases, then warnings; the verdict, its reasons and the table always stay, and what was cut is said.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from reports.formats import markdown_text
from reports.gate.say import difference, headline, look_sentence, sides_sentence
from reports.gate.verdicts import Check, Lost, MetricVerdict, SliceRow
from reports.glossary import metric_title
from reports.grids import MISSING, plus_minus, printable, probability

if TYPE_CHECKING:
    from rich.console import Console

COMMENT_LIMIT = 65_536
LONGEST = 300  # characters of one name or message
COLUMNS = ("metric", "verdict", "baseline", "candidate", "difference", "margin", "p", "videos", "lost")
SLICE_COLUMNS = ("slice", "metric", "difference", "p", "videos")
ICONS = {
    "pass": "✅",
    "improved": "✅",
    "regressed": "❌",
    "missing": "❌",
    "inconclusive": "❔",
    "not comparable": "⛔",
}


def rows(metrics: Sequence[MetricVerdict]) -> list[tuple[str, ...]]:
    """The table: one row a metric, those that gate first; columns as in `COLUMNS`."""
    ordered = sorted(metrics, key=lambda m: m.role != "gate")
    return [
        (
            metric_title(m.metric.name) + ("" if m.role == "gate" else " (info)"),
            m.verdict,
            _score(m.baseline_mean),
            _score(m.candidate_mean),
            difference(m),
            MISSING if m.margin is None else f"{m.margin:.3g}",
            probability(m.p_holm),
            str(m.videos),
            str(len(m.lost)) if m.lost else MISSING,
        )
        for m in ordered
    ]


def slice_rows(slices: Sequence[SliceRow]) -> list[tuple[str, ...]]:
    """Columns as in `SLICE_COLUMNS`."""
    return [
        (
            s.name,
            metric_title(s.metric),
            plus_minus(s.mean, s.interval, signed=True),
            probability(s.p_holm),
            str(s.videos),
        )
        for s in slices
    ]


def print_check(check: Check, console: "Console") -> None:
    """Draw the verdict, its reasons, the table and the warnings."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if check.metrics:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        body = rows(check.metrics)
        shown = _fitting(body, console.width)
        for i, name in enumerate(COLUMNS[:shown]):
            table.add_column(name, justify="left" if i < 2 else "right", no_wrap=True)
        for row in body:
            table.add_row(Text(row[0]), Text(row[1], style=_style(row[1])), *(Text(t) for t in row[2:shown]))
        console.print(table)
    listed = ", ".join(f"{s.name} ({metric_title(s.metric)})" for s in check.slices if s.worse)
    if listed:
        console.print(Text(printable(f"Shown to be worse on: {listed}."), style="dim"))
    for line in (*check.reasons, *check.warnings):
        console.print(Text(f"- {printable(line)}"))
    if check.look:
        console.print(Text(printable(f"{sides_sentence(check)} {look_sentence(check)}"), style="dim"))
    console.print(Text(headline(check), style=_style(check.verdict)))


def markdown(check: Check, limit: int = COMMENT_LIMIT) -> str:
    """GitHub-flavoured Markdown of at most `limit` characters: verdict, reasons, table, and what else has room."""
    head = [f"### {ICONS[check.verdict]} {markdown_text(headline(check))}", ""]
    sides = [
        f"`{_code(s.system)}` of run `{s.run[:8]}`" if s.run else f"`{_code(s.reference)}`"
        for s in (check.candidate, check.baseline)
    ]
    head += [f"{sides[0]} against {sides[1]}. {markdown_text(look_sentence(check))}", ""]
    head += [f"- {_said(line)}" for line in check.reasons]
    if check.metrics:
        head += ["", *_table(COLUMNS, rows(check.metrics), left=2)]
    parts = {
        "warnings": [f"- {_said(line)}" for line in check.warnings],
        "lost cases": [f"- {_said(_lost(one))}" for one in check.lost],
        "slices, to look at: they do not decide": _table(SLICE_COLUMNS, slice_rows(check.slices), left=2)
        if check.slices
        else [],
    }
    text = "\n".join(head) + "\n"
    if len(text) > limit:
        return text[: limit - 2].rsplit("\n", 1)[0] + "\n…"
    for title, lines in parts.items():
        text = _with_part(text, title, lines, limit)
    return text


def _fitting(body: Sequence[Sequence[str]], width: int) -> int:
    """How many of the columns have room; the reasons say the rest."""
    widths = [max(map(len, column)) + 2 for column in zip(COLUMNS, *body, strict=True)]
    return max(2, bisect_right(list(accumulate(widths)), width))


def _style(verdict: str) -> str:
    styles = {"pass": "green", "improved": "green", "regressed": "bold red", "missing": "bold red"}
    return styles.get(verdict, "yellow")


def _lost(one: Lost) -> str:
    return f"{one.case}, {one.metric or 'everything'}: {one.why}"


def _with_part(text: str, title: str, lines: Sequence[str], limit: int) -> str:
    """The text with a folded part of as many of the lines as fit; a part that has no room is left out, and said."""
    if not lines:
        return text
    start = f"\n<details><summary>{title}</summary>\n\n"
    reserve = 60  # for "… and so many more" here, and for the parts that come after
    room = limit - len(text) - len(start) - len("\n\n</details>\n") - reserve
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    more = len(lines) - len(kept)
    if not kept:
        note = f"\n{title}: left out.\n"
        return text + note if len(text) + len(note) <= limit else text
    tail = f"\n\n… and {more} lines more" if more else ""
    return f"{text}{start}" + "\n".join(kept) + f"{tail}\n\n</details>\n"


def _table(columns: Sequence[str], body: Sequence[Sequence[str]], left: int) -> list[str]:
    lines = ["| " + " | ".join(columns) + " |"]
    lines.append("|" + "|".join(" --- " if i < left else " ---: " for i in range(len(columns))) + "|")
    return lines + ["| " + " | ".join(_said(text) for text in row) + " |" for row in body]


def _said(text: str) -> str:
    """Text as it is, cut to a line's length; an @ in it calls nobody."""
    return markdown_text(_cut(text)).replace("@", "@\u200b")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _code(text: str) -> str:
    return printable(_cut(text)).replace("`", "'")


def _score(value: float | None) -> str:
    return plus_minus(value, None)
