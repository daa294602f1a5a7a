"""How long the server works on a page of the board over a million scores. The aim: under 1 second after the first load.

    python benchmarks/board.py              # 1,000,000 rows: 600 videos, 20 systems, 5 metrics, 16 moments
    python benchmarks/board.py --rows 100000

Streamlit's AppTest runs the script as the server does, without a browser. Each round clears every cache and then
looks at the pages as a visitor would: first load, the same page again, a filter never used before, the same again, the
page of cases, another case. "first load" reads the Parquet files. Imports are paid before the clock starts, in a page
over a small store. Times are wall and processor seconds (all threads; they say more on a busy machine). The last line
is JSON. Needs the `board` extra.
"""

import argparse
import dataclasses
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402
from streamlit.testing.v1 import AppTest  # noqa: E402

from bench.store import Results, Store  # noqa: E402
from benchmarks.compare import SHAPES, made, stored  # noqa: E402

SHAPE = SHAPES["usual: 600 videos"]
AIM_S = 1.0


def with_systems(results: Results) -> Results:
    """The same with a spec that names the systems, as a real run has one."""
    curves = dict(zip(results.planned["system"].to_pylist(), results.planned["curve"].to_pylist(), strict=True))
    systems = [{"name": name, "memory": "mine:Mine", "curve": curve} for name, curve in curves.items()]
    spec = {"systems": systems, "suite": {"args": {}}}
    return dataclasses.replace(results, run={**results.run, "spec": spec})


def make(rows: int, folder: Path) -> int:
    """Write a store with about this many scores; returns how many."""
    results = with_systems(made(rows, SHAPE))
    stored(results, folder)
    return results.scores.num_rows


def visit(store: Path, systems: list[str], tag: str) -> Iterator[tuple[str, Any]]:
    """What a visitor does, in order: a name and a call each."""
    st.cache_resource.clear()
    st.cache_data.clear()
    os.environ["KEEPFRAME_STORE"] = str(store)
    app = AppTest.from_file(ROOT / "leaderboard" / "app.py", default_timeout=300)
    yield "first load", app.run
    yield "again", app.run
    app.multiselect(key="tag").set_value([tag])
    yield "new filter: a tag", app.run
    app.multiselect(key="system").set_value(systems)
    yield "new filter: systems", app.run
    yield "again, filtered", app.run
    app.multiselect(key="tag").set_value([])
    app.multiselect(key="system").set_value([])
    app.run()
    app.selectbox(key="metric").set_value("ssim")
    yield "another metric", app.run
    yield "cases", app.switch_page("views/cases.py").run
    app.selectbox(key="b").set_value(systems[0])
    yield "cases, two systems", app.run
    assert not app.exception, app.exception


def measure(store: Path, repeats: int) -> list[dict[str, Any]]:
    """One record per step of a visit."""
    planned = Store(store).plan(Store(store).find()["key"])
    systems = sorted(set(planned["system"].to_pylist()))[:4]
    tag = planned["tags"][0].as_py()[0]
    wall: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, step in visit(store, systems, tag):
            start, start_cpu = time.perf_counter(), time.process_time()
            app = step()
            wall.setdefault(name, []).append(time.perf_counter() - start)
            cpu.setdefault(name, []).append(time.process_time() - start_cpu)
            assert not app.exception, app.exception
    return [
        {"step": name, "best_s": min(wall[name]), "median_s": statistics.median(wall[name]), "cpu_s": min(cpu[name])}
        for name in wall
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, big = Path(folder) / "small", Path(folder) / "big"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as maker:  # its memory is not the board's
            maker.submit(make, 10_000, small).result()
            rows = maker.submit(make, options.rows, big).result()
        measure(small, 1)
        before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        records = measure(big, options.repeats)
    print(f"{'step':22} {'rows':>9} {'best s':>7} {'median s':>8} {'cpu s':>6}")
    for r in records:
        print(f"{r['step']:22} {rows:>9,} {r['best_s']:>7.3f} {r['median_s']:>8.3f} {r['cpu_s']:>6.3f}")
    later = max(r["median_s"] for r in records if r["step"] != "first load")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"slowest after the first load: {later:.3f} s (aim: {AIM_S:g} s)")
    print(f"peak RSS {peak_mib:.0f} MiB, before the big store {before_mib:.0f} MiB")
    print(json.dumps({"benchmark": "board", "rows": rows, "peak_rss_mib": peak_mib, "records": records}))


if __name__ == "__main__":
    main()
