"""A human study on the terminal, in Markdown, LaTeX, CSV and JSON. What is said is `reports.study`."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.errors import UsageError, did_you_mean
from reports.formats import csv_field, latex_table, markdown_table, print_grids
from reports.study import study_grids
from suites.preference.findings import Findings

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "keepframe.study/1"


def render_study(found: Findings, form: str) -> str:
    """The study as "markdown", "csv", "latex" or "json". The terminal has `print_study`.

    Raises `UsageError` for another form.
    """
    if form not in FORMATS:
        raise UsageError(f"There is no format {form!r}.", did_you_mean(form, FORMATS))
    return FORMATS[form](found)


def print_study(found: Findings, console: "Console | None" = None) -> None:
    """Draw the tables on a terminal (or on this console)."""
    print_grids(study_grids(found), console)


def to_markdown(found: Findings) -> str:
    """GitHub-flavoured tables, one heading each."""
    return "\n\n".join(markdown_table(grid) for grid in study_grids(found)) + "\n"


def to_latex(found: Findings) -> str:
    """`table` environments with booktabs rules."""
    return "\n".join(latex_table(grid) for grid in study_grids(found))


def to_csv(found: Findings) -> str:
    """One row per criterion and system, all digits, empty for None."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for ranking in found.rankings:
        for place in ranking.places:
            bad = place.both_bad
            row = [ranking.criterion, place.system, place.tier, *place.ranks, place.elo]
            row += [*(place.interval or (None, None)), len(place.beats), place.first_share, place.unbounded]
            row += [bad.mean, *(bad.interval or (None, None)), place.votes, ranking.raters, ranking.prompts]
            writer.writerow([csv_field(value) for value in (*row, ranking.model, found.simulated, found.head)])
    return out.getvalue()


_CSV = (
    *("criterion", "system", "tier", "rank_best", "rank_worst", "elo", "low", "high", "beats", "first_share"),
    *("unbounded", "both_bad", "both_bad_low", "both_bad_high", "votes", "raters", "prompts", "model"),
    *("simulated", "ledger_head"),
)


def to_json(found: Findings) -> str:
    """One line. `schema` changes when a field changes its meaning or goes away."""
    return json.dumps({"schema": SCHEMA} | dataclasses.asdict(found), allow_nan=False, ensure_ascii=False)


FORMATS: dict[str, Callable[[Findings], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "json": to_json,
}
