"""`keepframe study serve`, `invite` and `status`."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.errors import UsageError
from leaderboard.study import serve as server
from leaderboard.study.folder import StudyFolder
from runners.console import err, last_line, say

Folder = Annotated[Path, Parameter(help="The study's folder.")]
DAY_MS = 86_400_000


def serve(
    folder: Folder,
    *,
    address: Annotated[str, Parameter(help="The address of this machine to listen at.")] = server.LOOPBACK,
    port: Annotated[int, Parameter(help="0 takes a free one.")] = 8601,
    public_url: Annotated[str, Parameter(help="The https address under which raters reach the study.")] = "",
) -> None:
    """Serve the raters' page until Ctrl-C.

    Example: keepframe study serve mystudy
    """
    server.serve(folder, address=address, port=port, public_url=public_url)


def invite(
    folder: Folder,
    source: Literal["link", "open", "prolific", "mturk"] = "link",
    *,
    count: Annotated[int, Parameter(help="How many personal links.")] = 1,
    days: Annotated[float, Parameter(help="How long they are good.")] = 30.0,
    public_url: Annotated[str, Parameter(help="The address under which raters reach the study.")] = "",
) -> None:
    """Print signed links: personal ones, or one for anybody, or the one to give to Prolific or MTurk.

    Example: keepframe study invite mystudy --count 20
    """
    import secrets

    from leaderboard.study.links import Links

    study = StudyFolder.existing(folder)
    if count < 1 or days <= 0:
        raise UsageError("--count and --days must be above 0.")
    with study.ledger() as ledger:
        links, until_ms = Links(study.key(), ledger.id), ledger.clock.now_ms() + round(days * DAY_MS)
    where = public_url.rstrip("/") or "http://127.0.0.1:8601"
    if source == "link":
        for _ in range(count):
            print(f"{where}/s/{links.invitation(source, secrets.token_hex(4), until_ms=until_ms)}")
        return
    token = links.invitation(source, until_ms=until_ms)
    asked = "?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    worker = "?workerId=${workerId}&assignmentId=${assignmentId}&hitId=${hitId}"
    print(f"{where}/s/{token}{ {'prolific': asked, 'mturk': worker}.get(source, '') }")


def status(folder: Folder) -> None:
    """How far the study is.

    Example: keepframe study status mystudy
    """
    from leaderboard.study.engine import sqlite_warning
    from leaderboard.study.results import read_results

    found = read_results(folder)
    kinds = Counter(event.kind for event in found.events)
    overall = found.votes.on("overall")
    votes = len(overall)
    planned = found.config.raters * found.config.per_rater
    pairs = Counter(map(frozenset, zip(overall.left.tolist(), overall.right.tolist(), strict=True)))
    state = "closed" if found.closed else "open"
    people = "SIMULATED raters" if found.simulated else "raters"
    lines = [
        f"{found.config.title} ({found.study_id}): {state}",
        f"{votes} of {planned} votes; {kinds['enrol']} {people} came, {kinds['consent']} agreed, "
        f"{kinds['complete']} finished, {int(found.excluded.sum())} are excluded",
        f"votes on a pair of systems: {min(pairs.values(), default=0)} to {max(pairs.values(), default=0)}; "
        f"{kinds['could_not_play']} times a pair could not be played",
        f"checks answered right: {int(found.gold_right.sum())} of {len(found.gold_right)}",
        f"head {found.head.hash} at row {found.head.seq}: note it down, `keepframe study verify` can look for it",
    ]
    for line in lines:
        say(line)
    if sqlite_warning():
        say(sqlite_warning(), to=err)
    last_line(
        {"state": state, "votes": votes, "planned": planned, "simulated": found.simulated, "head": found.head.hash}
    )
