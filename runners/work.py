"""One case, done: read the history once, write every memory, ask each, score the answers, store the rows.

The history is decoded once for all memories under test, in chunks, so a long clip needs no more memory than a
short one. Each memory is turned into bytes, and only what comes back from the bytes is asked. What goes wrong
in one memory, generator or metric is that one's failed row; the others go on.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench import registry
from bench.errors import KeepframeError
from bench.protocols import DeclarableEncoder, MemoryEncoder
from bench.store import Store
from bench.types import Frames, Recall, Size
from bench.video.read import grid
from bench.video.readers import reader
from bench.video.write import decode_lossless, encode_lossless
from runners.plan import Ask, Plugin, Task
from suites.metrics import evaluate
from suites.retrieval.scenery import Scenery

FRAMES_AT_ONCE = 32  # that a memory is given; what it keeps must not depend on it
FLUSH_S = 2.0  # rows that are older are written out, so that a kill costs little

# a row that says "this is done" is written after the rows it vouches for: a kill may fall between any two
WRITE_ORDER = ("timings", "moments", "references", "memories", "predictions", "scores", "failures")


class Rows:
    """Rows on their way to the store, written together once they are `FLUSH_S` old."""

    def __init__(self, store: Store, session: str) -> None:
        self.store = store
        self.session = session
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._since = time.monotonic()

    def add(self, table: str, **row: Any) -> None:
        self._waiting.setdefault(table, []).append(row)

    def timing(self, subject: str, stage: str, clock: "Clock") -> None:
        self.add(
            "timings",
            subject_key=subject,
            stage=stage,
            wall_ms=clock.wall_ms,
            cpu_ms=clock.cpu_ms,
            session=self.session,
        )

    def failure(self, address: str, stage: str, error: BaseException) -> None:
        self.add(
            "failures", key=address, stage=stage, error=type(error).__name__, message=str(error), session=self.session
        )

    def flush(self, *, force: bool = False) -> None:
        if force or time.monotonic() - self._since > FLUSH_S:
            for table in WRITE_ORDER:
                self.store.add(table, self._waiting.pop(table, []))
            self._since = time.monotonic()


class Clock:
    """Adds up wall and processor time over the stretches of a stage."""

    def __init__(self) -> None:
        self.wall_ms = 0.0
        self.cpu_ms = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_ms += (time.perf_counter() - wall) * 1e3
            self.cpu_ms += (time.process_time() - cpu) * 1e3


def work(task: Task, store: Store, session: str, *, frames_at_once: int = FRAMES_AT_ONCE) -> None:
    """Do everything that a task has left to do, and store it. Raises only what must stop the run (StoreError)."""
    rows = Rows(store, session)
    try:
        artifacts = {ask.memory_key: ask.memory_artifact for ask in task.asks if ask.memory_artifact is not None}
        references = _memorise(task, rows, artifacts, frames_at_once)
        if references is None:
            return
        for ask in task.asks:
            recalled = _recall(task, ask, rows, artifacts.get(ask.memory_key), references.shape)
            if recalled is not None:
                _score(ask, references, recalled, rows)
            rows.flush()
    finally:
        rows.flush(force=True)


class _Writing:
    """An encoder in the middle of a history."""

    def __init__(self, task: Task, ask: Ask) -> None:
        self.clock = Clock()
        size = Size(task.decode["width"], task.decode["height"])
        with self.clock.running():
            self.encoder = make(ask.memory)
            if task.declared and isinstance(self.encoder, DeclarableEncoder) and isinstance(task.case.request, Recall):
                self.encoder.declare(task.case.request.at_s)
            self.encoder.begin(task.fps, size)

    def write(self, frames: Frames) -> None:
        with self.clock.running():
            self.encoder.write(frames)

    def finish(self) -> tuple[bytes, Any]:
        with self.clock.running():
            memory = self.encoder.finish()
            return memory.to_bytes(), memory


def make(plugin: Plugin) -> MemoryEncoder:
    encoder: MemoryEncoder = registry.resolve("memory", plugin.ref)(**plugin.args)
    return encoder


def _memorise(task: Task, rows: Rows, artifacts: dict[str, str], frames_at_once: int) -> Frames | None:
    """Write the memories that are missing, note their `artifacts`, and return the true frames of the asked moments.

    None if the history cannot be read: then every system has a failed row.
    """
    store = rows.store
    to_write = {
        ask.memory_key: ask for ask in task.asks if ask.memory_artifact is None and ask.prediction_artifact is None
    }
    if not to_write and task.reference_artifact is not None:
        return decode_lossless(store.artifact(task.reference_artifact).read_bytes())
    writing: dict[str, _Writing] = {}
    failed: dict[str, BaseException] = {}
    for memory_key, ask in to_write.items():
        try:
            writing[memory_key] = _Writing(task, ask)
        except Exception as error:
            failed[memory_key] = error
    try:
        references, scenery = _read(task, writing, failed, frames_at_once)
    except Exception as error:  # encoders' own errors were caught inside: this is the video's
        for ask in task.asks:
            rows.failure(ask.prediction_key, "decode", error)
        return None
    for memory_key, one in writing.items():
        try:
            data, memory = one.finish()
            tokens, floats = memory.tokens, memory.floats
        except Exception as error:
            failed[memory_key] = error
            continue
        artifacts[memory_key] = store.put(data)
        rows.add(
            "memories",
            memory_key=memory_key,
            artifact=artifacts[memory_key],
            bytes=len(data),
            tokens=tokens,
            floats=floats,
            history_s=task.case.history_s,
        )
        rows.timing(memory_key, "encode", one.clock)
    for ask in task.asks:
        if ask.memory_key in failed:
            rows.failure(ask.prediction_key, "encode", failed[ask.memory_key])
    if task.reference_artifact is None:
        _describe(task, references, scenery, rows)
    rows.flush(force=True)
    return references


def _read(
    task: Task, writing: dict[str, _Writing], failed: dict[str, BaseException], frames_at_once: int
) -> tuple[Frames, Scenery]:
    """One pass over the history, feeding every encoder. An encoder that raises is dropped and noted in `failed`."""
    assert isinstance(task.case.request, Recall)
    asked = [int(at_s * task.fps) for at_s in task.case.request.at_s]
    size = Size(task.decode["width"], task.decode["height"])
    references = np.empty((len(asked), size.height, size.width, 3), np.uint8)
    scenery = Scenery(task.fps, task.cuts)
    indices = grid(task.case.clip, task.fps, task.case.history_s)
    stream = reader(task.decode["reader"]).stream
    begin = 0
    for chunk in stream(task.case.clip, indices, size=size, fit=task.decode["fit"], chunk=frames_at_once):
        chunk.flags.writeable = False  # one encoder must not change what the next one sees
        scenery.write(chunk)
        for moment, frame in enumerate(asked):
            if begin <= frame < begin + len(chunk):
                references[moment] = chunk[frame - begin]
        for memory_key in list(writing):
            try:
                writing[memory_key].write(chunk)
            except Exception as error:
                failed[memory_key] = error
                del writing[memory_key]
        begin += len(chunk)
    return references, scenery


def _describe(task: Task, references: Frames, scenery: Scenery, rows: Rows) -> None:
    assert isinstance(task.case.request, Recall)
    artifact = rows.store.put(encode_lossless(references), ".mkv")
    rows.add("references", case_key=task.case_key, artifact=artifact)
    for moment, at_s in enumerate(task.case.request.at_s):
        frame = int(at_s * task.fps)
        rows.add(
            "moments",
            case_key=task.case_key,
            moment=moment,
            frame=frame,
            at_s=at_s,
            position=at_s / task.case.history_s,
            since_cut_s=scenery.since_cut_s(frame),
            motion=scenery.motion(frame),
        )


def _recall(task: Task, ask: Ask, rows: Rows, name: str | None, shape: tuple[int, ...]) -> Frames | None:
    """Ask what came back from the bytes. None if it failed, which is then a row."""
    store = rows.store
    if ask.prediction_artifact is not None:
        return decode_lossless(store.artifact(ask.prediction_artifact).read_bytes())
    if name is None:
        return None  # encoding failed, and said so
    clock = Clock()
    try:
        encoder = make(ask.memory)
        data = store.artifact(name).read_bytes()
        with clock.running():
            memory = encoder.from_bytes(data)
            generator = registry.resolve("generator", ask.generator.ref)(**ask.generator.args)
            recalled = np.concatenate(list(generator.generate(memory, task.case.request, seed=task.seed)))
        if recalled.dtype != np.uint8 or recalled.shape != shape:
            raise KeepframeError(
                f"{ask.system} answered with {recalled.dtype} {recalled.shape} where uint8 {shape} was asked.",
                f"keepframe try {ask.memory.ref}",
            )
        kept = {int(at_s * task.fps + 1e-3) for at_s in getattr(memory, "kept_s", None) or ()}
    except Exception as error:
        rows.failure(ask.prediction_key, "recall", error)
        return None
    assert isinstance(task.case.request, Recall)
    exact = [int(at_s * task.fps) in kept for at_s in task.case.request.at_s]
    rows.add(
        "predictions",
        prediction_key=ask.prediction_key,
        artifact=store.put(encode_lossless(recalled), ".mkv"),
        exact=exact,
    )
    rows.timing(ask.prediction_key, "recall", clock)
    return recalled


def _score(ask: Ask, references: Frames, recalled: Frames, rows: Rows) -> None:
    metrics = {ref: registry.resolve("metric", ref)() for ref in ask.scores}
    values, failures = evaluate(list(metrics.values()), references, recalled)
    for ref, score_key in ask.scores.items():
        name = metrics[ref].name
        if name in failures:
            rows.failure(score_key, "score", failures[name])
            continue
        for moment, value in enumerate(values[name]):
            rows.add("scores", score_key=score_key, moment=moment, value=float(value))
