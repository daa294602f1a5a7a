"""The studies that the board was started with, ranked once and kept until their ledgers grow.

Reading a ledger never waits for its server and never writes. What is kept is addressed by the ledger's last hash, so a
new vote shows on the next rerun.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from bench.errors import KeepframeError
from leaderboard.ranking import record_at
from suites.preference.export_file import VOTES
from suites.preference.findings import Findings, Reading, findings
from suites.preference.record import Record


def folders() -> list[Path]:
    """Where the studies are, as the board was told."""
    from leaderboard.serve import STUDY_VARIABLE

    return [Path(one) for one in os.environ.get(STUDY_VARIABLE, "").split(os.pathsep) if one]


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """The studies by the names that the page lists; of those with one name, the second is numbered 2.

    >>> list(named([Path("a/mine"), Path("b/mine"), Path("b/theirs.csv")]))
    ['mine', 'mine (2)', 'theirs']
    """
    found: dict[str, Path] = {}
    for folder in folders:
        same = sum(other.stem == folder.stem for other in found.values())
        found[f"{folder.stem} ({same + 1})" if same else folder.stem] = folder
    return found


def state(folder: Path) -> str:
    """Changes when there is something new: the ledger's last hash, or when a file of votes was last written."""
    file = folder / VOTES if folder.is_dir() else folder
    if file.is_file() or not folder.is_dir():
        return str(file.stat().st_mtime_ns) if file.exists() else ""
    from leaderboard.study.folder import StudyFolder

    with StudyFolder.existing(folder).ledger() as ledger:
        return ledger.head().hash


@st.cache_resource(max_entries=4, show_spinner="Reading the votes …")
def voted(folder: Path, state: str) -> Record:
    """The votes of a study, as they were in this state. Raises `KeepframeError`."""
    return record_at(folder)


@st.cache_resource(max_entries=8, show_spinner="Ranking …")
def ranking(folder: Path, state: str, anchor: str | None, simulated: bool) -> Findings | KeepframeError:
    """What the votes say; or why they say nothing yet."""
    try:
        return findings(voted(folder, state), Reading(anchor=anchor, simulated=simulated))
    except KeepframeError as problem:
        return problem
