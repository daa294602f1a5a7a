"""How published weights get to this machine: from a folder, a mirror or the publisher, and only when asked for."""

import os
import shutil
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from bench.errors import KeepframeError, UnavailableError
from bench.weights import FOLDER_VARIABLE, problem_of, state, weights_dir
from bench.weights_catalogue import WeightFile

MIRROR_VARIABLE = "KEEPFRAME_WEIGHTS_URL"

Progress = Callable[[int, int | None], None]
"""Called with the bytes on disk so far and the bytes there will be, None where the server does not say."""

_BLOCK = 1 << 20  # bytes read at a time
_TIMEOUT_S = 30.0


def fetch(name: str, *, progress: Progress | None = None, folder: Path | None = None, again: bool = False) -> Path:
    """Put the file in place, unless it is there and whole already: from `folder`, the mirror, or the publisher.

    A broken download is kept and gone on with next time. The file appears under its name only when it is whole.

    Args:
        name: a name of the catalogue.
        progress: told how far the download is.
        folder: copy the file from here, under its published name, and use no network.
        again: also when it is there. Where no digest was published, a file of the right length may be another.

    Returns:
        Where the file lies.

    Raises:
        UnavailableError: the source cannot be reached or lacks the file, or the disk is full.
        KeepframeError: what arrived is not the published file; it was removed.
        UsageError: no such name in the catalogue.
    """
    found = state(name)
    if found.status == "present" and not again:
        return found.path
    target = found.path
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if folder is not None:
            source = str(_in_folder(found.file, folder))
            shutil.copyfile(source, partial)
        else:
            source = _address(found.file)
            _download(source, partial, found.file, progress)
        problem = problem_of(found.file, partial)
        if problem:
            partial.unlink()
            raise KeepframeError(
                f"What {source} gave is not {found.file.filename}: {problem}. It was removed.",
                f"Fetch again, or from another source: set {MIRROR_VARIABLE}=https://host/folder.",
            )
        partial.replace(target)
    except OSError as error:  # network errors are UnavailableError by now: this one is about the disk
        raise UnavailableError(
            f"{target} cannot be written: {error.strerror or error}.",
            f"Make room ({found.file.size_bytes / 1e6:.0f} MB), or set {FOLDER_VARIABLE} to another folder.",
        ) from error
    return target


def _in_folder(file: WeightFile, folder: Path) -> Path:
    source = folder / file.filename
    if not source.is_file():
        raise UnavailableError(f"{folder} has no {file.filename}.", f"Download it from {file.url} into that folder.")
    return source


def _address(file: WeightFile) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return f"{mirror.rstrip('/')}/{file.filename}" if mirror else file.url


def _download(url: str, partial: Path, file: WeightFile, progress: Progress | None) -> None:
    """Bring `partial` to the full length, going on from what it has where the server can."""
    have = partial.stat().st_size if partial.exists() else 0
    if (
        file.exact_size and have >= file.size_bytes
    ):  # whole, or not of this file: the digest tells, and a bad one is removed
        return
    with _opened(url, have, partial, file) as response:
        resumed = have > 0 and response.status == 206
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with partial.open("ab" if resumed else "wb") as sink:
            while block := _block(response, url, file):
                sink.write(block)
                have += len(block)
                if progress:
                    progress(have, total)
    if total is not None and have < total:
        raise UnavailableError(
            f"{url} broke off after {have} of {total} bytes.",
            f"keepframe weights fetch {file.name}  (it goes on from there)",
        )


def _opened(url: str, have: int, partial: Path, file: WeightFile) -> Any:
    """The response to a request for all bytes from `have` on."""
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except (OSError, HTTPException, ValueError) as error:
        if getattr(error, "code", None) == 416:  # the server's file ends before ours begins: start over next time
            partial.unlink()
        raise UnavailableError(f"{url} cannot be downloaded: {_reason(error)}.", _ways_out(file)) from error


def _block(response: Any, url: str, file: WeightFile) -> bytes:
    try:
        return bytes(response.read(_BLOCK))
    except (OSError, HTTPException) as error:
        raise UnavailableError(f"{url} broke off: {_reason(error)}.", _ways_out(file)) from error


def _reason(error: Exception) -> object:
    return getattr(error, "reason", None) or error


def _ways_out(file: WeightFile) -> str:
    return (
        f"Either set {MIRROR_VARIABLE} to a mirror (the folder's address) and fetch again,\n"
        f"  or download {file.url} elsewhere, copy it to {weights_dir() / file.filename},\n"
        f"  and check it with: keepframe weights verify"
    )
