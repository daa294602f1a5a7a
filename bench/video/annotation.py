"""What people wrote down about a folder's videos: a manifest CSV, and JSON files beside clips.

The manifest is the table that a person keeps in a spreadsheet: columns `file`, `caption`, `tags`, `cuts`,
of which only `file` must be there; other columns are ignored. `tags` and `cuts` are separated by `|`. An
empty `cuts` cell says that the video has no cuts, `?` that nobody looked.

The JSON beside a clip (`clip.json` for `clip.mp4`) is ours when it says `"format": "keepframe-annotation"`;
procedural clips come with one. Any other JSON file is left alone.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from bench.errors import UsageError
from bench.types import Prompt
from bench.video import storyboard

FORMAT = "keepframe-annotation"


@dataclass(frozen=True)
class Notes:
    """What is known of one video; an empty field says nothing."""

    caption: str = ""
    tags: tuple[str, ...] = ()
    cuts: tuple[int, ...] | None = None
    storyboard: tuple[Prompt, ...] = ()

    def over(self, other: "Notes") -> "Notes":
        """These notes, completed by `other` where they say nothing.

        >>> Notes(caption="A cat.").over(Notes(caption="An animal.", cuts=())).cuts
        ()
        """
        return Notes(
            self.caption or other.caption,
            self.tags or other.tags,
            other.cuts if self.cuts is None else self.cuts,
            self.storyboard or other.storyboard,
        )


def manifest(folder: Path) -> dict[str, Notes]:
    """Name -> notes from the folder's `MANIFEST.csv` or `manifest.csv`; nothing when it has neither.

    Raises `UsageError` naming the file and the line: no `file` column, a row without a file name or with
    more cells than columns, a file named twice or outside the folder, cuts that are not rising indices.
    """
    path = next((folder / name for name in ("MANIFEST.csv", "manifest.csv") if (folder / name).is_file()), None)
    if path is None:
        return {}
    notes: dict[str, Notes] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a byte order mark
            rows = csv.DictReader(file, skipinitialspace=True)
            if "file" not in (rows.fieldnames or ()):
                raise UsageError(f"{path}: has no column named 'file'", "Its first line must name the columns.")
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                name = _name(row, where)
                if name in notes:
                    raise UsageError(f"{where}: {name} is listed twice", "Delete one of the two rows.")
                notes[name] = _notes(row, where)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read: {error}", "Save it as UTF-8 CSV with commas.") from error
    return notes


def sidecar(video: Path) -> Notes | None:
    """The notes in the JSON file beside `video`, or None when there is none of ours.

    Raises `UsageError` when it is ours and its storyboard or cuts are wrong.
    """
    path = video.with_suffix(".json")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, or somebody else's
        return None
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        return None
    cuts = data.get("cuts")
    return Notes(
        caption=str(data.get("caption", "")),
        tags=tuple(map(str, data.get("tags", ()))),
        cuts=None if cuts is None else _rising(cuts, str(path)),
        storyboard=storyboard.parse(data["storyboard"], where=str(path)) if data.get("storyboard") else (),
    )


def _name(row: dict[str | None, str | list[str] | None], where: str) -> str:
    if None in row:  # DictReader's key for cells beyond the last column
        raise UsageError(f"{where}: has more cells than there are columns", 'Put "quotes" around text with commas.')
    name = str(row["file"] or "").strip().replace("\\", "/")
    if not name:
        raise UsageError(f"{where}: names no file", "Fill in the column 'file' or delete the row.")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{where}: {name} lies outside the folder", "Paths are relative to the manifest's folder.")
    return str(path)


def _notes(row: dict[str | None, str | list[str] | None], where: str) -> Notes:
    def cell(column: str) -> str:
        return str(row.get(column) or "").strip()

    words = [word.strip() for word in cell("cuts").split("|") if word.strip()]
    try:
        cuts = None if "cuts" not in row or words == ["?"] else _rising([int(word) for word in words], where)
    except ValueError as error:
        raise UsageError(
            f"{where}: cuts are {cell('cuts')!r}", "Write frame indices with |, such as 91|141."
        ) from error
    tags = tuple(tag.strip() for tag in cell("tags").split("|") if tag.strip())
    return Notes(cell("caption"), tags, cuts)


def _rising(cuts: object, where: str) -> tuple[int, ...]:
    if not isinstance(cuts, list) or not all(isinstance(cut, int) and cut > 0 for cut in cuts):
        raise UsageError(f"{where}: cuts are {cuts!r}", "A cut is the index of a shot's first frame, 1 or more.")
    if any(b <= a for a, b in pairwise(cuts)):
        raise UsageError(f"{where}: cuts {cuts} are not in rising order", "Sort them and name each once.")
    return tuple(cuts)
