"""Which moments to show: a typical one with every memory's answer, and the worst of each memory.

Pictures are chosen by the scores alone and by stated rules, never by hand: the worst is the worst there is, and the
typical moment is the median one. A report without such rules shows what its author likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import VideoError
from bench.store import Results, Store
from bench.types import Frames
from reports.comparison import MetricInfo
from reports.frames import Picture, heat_map, picture

_KEPT = 64  # decoded answers held at once


@dataclass(frozen=True)
class Answer:
    """What one system recalled of a moment, and its score."""

    system: str
    value: float
    exact: bool
    recalled: Picture
    error: Picture


@dataclass(frozen=True)
class Asked:
    """One moment of one video, what was there, and what came back."""

    case: str
    at_s: float
    truth: Picture
    answers: tuple[Answer, ...]


class Album:
    """The stored frames of one run."""

    def __init__(self, store: Store, results: Results, metric: MetricInfo) -> None:
        self._store = store
        self._metric = metric
        self._rows = results.scores.filter(pc.equal(results.scores["metric"], metric.name))
        planned = results.planned
        self._case_keys = dict(zip(planned["case"].to_pylist(), planned["case_key"].to_pylist(), strict=True))
        self._truth = lru_cache(_KEPT)(lambda key: self._frames("references", key))
        self._answers = lru_cache(_KEPT)(lambda key: self._frames("predictions", key))

    def worst(self, system: str, most: int) -> list[Asked]:
        """The moments with the worst scores of a system, worst first, at most one of each video and `most` in all.

        Moments whose frames are no longer stored are passed over.
        """
        rows = self._rows.filter(pc.equal(self._rows["system"], system))
        order = "descending" if self._metric.better == "lower" else "ascending"
        rows = rows.sort_by([("value", order), ("case", "ascending"), ("moment", "ascending")])
        found: list[Asked] = []
        seen: set[str] = set()
        for row in _one_by_one(rows):
            if len(found) == most:
                break
            if row["group"] not in seen:
                asked = self._asked([row])
                if asked is not None:
                    seen.add(row["group"])
                    found.append(asked)
        return found

    def typical(self, systems: Sequence[str]) -> Asked | None:
        """The moment in the middle when all are ordered by the mean score of these systems; None without any that all
        of them answered."""
        rows = self._rows.filter(pc.is_in(self._rows["system"], pa.array(list(systems), pa.string())))
        moments = rows.group_by(["case", "moment"], use_threads=False)
        moments = moments.aggregate([("value", "mean"), ("value", "count")])
        moments = moments.filter(pc.equal(moments["value_count"], len(systems)))
        moments = moments.sort_by([("value_mean", "ascending"), ("case", "ascending"), ("moment", "ascending")])
        if not moments.num_rows:
            return None
        chosen = moments.slice(moments.num_rows // 2, 1).to_pylist()[0]
        here = pc.and_(pc.equal(rows["case"], chosen["case"]), pc.equal(rows["moment"], chosen["moment"]))
        by_system = {row["system"]: row for row in rows.filter(here).to_pylist()}
        return self._asked([by_system[system] for system in systems])

    def _asked(self, rows: Sequence[dict]) -> Asked | None:
        """The pictures of rows that belong to one moment; None if its true frame or all answers are missing."""
        case, moment, at_s = rows[0]["case"], rows[0]["moment"], rows[0]["at_s"]
        truth = self._truth(self._case_keys[case])
        where = f"{case} at {at_s:.2f} s" if at_s is not None else case
        answers = []
        for row in rows:
            frames = self._answers(row["prediction_key"])
            if truth is None or frames is None:
                continue
            what = f"{row['system']}, {where}"
            answers.append(
                Answer(
                    system=row["system"],
                    value=row["value"],
                    exact=bool(row["exact"]),
                    recalled=picture(frames[moment], f"Recalled by {what}"),
                    error=picture(heat_map(truth[moment], frames[moment]), f"Error of {what}", quality=70),
                )
            )
        if truth is None or not answers:
            return None
        return Asked(case, at_s or 0.0, picture(truth[moment], f"True frame of {where}"), tuple(answers))

    def _frames(self, table: str, key: str) -> Frames | None:
        """Stored frames by the key of their row; None when they were not kept or cannot be read any more."""
        from bench.video.write import decode_lossless

        rows = self._store.rows(table, [key])
        name = rows[0]["artifact"] if rows else None
        if name is None:
            return None
        try:
            return decode_lossless(self._store.artifact(name).read_bytes())
        except (OSError, VideoError):
            return None


def _one_by_one(rows: pa.Table):  # type: ignore[no-untyped-def]
    for batch in rows.to_batches(max_chunksize=256):
        yield from batch.to_pylist()
