"""How long a comparison takes on a store with a million scores. The aim: under 3 seconds.

    python -m benchmarks.compare            # 1,000,000 rows in three shapes
    python -m benchmarks.compare --rows 100000

Times are the best and the median of `--repeats` in one process, tables already in memory; reading them from Parquet
is the store's part. Peak memory is what comparing adds (tracemalloc, in a pass of its own). The last line is JSON.
"""

import argparse
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.store import Results
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


def timed(work: Callable[[], Any], repeats: int) -> list[float]:
    work()  # imports and caches
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def extra_mib(work: Callable[[], Any]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def measure(rows: int, repeats: int) -> list[dict[str, Any]]:
    """One record per shape and job."""
    records = []
    for shape, sizes in SHAPES.items():
        results = made(rows, sizes)
        baseline = results.planned["system"][0].as_py()
        comparison = compare(results, baseline=baseline)
        jobs: dict[str, Callable[[], Any]] = {
            "compare": lambda r=results, b=baseline: compare(r, baseline=b),
            "rate_quality": lambda r=results: rate_quality(r, "psnr"),
            "recall_curves": lambda r=results: recall_curves(r, "psnr", "position"),
            "render latex": lambda c=comparison: render(c, "latex"),
        }
        for job, work in jobs.items():
            seconds = timed(work, repeats)
            records.append(
                {
                    "shape": shape,
                    "job": job,
                    "rows": results.scores.num_rows,
                    "best_s": min(seconds),
                    "median_s": statistics.median(seconds),
                    "extra_mib": extra_mib(work),
                }
            )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    records = measure(options.rows, options.repeats)
    print(f"{'shape':28} {'job':14} {'rows':>9} {'best s':>7} {'median s':>8} {'extra MiB':>9}")
    for r in records:
        numbers = f"{r['rows']:>9,} {r['best_s']:>7.2f} {r['median_s']:>8.2f} {r['extra_mib']:>9.0f}"
        print(f"{r['shape']:28} {r['job']:14} {numbers}")
    print(json.dumps({"benchmark": "compare", "records": records}))


if __name__ == "__main__":
    main()
