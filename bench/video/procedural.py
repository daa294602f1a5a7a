"""Footage that we draw ourselves: video whose every cut, face, place and word is known, on any machine.

The kinds answer questions that recall on found footage leaves open: what a memory keeps of a scene where
nothing happens, of a pan, of haste, of cuts, of writing, of people who leave and come back, and of pictures
unlike anything filmed. The same kind and seed give the same frames, bit for bit, under the same versions of
NumPy and OpenCV on the same kind of processor. Real footage should stand beside it: drawn pictures are
cleaner than the world.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from bench.digest import key
from bench.errors import UsageError, did_you_mean
from bench.types import Frames, Size
from bench.video import storyboard
from bench.video.annotation import FORMAT
from bench.video.scenes.characters import Characters
from bench.video.scenes.motion import HighMotion
from bench.video.scenes.pan import SlowPan
from bench.video.scenes.patterns import Patterns
from bench.video.scenes.rapid import RapidCuts
from bench.video.scenes.stage import Scene, Stage
from bench.video.scenes.still import Still
from bench.video.scenes.words import Words
from bench.video.write import VideoWriter

RECIPE_VERSION = 1  # raise when any frame of any kind changes: clips of older versions are then drawn again

KINDS: dict[str, Callable[[Stage], Scene]] = {
    "static": Still,
    "slow-pan": SlowPan,
    "high-motion": HighMotion,
    "rapid-cuts": RapidCuts,
    "text": Words,
    "characters": Characters,
    "patterns": Patterns,
}
ALL = tuple(KINDS)
SIZE = Size(832, 480)
CHUNK = 16  # frames held at once

Progress = Callable[[int, int, Path], None]
"""Called as `progress(done, total, path)` after each clip."""


def scene(
    kind: str, seed: int, *, size: Size = SIZE, fps: Fraction | float = 24, seconds: float = 20.0
) -> tuple[Stage, Scene]:
    """The stage and the scene on it: `scene.draw(i)` is frame `i` of `stage.frames`, `scene.truth` the annotation.

    Raises `UsageError` for an unknown kind or a size, rate or length that cannot be drawn.
    """
    if kind not in KINDS:
        raise UsageError(f"no kind of procedural footage is named {kind!r}", did_you_mean(kind, KINDS))
    rate = Fraction(fps).limit_denominator(1001)
    frames = round(rate * Fraction(seconds)) if rate > 0 and seconds > 0 else 0
    if frames < 1 or min(size) < 64 or size.width % 2 or size.height % 2 or seed < 0:
        raise UsageError(
            f"cannot draw {kind} at {size}, {fps} frames a second, for {seconds} s, from seed {seed}",
            "Give even sides of 64 pixels or more, a positive rate, at least one frame, and a seed of 0 or more.",
        )
    stage = Stage(Size(*size), rate, frames, seed)
    return stage, KINDS[kind](stage)


def render(
    kind: str, seed: int, *, size: Size = SIZE, fps: Fraction | float = 24, seconds: float = 20.0
) -> Iterator[Frames]:
    """The frames of a procedural clip, in order, `CHUNK` at a time. Errors as in `scene`.

    >>> chunks = list(render("patterns", 0, size=Size(96, 64), fps=8, seconds=2.5))
    >>> [chunk.shape for chunk in chunks]
    [(16, 64, 96, 3), (4, 64, 96, 3)]
    """
    stage, drawn = scene(kind, seed, size=size, fps=fps, seconds=seconds)
    for start in range(0, stage.frames, CHUNK):
        yield np.stack([drawn.draw(i) for i in range(start, min(start + CHUNK, stage.frames))])


def recipe(kind: str, seed: int, *, size: Size, fps: Fraction | float, seconds: float) -> str:
    """The digest of all that decides a clip's frames."""
    rate = str(Fraction(fps).limit_denominator(1001))
    parts = {"version": RECIPE_VERSION, "numpy": np.__version__, "opencv": cv2.__version__}
    return key("procedural", scene=kind, seed=seed, size=list(size), fps=rate, seconds=float(seconds), **parts)


def write_clip(
    kind: str, seed: int, folder: Path, *, size: Size = SIZE, fps: Fraction | float = 24, seconds: float = 20.0
) -> Path:
    """Draws `folder/<kind>-<seed>.mp4` and the annotation `.json` beside it, unless both are there already.

    The clip and its annotation appear whole or not at all: an annotation is there only when it describes the
    clip beside it, wherever the work was cut off. Errors as in `scene`.
    """
    video = folder / f"{kind}-{seed}.mp4"
    notes = video.with_suffix(".json")
    digest = recipe(kind, seed, size=size, fps=fps, seconds=seconds)
    if _is_done(video, notes, digest):
        return video
    stage, drawn = scene(kind, seed, size=size, fps=fps, seconds=seconds)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder, video.stem)
    part = folder / f".{video.stem}.{os.getpid()}.part.mp4"
    note_part = part.with_suffix(".json")
    try:
        with VideoWriter(part, stage.fps, stage.size) as out:
            for start in range(0, stage.frames, CHUNK):
                out.write(np.stack([drawn.draw(i) for i in range(start, min(start + CHUNK, stage.frames))]))
        truth = drawn.truth
        about = {
            "format": FORMAT,
            "recipe": digest,
            "bytes": part.stat().st_size,
            "kind": kind,
            "seed": seed,
            "width": stage.size.width,
            "height": stage.size.height,
            "fps": str(stage.fps),
            "frames": stage.frames,
            "caption": truth.caption,
            "tags": list(truth.tags),
            "storyboard": storyboard.dump(storyboard.check(truth.storyboard)),
            **truth.plain(stage.frames),
        }
        note_part.write_text(json.dumps(about, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
        notes.unlink(missing_ok=True)  # an old annotation must never stand beside a new clip
        part.replace(video)
        note_part.replace(notes)
    finally:
        part.unlink(missing_ok=True)
        note_part.unlink(missing_ok=True)
    return video


def write_set(
    folder: Path,
    kinds: Sequence[str] = ALL,
    seeds: Sequence[int] = range(2),
    *,
    size: Size = SIZE,
    fps: Fraction | float = 24,
    seconds: float = 20.0,
    progress: Progress | None = None,
) -> list[Path]:
    """One clip of each kind and seed in `folder`, drawn by one process a core; what is there is kept.

    Returns the paths in the order of `kinds` and `seeds`. Errors as in `scene`.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"no kind of procedural footage is named {kind!r}", did_you_mean(kind, KINDS))
    jobs = [(kind, seed) for kind in kinds for seed in seeds]
    paths = [folder / f"{kind}-{seed}.mp4" for kind, seed in jobs]
    done = 0

    def tell(path: Path) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, len(jobs), path)

    missing = []
    for job, path in zip(jobs, paths, strict=True):
        if _is_done(path, path.with_suffix(".json"), recipe(*job, size=size, fps=fps, seconds=seconds)):
            tell(path)
        else:
            missing.append(job)
    workers = min(os.cpu_count() or 1, len(missing))
    if workers > 1:
        draw = partial(write_clip, folder=folder, size=size, fps=fps, seconds=seconds)
        missing = _drawn_by_many(workers, draw, missing, tell)
    for job in missing:
        tell(write_clip(*job, folder, size=size, fps=fps, seconds=seconds))
    return paths


def _drawn_by_many(
    workers: int, draw: Callable[[str, int], Path], jobs: list[tuple[str, int]], tell: Callable[[Path], None]
) -> list[tuple[str, int]]:
    """Draws the jobs in `workers` processes; hands back those still to do when the processes died.

    They cannot start under a script without `if __name__ == "__main__"`, and can be killed for memory.
    """
    left = dict.fromkeys(jobs)
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of the caller's threads
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        waiting = {pool.submit(draw, *job): job for job in jobs}
        try:
            for future in as_completed(waiting):
                tell(future.result())
                del left[waiting[future]]
        except BrokenProcessPool:
            return list(left)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return []


def _is_done(video: Path, notes: Path, digest: str) -> bool:
    try:
        about = json.loads(notes.read_text(encoding="utf-8"))
        return bool(about["recipe"] == digest and about["bytes"] == video.stat().st_size)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sweep(folder: Path, stem: str) -> None:
    """Removes what killed processes left; one that still draws touches its file every second or so."""
    for part in folder.glob(f"*.{stem}.*.part*"):
        try:
            if time.time() - part.stat().st_mtime > 600:
                part.unlink()
        except OSError:  # somebody else was faster
            continue
