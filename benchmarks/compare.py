"""How long a comparison takes on a store with a million scores. The aim: under 3 seconds.

    python -m benchmarks.compare            # 1,000,000 rows in three shapes
    python -m benchmarks.compare --rows 100000

Times are the best and the median of `--repeats` in one process, and the best processor time (all threads), which says
more on a busy machine. "store + compare" reads the Parquet files of a real
store first; the others have the tables in memory. Peak memory is what the job adds in Python and NumPy (tracemalloc, in
a pass of its own). The last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.bootstrap import video_weights
from bench.store import Results, Store
from bench.store_tables import TABLES
from reports.compare import compare
from reports.curves import rate_quality, recall_curves
from reports.formats import render
from tests.unit.tables import Made

SHAPES = {  # cases, moments, systems, metrics, cases per video: rows = the product of the first four
    "usual: 600 videos": (600, 16, 20, 5, 1),
    "deep: 50 videos x 12 cases": (600, 16, 20, 5, 12),
    "wide: 100 systems": (120, 16, 100, 5, 3),
}
METRICS = ("psnr", "ssim", "lpips")


def made(rows: int, shape: tuple[int, int, int, int, int], seed: int = 0) -> Results:
    """Results with about this many scores: sweeps of four settings, rows in no order."""
    cases, moments, systems, metrics, per_video = shape
    cases = max(per_video, round(cases * rows / (cases * moments * systems * metrics)))
    draw = np.random.default_rng(seed)
    difficulty = draw.normal(0, 4.0, (cases, 1))
    names = {f"curve{s // 4:02d} {s % 4}": (s // 4, s % 4) for s in range(systems)}
    values: dict[str, dict[str, np.ndarray]] = {}
    for m in range(metrics):
        values[f"{METRICS[m % 3]}{m // 3 or ''}"] = {
            name: 24
            + 3 * k
            + 0.1 * c
            + difficulty
            + draw.normal(0, 0.4, (cases, 1))
            + draw.normal(0, 1, (cases, moments))
            for name, (c, k) in names.items()
        }
    return Made(
        values,
        video_of=np.arange(cases) // per_video,
        bytes_per_s={name: np.exp(draw.normal(np.log(4000 * 2.0**k), 0.3, cases)) for name, (_, k) in names.items()},
        curves={name: f"curve{c:02d}" for name, (c, _) in names.items()},
        tags=[[f"tag{c % 7}"] for c in range(cases)],
        shuffle=seed,
    ).results()


def stored(results: Results, root: Path) -> Store:
    """A store that holds these results, as one run."""

    def joined(table: pa.Table, *columns: str) -> pa.Array:
        return pc.binary_join_element_wise(*(table[c].cast(pa.string()) for c in columns), "|")

    planned, scores, rates = results.planned, results.scores, results.rates
    subject = joined(planned, "system", "case")
    for column, key in {
        "score_key": joined(planned, "system", "case", "metric"),
        "memory_key": subject,
        "prediction_key": subject,
    }.items():
        planned = planned.set_column(planned.column_names.index(column), column, key)
    store = Store(root)
    keys = joined(scores, "system", "case", "metric")
    store.add_table("scores", pa.table({"score_key": keys, "moment": scores["moment"], "value": scores["value"]}))
    asked = ("case", "moment", "at_s", "position", "since_cut_s", "motion")
    moments = scores.select(asked).group_by(list(asked)).aggregate([])
    named = {"case_key": [f"key of {case}" for case in moments["case"].to_pylist()], "frame": moments["moment"]}
    named |= {name: moments[name] for name in asked[1:]}
    store.add_table("moments", pa.table(named).select(TABLES["moments"].names).cast(TABLES["moments"]))
    memory = joined(rates, "system", "case")
    nothing = pa.nulls(len(memory), pa.string())
    sizes = {name: rates[name] for name in ("bytes", "tokens", "floats", "history_s")}
    store.add_table("memories", pa.table({"memory_key": memory, "artifact": nothing, **sizes}))
    hits = pa.array([[True] + [False] * 15] * len(memory), pa.list_(pa.bool_()))
    store.add_table("predictions", pa.table({"prediction_key": memory, "artifact": nothing, "exact": hits}))
    store.save_run(results.key, {**results.run, "sessions": [{"started_at": 0}]}, planned)
    return store


def timed(work: Callable[[], Any], repeats: int) -> tuple[list[float], list[float]]:
    """Wall and processor seconds of each repeat."""
    work()  # imports
    wall, cpu = [], []
    for _ in range(repeats):
        video_weights.cache_clear()
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return wall, cpu


def extra_mib(work: Callable[[], Any]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def measure(rows: int, repeats: int, folder: Path) -> list[dict[str, Any]]:
    """One record per shape and job."""
    records = []
    for shape, sizes in SHAPES.items():
        results = made(rows, sizes)
        baseline = results.planned["system"][0].as_py()
        comparison = compare(results, baseline=baseline)
        store = stored(results, folder / f"store{len(records)}")
        jobs: dict[str, Callable[[], Any]] = {
            "store + compare": lambda s=store, b=baseline: compare(s.results(), baseline=b),
            "compare": lambda r=results, b=baseline: compare(r, baseline=b),
            "rate_quality": lambda r=results: rate_quality(r, "psnr"),
            "recall_curves": lambda r=results: recall_curves(r, "psnr", "position"),
            "render latex": lambda c=comparison: render(c, "latex"),
        }
        for job, work in jobs.items():
            wall, cpu = timed(work, repeats)
            records.append(
                {
                    "shape": shape,
                    "job": job,
                    "rows": results.scores.num_rows,
                    "best_s": min(wall),
                    "median_s": statistics.median(wall),
                    "cpu_s": min(cpu),
                    "extra_mib": extra_mib(work),
                }
            )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = measure(options.rows, options.repeats, Path(folder))
    print(f"{'shape':28} {'job':16} {'rows':>9} {'best s':>7} {'median s':>8} {'cpu s':>6} {'extra MiB':>9}")
    for r in records:
        numbers = f"{r['rows']:>9,} {r['best_s']:>7.2f} {r['median_s']:>8.2f} {r['cpu_s']:>6.2f} {r['extra_mib']:>9.0f}"
        print(f"{r['shape']:28} {r['job']:16} {numbers}")
    print(json.dumps({"benchmark": "compare", "records": records}))


if __name__ == "__main__":
    main()
