"""What a run would cost, before it is run: counts that are exact, and a time learnt from earlier runs."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.store import Store
from runners.plan import Plan, missing


@dataclass(frozen=True)
class Estimate:
    """`seconds` is processor-bound work of one worker; None where nothing like it was timed in this store."""

    videos: int
    unreadable: int
    histories_s: float  # to decode
    memories: int
    predictions: int
    scores: int
    disk_bytes: int  # at most: frames without compression
    seconds: float | None
    untimed: tuple[str, ...]  # systems that were never timed here

    def text(self) -> str:
        time = (
            f"about {self.seconds:.0f} s of one worker"
            if self.seconds is not None
            else "not known before the first run"
        )
        lines = [
            f"videos       {self.videos}" + (f", {self.unreadable} cannot be read" if self.unreadable else ""),
            f"to decode    {self.histories_s:.0f} s of video",
            f"to make      {self.memories} memories, {self.predictions} predictions, {self.scores} score rows",
            f"disk         at most {self.disk_bytes / 1e6:.0f} MB",
            f"time         {time}",
        ]
        if self.untimed and self.seconds is not None:
            lines.append(f"             not counting {', '.join(self.untimed)}: never timed here")
        return "\n".join(lines) if self.scores else "Nothing is missing."

    def document(self) -> dict[str, Any]:
        return dict(vars(self))


def estimate(plan: Plan, store: Store, *, retry: bool = False) -> Estimate:
    """Count what is missing and guess its time from the timings of the same plug-ins on other clips."""
    tasks = missing(plan, store, retry=retry)
    rate_ms = _ms_per_second(store)
    seconds: list[float] = []
    untimed: dict[str, None] = {}
    memories = predictions = scores = 0
    for task in tasks:
        moments = len(getattr(task.case.request, "at_s", ()))
        for ask in task.asks:
            scores += len(ask.scores) * moments
            predictions += ask.prediction_artifact is None
            if ask.memory_artifact is None and ask.prediction_artifact is None:
                memories += 1
                known = rate_ms.get(ask.system)
                if known is None:
                    untimed[ask.system] = None
                else:
                    seconds.append(known * task.case.history_s / 1e3)
    decode = plan.spec.decode
    frame_bytes = decode.width * decode.height * 3
    moments = sum(len(getattr(t.case.request, "at_s", ())) * (len(t.asks) + 1) for t in tasks)
    readable = {task.case.group for task in plan.tasks}
    return Estimate(
        videos=len(readable) + len({*plan.table["file"].to_pylist()} - readable),
        unreadable=len({*plan.table["group"].to_pylist()} - readable),
        histories_s=sum(t.case.history_s for t in tasks),
        memories=memories,
        predictions=predictions,
        scores=scores,
        disk_bytes=moments * frame_bytes,
        seconds=sum(seconds) if seconds else None,
        untimed=tuple(untimed),
    )


def _ms_per_second(store: Store) -> dict[str, float]:
    """System name -> median milliseconds to encode and recall, per second of history, over all runs of the store."""
    seen: dict[str, list[float]] = {}
    for run in store.runs():
        rows = store.connect(run["key"]).sql(
            'SELECT "system", (encode_ms + coalesce(recall_ms, 0)) / history_s FROM rates '
            "WHERE encode_ms > 0 AND history_s > 0"
        )
        for system, value in rows.fetchall():
            seen.setdefault(system, []).append(value)
    return {system: median(values) for system, values in seen.items()}
