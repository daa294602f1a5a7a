"""What the models learn from: folders of videos, decoded once to small frames on disk.

Training reads random pieces of random videos, thousands of times. Decoding each piece anew would cost more than
learning from it, so every video is decoded once, at the size and rate of the backbone, into one array on disk that
is mapped and never read whole. Videos that cannot be decoded are left out, and said.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.digest import key
from bench.errors import UsageError, VideoError
from bench.types import Clip, Frames, Prompt, Size
from bench.video.footage import load
from bench.video.read import stream

Progress = Callable[[int, int, str], None]
"""Called as `progress(done, total, name)`."""


@dataclass(frozen=True)
class Video:
    """One video to learn from, at the backbone's size and rate."""

    name: str
    digest: str  # of the original file
    path: Path  # uint8 [time, height, width, 3], .npy
    frames: int
    prompts: tuple[Prompt, ...]
    licence: str = ""
    attribution: str = ""

    def read(self, first: int, count: int) -> Frames:
        """`count` frames from `first` on, fewer at the end. Read, not mapped: page by page takes ten times as long."""
        mapped = np.load(self.path, mmap_mode="r")
        shape = (min(count, self.frames - first), *mapped.shape[1:])
        per_frame = int(np.prod(shape[1:]))
        flat = np.fromfile(self.path, np.uint8, shape[0] * per_frame, offset=mapped.offset + first * per_frame)
        return flat.reshape(shape)


@dataclass(frozen=True)
class Collection:
    """The videos, in order of digest, and what could not be used."""

    videos: tuple[Video, ...]
    fps: int
    problems: tuple[str, ...] = ()

    def split(self, every: int = 16, longest_s: float = 60.0) -> tuple["Collection", "Collection"]:
        """What is learned from, and what is kept back to validate on: one in `every`, by digest, no long ones.

        With fewer than `every` videos nothing is kept back, and validation is on what was learned.
        """
        short = [video for video in self.videos if video.frames <= longest_s * self.fps]
        kept = {video.digest for video in short[every // 2 :: every]}
        if not kept:
            return self, self
        return (
            Collection(tuple(video for video in self.videos if video.digest not in kept), self.fps, self.problems),
            Collection(tuple(video for video in self.videos if video.digest in kept), self.fps),
        )

    @property
    def digest(self) -> str:
        """The same for the same videos, wherever they lie."""
        return key("training-videos", digests=[video.digest for video in self.videos])


def collect(
    folders: Sequence[Path], cache: Path, *, size: Size, fps: int, progress: Progress | None = None
) -> Collection:
    """Decode every video under `folders` into `cache`, unless it is there.

    A prompt is the clip's storyboard, else its tags. Raises `UsageError` when no video can be used.
    """
    cache.mkdir(parents=True, exist_ok=True)
    items = [item for folder in folders for item in load(folder, cache=cache / "probed.json").items]
    credits_ = {name: credit for folder in folders for name, credit in _credits(folder).items()}
    videos: dict[str, Video] = {}
    problems = []
    for done, item in enumerate(items, start=1):
        clip = item.clip
        if clip is None:
            problems.append(item.problem or item.name)
            continue
        path = cache / f"{clip.digest[:32]}-{size.width}x{size.height}-{fps}fps.npy"
        try:
            frames = _decoded(clip, path, size, fps)
        except VideoError as error:
            problems.append(str(error))
            continue
        prompts = item.storyboard or (Prompt(0.0, ", ".join(item.tags)),)
        drawn = ("drawn by Keepframe", "") if "procedural" in item.tags else ("", "")
        licence, attribution = credits_.get(item.name, drawn)
        videos[clip.digest] = Video(item.name, clip.digest, path, frames, prompts, licence, attribution)
        if progress:
            progress(done, len(items), item.name)
    if not videos:
        raise UsageError(
            f"No video under {', '.join(map(str, folders))} can be used: {'; '.join(problems[:3])}.",
            "Name a folder with videos: --footage FOLDER.",
        )
    return Collection(tuple(videos[digest] for digest in sorted(videos)), fps, tuple(problems))


def _credits(folder: Path) -> dict[str, tuple[str, str]]:
    """Licence and attribution by file, from the columns of a manifest that has them."""
    for name in ("MANIFEST.csv", "manifest.csv"):
        if (folder / name).is_file():
            with (folder / name).open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            return {row["file"]: (row.get("licence") or "", row.get("attribution") or "") for row in rows}
    return {}


def _decoded(clip: Clip, path: Path, size: Size, fps: int) -> int:
    """Write the frames shown at 0, 1/fps, 2/fps, … seconds; their number."""
    times = np.asarray(clip.times_s)
    moments = np.arange(max(1, int(clip.duration_s * fps))) / fps
    wanted = np.searchsorted(times, moments + 1e-6, side="right") - 1
    if not path.exists():
        part = path.with_suffix(".part.npy")
        frames = np.lib.format.open_memmap(part, "w+", np.uint8, (len(wanted), size.height, size.width, 3))
        first = 0
        for chunk in stream(clip, [int(index) for index in wanted], size=size):
            frames[first : first + len(chunk)] = chunk
            first += len(chunk)
        frames.flush()
        part.replace(path)
    return len(wanted)
