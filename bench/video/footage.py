"""A folder of videos, as the benchmark sees it: what can be measured, what cannot, and what is known of each.

Nothing is dropped in silence. A file that cannot be read stays in the list with its problem, and becomes
failed rows; the same video twice is measured once, and said, unless every file is asked for. Reading every file from
end to end and hashing it is slow, so the facts are kept in a cache keyed by path, size and modification time.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import UsageError, VideoError
from bench.types import Clip, Prompt
from bench.video.annotation import Notes, manifest, sidecar
from bench.video.clip import probe
from bench.video.probed import Probed

EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mpg", ".mpeg", ".ogv", ".flv", ".wmv"}
    | {".y4m", ".h264", ".hevc"}
)

Progress = Callable[[int, int, str], None]
"""Called as `progress(done, total, name)` after each file."""


@dataclass(frozen=True)
class Item:
    """One video of the footage, or one file that should have been one.

    `name` is the path relative to the folder, with forward slashes: the case id, and the statistical group.
    Exactly one of `clip` and `problem` is set. `cuts` holds the index of the first frame of each new shot;
    `None` means that nobody looked, `()` that there are none.
    """

    name: str
    path: Path
    clip: Clip | None
    problem: str | None = None
    caption: str = ""
    tags: tuple[str, ...] = ()
    cuts: tuple[int, ...] | None = None
    storyboard: tuple[Prompt, ...] = ()
    annotation: Path | None = None


@dataclass(frozen=True)
class Footage:
    """The videos in order of name, and what the user should be told about the folder."""

    items: tuple[Item, ...]
    warnings: tuple[str, ...] = field(default=())


def load(
    folder: Path, *, progress: Progress | None = None, cache: Path | None = None, every_file: bool = False
) -> Footage:
    """Every video under `folder` (or the one video that `folder` is), probed and annotated.

    A `MANIFEST.csv` or `manifest.csv` in the folder may add captions, tags and cuts; so may a `.json`
    beside a clip (see `bench.video.annotation`). The manifest wins where both speak. `cache` is a JSON file
    that remembers what was probed; it may be deleted at any time. With `every_file` copies stay: what a generator
    made for two prompts is two answers, also where it made the same.

    Raises `UsageError` when there is no such folder or no video in it, or when an annotation is wrong. A
    video that cannot be read raises nothing: its item carries the problem.

    >>> import tempfile
    >>> load(Path(tempfile.mkdtemp()))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    bench.errors.UsageError: ... holds no video files...
    """
    files = _videos(folder)
    notes = manifest(folder) if folder.is_dir() else {}
    names = sorted(files.keys() | notes.keys())
    if not names:
        raise UsageError(
            f"{folder}: holds no video files ({', '.join(sorted(EXTENSIONS))})",
            "Give a folder with videos in it, or run `keepframe quickstart` for procedural footage.",
        )
    known = Probed(cache)
    items: list[Item] = []
    for done, name in enumerate(names, start=1):
        items.append(_item(name, files.get(name, folder / name), notes.get(name), known))
        if progress:
            progress(done, len(names), name)
    known.save()
    return _each_by_itself(items) if every_file else _measured_once(items)


def _videos(folder: Path) -> dict[str, Path]:
    """Name -> path. Hidden files and folders are skipped: unfinished renders, caches, resource forks."""
    if folder.is_file():
        return {folder.name: folder}
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: no such file or folder",
            "Check the path: a typed one is relative to where you are, a spec's to its folder.",
        )
    found: dict[str, Path] = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_store(Path(parent, name))]
        for name in files:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in EXTENSIONS:
                found[path.relative_to(folder).as_posix()] = path
    return found


def _is_store(folder: Path) -> bool:
    """A result folder among the videos: what it holds are our own predictions."""
    return (folder / "store.json").is_file()


def _item(name: str, path: Path, listed: Notes | None, known: Probed) -> Item:
    beside = sidecar(path)
    notes = (listed or Notes()).over(beside or Notes())
    item = Item(
        name=name,
        path=path,
        clip=None,
        caption=notes.caption,
        tags=notes.tags,
        cuts=notes.cuts,
        storyboard=notes.storyboard or ((Prompt(0.0, notes.caption),) if notes.caption else ()),
        annotation=path.with_suffix(".json") if beside else None,
    )
    if not path.exists():
        return replace(item, problem=f"{path}: is in the manifest but not in the folder")
    try:
        clip = known.clip(path) or known.remember(probe(path))
    except VideoError as error:
        return replace(item, problem=str(error))
    except OSError as error:
        return replace(item, problem=f"{path}: cannot be opened: {error.strerror or error}")
    if notes.cuts and notes.cuts[-1] >= clip.frames:
        raise UsageError(
            f"{name}: is annotated with a cut at frame {notes.cuts[-1]} but has {clip.frames} frames",
            "Cuts are the index of the first frame of each new shot, counted from 0.",
        )
    return replace(item, clip=clip)


def _each_by_itself(items: list[Item]) -> Footage:
    first: dict[str, Item] = {}
    copies = [
        (item, same) for item in items if item.clip and (same := first.setdefault(item.clip.digest, item)) != item
    ]
    said = [
        f"{len(copies)} of {len(items)} videos {'is a copy' if len(copies) == 1 else 'are copies'} "
        f"(as {copy.name} is of {same.name}); each counts by itself"
        for copy, same in copies[:1]
    ]
    return Footage(tuple(items), tuple(said))


def _measured_once(items: list[Item]) -> Footage:
    first: dict[str, Item] = {}
    warnings: list[str] = []
    kept: list[Item] = []
    for item in items:
        same = first.setdefault(item.clip.digest, item) if item.clip else item
        if same is item:
            kept.append(item)
        else:
            warnings.append(f"{item.name} is the same video as {same.name}; measured once")
    return Footage(tuple(kept), tuple(warnings))
