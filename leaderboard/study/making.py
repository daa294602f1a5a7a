"""`keepframe study new`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import Progress

from bench.store import Store
from leaderboard.study import new as studies
from leaderboard.study import sources
from leaderboard.study.config import StudyConfig
from leaderboard.study.engine import check_url, sqlite_warning
from leaderboard.study.planning import plan_of, read_pilot
from runners.console import err, last_line, say


@dataclass(frozen=True)
class Making:
    """How a study is made; unlike its terms, this is not kept.

    Parameters
    ----------
    run
        Take the stored answers of this run, when no folder is given.
    store
        The result folder that has the run.
    only
        Systems of the run; all of them by default.
    texts
        A JSON file with what raters read above each pair: {prompt: text}.
    skip_incomplete
        Leave out prompts that a system lacks or that cannot be read.
    half_width
        The wanted interval around every difference, in Elo points.
    tie_rate
        The share of ties to plan with.
    pilot
        An earlier study (folder, export or file of votes): plan with what it measured instead of a guess.
    ledger
        A PostgreSQL database for the votes; SQLite in the folder by default.
    dry_run
        Print the plan and make nothing.
    """

    run: str = "latest"
    store: Path = Path("results")
    only: tuple[str, ...] = ()
    texts: Path | None = None
    skip_incomplete: bool = False
    half_width: float = 35.0
    tie_rate: float = 0.25
    pilot: Path | None = None
    ledger: str = ""
    dry_run: bool = False


_TERMS, _MAKING = StudyConfig(), Making()


def new(
    folder: Annotated[Path, Parameter(help="Where the study will live: a new folder.")],
    *systems: Annotated[str, Parameter(help="Folders of videos, one a system: NAME=FOLDER. Without them: --run.")],
    terms: Annotated[StudyConfig, Parameter(name="*")] = _TERMS,
    making: Annotated[Making, Parameter(name="*")] = _MAKING,
) -> int:
    """Make a study: clips alike and without names, pairs, checks, and the plan.

    Example: keepframe study new mystudy ours=out/ours theirs=out/theirs --per-rater 20
    """
    url = check_url(making.ledger) if making.ledger else ""
    if systems:
        videos = sources.from_folders(systems)
    else:
        videos = sources.from_run(Store.existing(making.store), making.run, making.only)
    with err.status("reading the videos"):
        found = sources.check(videos, skip_incomplete=making.skip_incomplete)
    texts = studies.read_texts(making.texts, found.prompts)
    plan = plan_of(
        terms,
        len(found.clips),
        len(found.prompts),
        wanted_elo=making.half_width,
        tie_rate=making.tie_rate,
        pilot=read_pilot(making.pilot) if making.pilot else None,
    )
    for line in (*plan.lines(), *found.notes):
        say(line)
    if making.dry_run:
        return 0
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("making the clips alike")
        studies.create(
            folder, terms, found, texts, url=url,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            told=say,
        )  # fmt: skip
    if not url and sqlite_warning():
        say(sqlite_warning(), to=err)
    say(f"The study is in {folder}. Next: keepframe study serve {folder}")
    last_line({"study": str(folder), "votes_planned": plan.votes, "votes_needed": plan.needed})
    return 0
