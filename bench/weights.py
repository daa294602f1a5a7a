"""Published weights on this machine: which are here, and whether they are the published ones.

Keepframe ships none of them, downloads none behind the user's back, and never scores with anything else: a metric
whose weights are missing says so and names the command that fetches them. A file counts as present only when its
sha256 is the one in the catalogue, so a mirror, a colleague's folder and the publisher are equally good sources.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bench import weights_catalogue
from bench.errors import UnavailableError, UsageError, did_you_mean
from bench.weights_catalogue import WeightFile

FOLDER_VARIABLE = "KEEPFRAME_WEIGHTS"

Status = Literal["present", "missing", "damaged"]


@dataclass(frozen=True)
class WeightState:
    """A catalogue entry and what this machine has of it. `detail` is one sentence for a person."""

    file: WeightFile
    status: Status
    path: Path
    detail: str


def weights_dir() -> Path:
    """Where weights lie: `KEEPFRAME_WEIGHTS`, else `keepframe/weights` in `XDG_CACHE_HOME` or `~/.cache`."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "keepframe" / "weights"


def status(name: str) -> Status:
    """Whether the file is here and whole. Reads it once in a process; after that, only if it changed.

    Raises:
        UsageError: no such name in the catalogue.
    """
    return state(name).status


def state(name: str) -> WeightState:
    """`status` with the path and a sentence, for `keepframe weights list`.

    Raises:
        UsageError: no such name in the catalogue.
    """
    file = _entry(name)
    path = weights_dir() / file.filename
    if not path.is_file():
        return WeightState(file, "missing", path, f"not at {path}")
    problem = problem_of(file, path)
    if problem:
        return WeightState(file, "damaged", path, problem)
    return WeightState(file, "present", path, "sha256 matches" if file.sha256 else "size as expected, digest unknown")


def mend(path: Path) -> str:
    """How to replace a file that is there, of the published length, and yet of no use."""
    names = [file.name for file in weights_catalogue.CATALOGUE if file.filename == path.name]
    return f"keepframe weights fetch {names[0]} --again" if names else "Delete that file, and get it again."


@contextmanager
def stand_ins(files: Mapping[str, Path]) -> Iterator[None]:
    """These files in the place of published ones, in this process and until the end of the block.

    For proofs that put the same random numbers into two programs. Nothing a user can set does this: random weights
    must never make a score that is shown as one.
    """
    before = dict(_STAND_INS)
    _STAND_INS.update(files)
    try:
        yield
    finally:
        _STAND_INS.clear()
        _STAND_INS.update(before)


_STAND_INS: dict[str, Path] = {}


def digest(name: str) -> str:
    """Which numbers these are: the published sha256 where it is known whole, else that of the file itself.

    Raises UnavailableError when the file is needed for it and missing.
    """
    known = None if name in _STAND_INS else _entry(name).sha256
    if known is not None and len(known) == 64:
        return known
    found = path(name)
    facts = found.stat()
    return _digest(found, facts.st_size, facts.st_mtime_ns)


def path(name: str) -> Path:
    """The file, present and whole.

    Raises:
        UnavailableError: it is missing or damaged; the message ends with the command that fetches it.
        UsageError: no such name in the catalogue.
    """
    if name in _STAND_INS:
        return _STAND_INS[name]
    found = state(name)
    if found.status == "present":
        return found.path
    raise UnavailableError(
        f"The weights {name!r} are {found.status}: {found.detail}.", f"keepframe weights fetch {name}"
    )


def missing(names: Iterable[str]) -> str | None:
    """None when all of these are here and whole, else which are not, and the one command that fetches them.

    Raises:
        UsageError: no such name in the catalogue.
    """
    absent: dict[str, str] = {}
    for name in names:
        try:
            path(name)
        except UnavailableError as error:
            absent[name] = error.what
    return f"{' '.join(absent.values())}\n  keepframe weights fetch {' '.join(absent)}" if absent else None


def _entry(name: str) -> WeightFile:
    entries = {file.name: file for file in weights_catalogue.CATALOGUE}
    if name not in entries:
        raise UsageError(f"No weights are called {name!r}.", did_you_mean(name, entries))
    return entries[name]


def problem_of(file: WeightFile, path: Path) -> str | None:
    """What is wrong with the file, or None."""
    facts = path.stat()
    if file.exact_size and facts.st_size != file.size_bytes:
        return f"{path} has {facts.st_size} bytes, the published file {file.size_bytes}"
    if facts.st_size < 0.8 * file.size_bytes:
        return f"{path} has {facts.st_size} bytes, the published file about {file.size_bytes}"
    if file.sha256:
        digest = _digest(path, facts.st_size, facts.st_mtime_ns)
        if not digest.startswith(file.sha256):
            return f"{path} has sha256 {digest[:12]}…, the published file {file.sha256[:12]}…"
    return None


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """sha256 of the file; size and time only tell a changed file from the one that was read before."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
