"""Workers on this machine: spawned processes, a queue, and no trust that any of them survives.

A worker takes one task at a time, stores its rows itself and says when it is done. One that dies (a crash in a
codec, the kernel's out-of-memory killer) costs its task: the task is cut into one piece per system and tried
again, so that in the end only the system that kills workers has failed rows. Ctrl-C ends the workers and keeps
what they stored.
"""

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal, NamedTuple

from bench.errors import KeepframeError
from bench.store import Store
from runners.plan import Task
from runners.work import Rows, work

LOOK_UP_S = 5.0  # how long a run goes without a word while nothing ends
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "KEEPFRAME_METRIC_THREADS")


class Done(NamedTuple):
    """A task came to an end: `systems` of its systems are through, whatever came of them."""

    task: Task
    systems: int


class WorkerCrash(Exception):
    """Recorded as the error of a system whose worker died."""


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: "Connection[Task | None, tuple[Literal['done', 'stop'], BaseException | None]]"


def run(
    tasks: list[Task],
    store_root: Path,
    session: str,
    workers: int,
    entry: Callable[[Task, Store, str], None] = work,
    waiting: Callable[[list[Task]], None] = lambda tasks: None,
) -> Iterator[Done]:
    """Do the tasks with so many workers; yields as they end, in no fixed order. While none ends, `waiting` is called
    every few seconds with those that are being worked on.

    Raises what a worker says must stop the run (a full disk), after the others were ended.
    """
    queue = deque(tasks)
    count = max(1, min(workers, len(tasks)))
    threads = max(1, (os.cpu_count() or 1) // count)
    pool: dict[_Worker, Task] = {}
    idle = [_start(store_root, session, threads, entry) for _ in range(count)] if tasks else []
    try:
        while queue or pool:
            while queue and idle:
                worker = idle.pop()
                task = queue.popleft()
                worker.pipe.send(task)
                pool[worker] = task
            ready = wait([worker.pipe for worker in pool], LOOK_UP_S)
            if not ready:
                waiting(list(pool.values()))
            for worker in [worker for worker in pool if worker.pipe in ready]:
                task = pool.pop(worker)
                try:
                    kind, error = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    yield from _mourn(worker, task, queue, Store(store_root), session)
                    idle.append(_start(store_root, session, threads, entry))
                    continue
                if kind == "stop" and error is not None:
                    raise error
                idle.append(worker)
                yield Done(task, len(task.asks))
    finally:
        for worker in [*idle, *pool]:
            worker.process.terminate()
        for worker in [*idle, *pool]:
            worker.process.join(timeout=5)
            worker.pipe.close()


def _start(store_root: Path, session: str, threads: int, entry: Callable[[Task, Store, str], None]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_loop, args=(theirs, store_root, session, threads, entry), daemon=True)
    # numeric libraries read these when they are imported, which is before the worker's first line
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(before, str(threads)))
    try:
        process.start()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    theirs.close()  # so that the worker's end is the only one, and its death closes the pipe
    return _Worker(process, ours)


def _loop(
    pipe: Connection, store_root: Path, session: str, threads: int, entry: Callable[[Task, Store, str], None]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    import cv2

    cv2.setNumThreads(threads)
    store = Store(store_root)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return  # the parent is gone
        try:
            entry(task, store, session)
            pipe.send(("done", None))
        except KeepframeError as error:
            pipe.send(("stop", error))
        except Exception:
            # a bug of ours, not of a plug-in: stop, and show where
            pipe.send(("stop", RuntimeError(f"while working on {task.case.id}:\n{traceback.format_exc()}")))


def _mourn(worker: _Worker, task: Task, queue: deque[Task], store: Store, session: str) -> Iterator[Done]:
    """A worker died on this task: try its systems one by one, or blame the only one there is."""
    worker.process.join()
    if len(task.asks) > 1:
        done_scores = store.have("scores", "score_key")
        failed = store.have("failures", "key")
        memories = store.artifacts("memories")
        left = [
            replace(ask, memory_artifact=memories.get(ask.memory_key))
            for ask in task.asks
            if not (set(ask.scores.values()) <= done_scores) and ask.prediction_key not in failed
        ]
        if len(left) < len(task.asks):
            yield Done(task, len(task.asks) - len(left))
        queue.extend(replace(task, asks=(ask,)) for ask in left)
        return
    rows = Rows(store, session)
    code = worker.process.exitcode or 0
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    rows.failure(
        task.asks[0].prediction_key,
        "crash",
        WorkerCrash(f"The worker process died ({how}) while working on {task.case.id}."),
    )
    rows.flush(force=True)
    yield Done(task, 1)
