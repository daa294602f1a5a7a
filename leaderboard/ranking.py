"""`keepframe study rank`: from a study's ledger, or a file of votes, to the ranking.

Here and not in `reports`, because only the board's side may open a ledger; what is said about the votes is
`reports.study`, the same for the terminal, the page and the board.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.errors import UsageError
from bench.store import Store
from runners.console import out, say
from suites.preference.export_file import VOTES, read_export
from suites.preference.findings import Findings, Reading, findings
from suites.preference.record import Record


@dataclass(frozen=True)
class Printing:
    """Where the ranking goes.

    Parameters
    ----------
    form
        How to print it.
    output
        Also write it as one HTML file.
    keep
        Show it in the report of the run that --scores and --run name, from now on.
    json
        The last line of stdout is JSON: what was found, whole.
    """

    form: Annotated[
        Literal["terminal", "markdown", "csv", "latex", "json"], Parameter(name="--format", help="How to print it.")
    ] = "terminal"
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None
    keep: Annotated[bool, Parameter(negative="")] = False
    json: Annotated[bool, Parameter(negative="")] = False


def rank(
    study: Annotated[Path, Parameter(help="The study's folder, an export of one, or a CSV file of votes.")],
    *,
    model: Annotated[str, Parameter(help="davidson, half-ties, decisive or rao-kupper.")] = "davidson",
    anchor: Annotated[str | None, Parameter(help="The system at 1000 points; default: the mean of all.")] = None,
    simulated: Annotated[bool, Parameter(help="Rank votes of programs too, and say so.", negative="")] = False,
    scores: Annotated[Path | None, Parameter(help="A result folder: do its metrics agree with the votes?")] = None,
    run: Annotated[str, Parameter(help="The run in it that the study was made from.")] = "latest",
    printing: Annotated[Printing, Parameter(name="*")] = Printing(),
) -> int:
    """Rank the systems of a study: places with honest intervals, tiers, one ranking for each criterion, how good the
    raters were, and how little would change the answer.

    A file of votes has a header with left, right (names of systems), outcome (left, right, tie, both_bad,
    cannot_judge), rater and prompt; and if known criterion, kind (real, repeat, gold, trap), correct, at_s, simulated,
    propensity and excluded.

    Examples:

        keepframe study rank mystudy

        keepframe study rank mystudy --scores results -o ranking.html

        keepframe study rank mystudy --scores results --run latest --keep

        keepframe study rank votes.csv --anchor mean-frame --format latex
    """
    from reports.study_formats import print_study, render_study
    from reports.study_html import write_study
    from reports.study_kept import keep

    if printing.keep and scores is None:
        raise UsageError("--keep needs the run that the ranking belongs to.", "Add --scores STORE --run RUN.")
    found = ranked(record_at(study), Reading(model, anchor, simulated), scores, run)
    if printing.form == "terminal":
        print_study(found, out)
    else:
        print(render_study(found, printing.form), end="" if printing.form != "json" else "\n")
    if printing.output is not None:
        write_study(found, printing.output)
        say(f"Page: {printing.output}")
    if printing.keep and scores is not None:
        say(f"Kept: {keep(found, Store.existing(scores), run)}")
    if printing.json and printing.form != "json":
        print(render_study(found, "json"))
    return 0


def ranked(record: Record, how: Reading, scores: Path | None = None, run: str = "latest") -> Findings:
    """What the votes say, and, with a result folder, whether its metrics agree."""
    if scores is None:
        return findings(record, how)
    from reports.study_metrics import stored_scores

    results = Store.existing(scores).results(run)
    return findings(record, how, stored_scores(results, record.votes.systems, record.votes.prompts))


def record_at(study: Path) -> Record:
    """The record of the study in this folder, of an export of one, or of a file of votes.

    Raises `UsageError` or `StoreError` where there is none of them.
    """
    if study.is_dir():
        if (study / VOTES).is_file():
            return read_export(study)
        return record_of(study)
    if not study.is_file():
        raise UsageError(f"There is nothing at {study}.", "Name a study's folder, an export of one, or a CSV file.")
    from suites.preference.votes_file import read_votes

    return read_votes(study)


def record_of(folder: Path) -> Record:
    """The record of the study in this folder, all from one moment of its ledger."""
    from leaderboard.study.results import read_results

    told = read_results(folder)
    out = {name for name, gone in zip(told.votes.raters, told.excluded.tolist(), strict=True) if gone}
    reasons = {one.subject: str(one.body.get("reason", "")) for one in told.events if one.kind == "exclude"}
    return Record(
        title=folder.resolve().name,
        votes=told.votes,
        at_s=told.received_s,
        propensity=told.propensity,
        check_rater=told.gold_rater,
        check_right=told.gold_right,
        repeats=told.repeats,
        excluded={name: reasons.get(name) or "no reason given" for name in out},
        simulated=told.simulated,
        head=told.head.hash,
    )
