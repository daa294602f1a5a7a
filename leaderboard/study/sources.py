"""Where a study's videos come from: the stored answers of a run, or a folder for each system.

Raters compare systems on one prompt at a time, so every system needs a video for every prompt; what is missing or
cannot be read is listed by name before anything is made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from bench.errors import UsageError, VideoError, did_you_mean
from bench.store import Store
from bench.types import Clip
from bench.video.clip import probe

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif")


@dataclass(frozen=True)
class Sources:
    """`clips[system][prompt]`: the same prompts for all systems. `notes` say what was left out or made alike."""

    clips: dict[str, dict[str, Clip]]
    notes: tuple[str, ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        """In alphabetical order."""
        return tuple(sorted(next(iter(self.clips.values()))))


def from_folders(told: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Videos by system and prompt, of folders told as `FOLDER` or `NAME=FOLDER`; a prompt is a file's path in its
    folder without the suffix.

    Raises `UsageError` for a folder that is none, that has no video, or that names two systems alike.
    """
    found: dict[str, dict[str, Path]] = {}
    for one in told:
        name, _, place = one.rpartition("=")
        folder = Path(place)
        name = name or folder.resolve().name
        if not folder.is_dir():
            raise UsageError(f"{place} is no folder.", "Give each system's folder of videos: NAME=FOLDER.")
        if name in found:
            raise UsageError(f"Two systems are called {name!r}.", "Name them: first=FOLDER second=FOLDER.")
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        own: dict[str, Path] = {}
        for path in files:
            prompt = path.relative_to(folder).with_suffix("").as_posix()
            if prompt in own:
                raise UsageError(f"{own[prompt]} and {path} would be one prompt.", "Keep one of them.")
            own[prompt] = path
        if not own:
            raise UsageError(f"There is no video in {folder}.", f"Looked for {', '.join(SUFFIXES)}.")
        found[name] = own
    return found


def from_run(store: Store, run: str, systems: Sequence[str]) -> dict[str, dict[str, Path]]:
    """The stored answers of a run, as they are: nothing is generated again. Recalled moments play one a second.

    Raises `UsageError` for a system that the run does not have.
    """
    planned = store.plan(store.find(run)["key"]).select(["system", "case", "prediction_key"])
    rows = planned.group_by(["system", "case", "prediction_key"]).aggregate([]).to_pylist()
    known = sorted({row["system"] for row in rows})
    for name in systems:
        if name not in known:
            raise UsageError(f"The run has no system {name!r}.", did_you_mean(name, known))
    kept = store.artifacts("predictions")
    found: dict[str, dict[str, Path]] = {name: {} for name in systems or known}
    for row in rows:
        if row["system"] in found and row["prediction_key"] in kept:
            found[row["system"]][row["case"]] = store.artifact(kept[row["prediction_key"]])
    return found


def check(videos: dict[str, dict[str, Path]], *, skip_incomplete: bool = False) -> Sources:
    """Read every video once. Prompts that a system lacks, or whose video cannot be read, stop the study, unless
    `skip_incomplete` leaves these prompts out for all systems.

    Raises `UsageError`.
    """
    if len(videos) < 2:
        raise UsageError("A study compares two systems or more.", "Name another folder or run.")
    every = sorted({prompt for own in videos.values() for prompt in own})
    clips: dict[str, dict[str, Clip]] = {system: {} for system in videos}
    problems: dict[str, list[str]] = {}
    for system, prompt in ((system, prompt) for prompt in every for system in videos):
        path = videos[system].get(prompt)
        if path is None:
            problems.setdefault(prompt, []).append(f"{system} has no video")
            continue
        try:
            clips[system][prompt] = probe(path)
        except VideoError as error:
            problems.setdefault(prompt, []).append(f"{system}: {error.what}")
    whole = [prompt for prompt in every if prompt not in problems]
    if problems and not (skip_incomplete and whole):
        mend = "Mend these, or add --skip-incomplete to leave their prompts out." if whole else "No prompt is whole."
        raise UsageError(
            _listed(tuple(f"prompt {prompt!r}: {'; '.join(why)}" for prompt, why in problems.items())), mend
        )
    told = tuple(f"prompt {prompt!r} is left out: {'; '.join(why)}" for prompt, why in problems.items())
    kept = {system: {prompt: own[prompt] for prompt in whole} for system, own in clips.items()}
    return Sources(kept, told + tuple(_unlike(kept)))


def _unlike(clips: dict[str, dict[str, Clip]]) -> Iterable[str]:
    first = next(iter(clips.values()))
    for prompt in first:
        lengths = {round(own[prompt].duration_s, 2) for own in clips.values()}
        if max(lengths) - min(lengths) > 0.1:
            yield f"prompt {prompt!r}: lengths from {min(lengths)} s to {max(lengths)} s; all are cut to the shortest"
    if len({clip.size for own in clips.values() for clip in own.values()}) > 1:
        yield "the videos differ in size; all are scaled to one, with black bars where shapes differ"
    sounding = sum(_sounds(clip.path) for own in clips.values() for clip in own.values())
    if sounding:
        yield f"{sounding} videos have sound, which is left out: both videos of a pair play at once"
    if len({round(float(clip.fps), 2) for own in clips.values() for clip in own.values()}) > 1:
        yield "the videos differ in frame rate; all are shown at the highest, frames are repeated"


def _sounds(path: Path) -> bool:
    with av.open(f"file:{path}") as container:
        return bool(container.streams.audio)


def _listed(told: tuple[str, ...], most: int = 10) -> str:
    more = [f"… and {len(told) - most} more"] if len(told) > most else []
    return "\n  ".join([*told[:most], *more])
