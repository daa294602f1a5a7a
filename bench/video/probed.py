"""What was found out about video files, kept in one JSON file so that it is found out once.

An entry counts as long as the file's size and modification time are what they were. Only successes are
kept: what stopped us may be mended without the file changing (permissions, a codec). The cache is never
needed: lost, corrupt or of another version, it is rebuilt.
"""

import json
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.types import Clip, Size

VERSION = 1


class Probed:
    """Clips by path, valid while the file is unchanged. With no `file`, it remembers nothing.

    >>> Probed(None).clip(Path("a.mp4")) is None
    True
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.changed = False
        self.entries: dict[str, Any] = _load(file) if file else {}

    def clip(self, path: Path) -> Clip | None:
        """What is known of the file at `path` as it is now, or None."""
        entry = self.entries.get(str(path.absolute()))
        try:
            if entry is None or entry["stamp"] != _stamp(path):
                return None
            return Clip(
                path=path,
                digest=entry["digest"],
                fps=Fraction(entry["fps"]),
                size=Size(*entry["size"]),
                times_s=tuple(entry["times_s"]),
                duration_s=entry["duration_s"],
            )
        except (KeyError, TypeError, ValueError):  # damaged by hand: as good as absent
            return None

    def remember(self, clip: Clip) -> Clip:
        """Keeps `clip` and hands it back."""
        self.changed = True
        self.entries[str(clip.path.absolute())] = {
            "stamp": _stamp(clip.path),
            "digest": clip.digest,
            "fps": str(clip.fps),
            "size": list(clip.size),
            "times_s": list(clip.times_s),
            "duration_s": clip.duration_s,
        }
        return clip

    def save(self) -> None:
        """Writes what is new, whole or not at all. A cache that cannot be written is no reason to stop."""
        if self.file is None or not self.changed:
            return
        part = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps({"version": VERSION, "entries": self.entries}), encoding="utf-8")
            part.replace(self.file)
        except OSError:
            with suppress(OSError):
                part.unlink()


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _load(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        entries = data["entries"] if data["version"] == VERSION else {}
        return entries if isinstance(entries, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
