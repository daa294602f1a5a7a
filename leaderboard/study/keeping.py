"""`keepframe study verify`, `export`, `exclude`, `erase` and `close`: what keeps a study honest after the votes."""

from concurrent.futures import Future
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter

from bench.errors import KeepframeError, UsageError
from leaderboard.study import raters
from leaderboard.study.folder import StudyFolder
from leaderboard.study.writer import Refused
from runners.console import last_line, say

T = TypeVar("T")
Folder = Annotated[Path, Parameter(help="The study's folder.")]


def verify(folder: Folder, *, head: Annotated[str, Parameter(help="A head that was printed earlier.")] = "") -> int:
    """Check that no vote, event, pair or clip was changed; exit code 1 if one was.

    Example: keepframe study verify mystudy
    """
    from leaderboard.study.checking import problems

    study = StudyFolder.existing(folder)
    with study.ledger() as ledger:
        found = problems(study, ledger, head)
        newest = ledger.head()
    for problem in found[:50]:
        say(f"PROBLEM: {problem}")
    if not found:
        say(f"All {newest.seq} rows follow each other; pairs and clips are as they were.")
    last_line({"good": not found, "problems": len(found), "rows": newest.seq, "head": newest.hash})
    return 1 if found else 0


def export(folder: Folder, into: Annotated[Path, Parameter(help="A new folder for the files.")]) -> None:
    """Write votes.parquet, votes.jsonl, events.jsonl, raters.csv and study.json: pseudonyms only.

    Example: keepframe study export mystudy mystudy-data
    """
    from leaderboard.study.export import export as write

    study = StudyFolder.existing(folder)
    with study.ledger() as ledger:
        told = write(study, ledger, into)
    say(f"{told['votes']} votes are in {into}.")
    last_line(told)


def payments(folder: Folder, file: Annotated[Path, Parameter(help="A new CSV file.")]) -> None:
    """Write whom to pay: names at the platform, completion codes, votes, checks. The file names people: guard it.

    Example: keepframe study payments mystudy pay.csv
    """
    from leaderboard.study.export import payments as write

    with StudyFolder.existing(folder).ledger() as ledger:
        try:
            count = write(ledger, file)
        except FileExistsError:
            raise UsageError(f"{file} exists.", "Name a new file.") from None
    say(f"{count} raters are in {file}.")


def exclude(
    folder: Folder,
    rater: Annotated[str, Parameter(help="The rater's pseudonym (r-…).")],
    reason: Annotated[str, Parameter(help="Why; it is published.")],
    *,
    undo: Annotated[bool, Parameter(help="Take the exclusion back.", negative="")] = False,
) -> None:
    """Leave a rater's votes out of the ranking, by an event that anybody can see; the votes stay.

    Example: keepframe study exclude mystudy r-0123456789ab "2 of 4 gold pairs right"
    """
    if not reason.strip():
        raise UsageError("An exclusion needs a reason.", "Say why; it is published with the study.")
    kind = "include" if undo else "exclude"
    with StudyFolder.existing(folder).ledger(write=True) as ledger:
        _done(ledger.do(lambda tx: raters.mark(tx, kind, rater, reason)))
    say(f"{rater}: {kind}d.")


def erase(
    folder: Folder,
    source: Literal["link", "open", "prolific", "mturk"],
    name: Annotated[str, Parameter(help="Who: the platform's identifier, or the name in the link.")],
) -> None:
    """Forget who a rater is. Their votes stay, under a pseudonym that leads nowhere.

    Example: keepframe study erase mystudy prolific 5f0c…
    """
    study = StudyFolder.existing(folder)
    signed = study.key().sign("external", source, name)
    with study.ledger(write=True) as ledger:
        say(f"{_done(ledger.do(lambda tx: raters.erase(tx, source, signed)))}: erased.")


def close(folder: Folder, reason: Annotated[str, Parameter(help="Why now; it is published.")] = "") -> None:
    """End the study: no vote after this.

    Example: keepframe study close mystudy "the planned votes are in"
    """
    with StudyFolder.existing(folder).ledger(write=True) as ledger:
        _done(ledger.do(lambda tx: raters.close(tx, reason)))
        head = ledger.head()
    say(f"Closed at row {head.seq}, head {head.hash}: publish it with the ranking.")
    last_line({"closed": True, "head": head.hash, "rows": head.seq})


def _done(future: Future[T]) -> T:
    """What was written, with the ledger's refusals as errors of a command."""
    try:
        return future.result()
    except Refused as refused:
        raise KeepframeError(refused.reason, "keepframe study status FOLDER") from None
