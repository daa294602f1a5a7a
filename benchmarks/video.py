"""How fast exact reading is, against decord with its default settings: a few moments of a film, and all of it.

    python benchmarks/video.py             # a film of 20 s, 1280x720; about a minute
    python benchmarks/video.py --rounds 3

Both sides open the file, read the same frames and give NumPy arrays, in turns (ours, theirs, theirs, ours) in one
process, each with its own number of threads, so that a busy machine slows both. Ours opens with `probe`, which also
hashes the file and tables its frames. Moments are asked in random order; decord is also timed with them sorted for it,
its best case, and that is what the ratio is against. It resizes with a bilinear filter, ours by area averaging with
exact chroma. The last line is JSON. Needs the `decord` extra.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import cv2
import decord
import numpy as np

from bench.types import Size
from bench.video.clip import probe
from bench.video.read import read_at, stream

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 24, 20
SMALL = 256
MOMENTS = 16


def film(path: Path) -> None:
    """A camera that wanders over a grainy landscape of colours, with discs in front: 1.5 Mbit/s, GOP 250."""
    rng = np.random.default_rng(0)
    ground = cv2.resize(
        rng.integers(0, 256, (12, 20, 3), np.uint8), (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    ground = cv2.add(ground, cv2.resize(rng.integers(0, 20, (HEIGHT, WIDTH, 3), np.uint8), (2 * WIDTH, 2 * HEIGHT)))
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        out = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        out.width, out.height, out.pix_fmt, out.bit_rate, out.gop_size = WIDTH, HEIGHT, "yuv420p", 1_500_000, 250
        for k in range(FPS * SECONDS):
            x, y = int(WIDTH / 2 * (1 + np.sin(k / 60))), int(HEIGHT / 2 * (1 + np.cos(k / 45)))
            picture = ground[y : y + HEIGHT, x : x + WIDTH].copy()
            for disc in range(6):
                centre = (
                    int(WIDTH * (0.5 + 0.4 * np.sin(k / 20 + disc))),
                    int(HEIGHT * (0.5 + 0.4 * np.cos(k / 27 + 2 * disc))),
                )
                cv2.circle(picture, centre, 60, (40 * disc, 255 - 40 * disc, 128), -1)
            container.mux(out.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(out.encode(None))


def timed(work: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Wall and CPU seconds (all threads)."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def jobs(path: Path) -> dict[str, dict[str, Callable[[], np.ndarray]]]:
    """By task, then by side."""
    moments = np.random.default_rng(1).uniform(0, SECONDS, MOMENTS).tolist()
    numbers = [int(at * FPS) for at in moments]

    def everything(fit: str) -> Callable[[], np.ndarray]:
        return lambda: np.concatenate(list(stream(probe(path), size=Size(SMALL, SMALL), fit=fit)))

    def theirs(wanted: list[int], **size: int) -> Callable[[], np.ndarray]:
        return lambda: decord.VideoReader(str(path), **size).get_batch(wanted).asnumpy()

    def ours() -> np.ndarray:
        return read_at(probe(path), moments)

    whole = theirs(list(range(FPS * SECONDS)), width=SMALL, height=SMALL)
    return {
        f"{MOMENTS} moments, full size": {"ours": ours, "decord": theirs(sorted(numbers))},
        f"{MOMENTS} moments, not sorted for decord": {"ours": ours, "decord": theirs(numbers)},
        f"all frames, stretched to {SMALL}x{SMALL}": {"ours": everything("stretch"), "decord": whole},
        f"all frames, cropped to {SMALL}x{SMALL}": {"ours": everything("crop"), "decord": whole},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="each is ours, theirs, theirs, ours")
    rounds = parser.parse_args().rounds
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        film(path)
        print(f"{WIDTH}x{HEIGHT}, {FPS} fps, {SECONDS} s, {path.stat().st_size / 1e6:.1f} MB; {rounds} rounds, seconds")
        print(
            f"{'':38} {'ours wall':>16} {'decord wall':>16} {'ours CPU':>9} {'decord':>7} {'ratio wall':>11} {'CPU':>5}"
        )
        for task, sides in jobs(path).items():
            for work in sides.values():
                work()  # warm: libraries load, the file is in memory
            samples: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
            for _ in range(rounds):
                for side in ("ours", "decord", "decord", "ours"):
                    path.touch()  # so that ours does not find the frame table of the time before
                    samples[side].append(timed(sides[side]))
            results[task] = row = summary(samples)
            walls = [f"{row[f'{side}_wall_min_s']:.2f} / {row[f'{side}_wall_median_s']:.2f}" for side in sides]
            cpus = f"{row['ours_cpu_median_s']:9.2f} {row['decord_cpu_median_s']:7.2f}"
            print(f"{task:38} {walls[0]:>16} {walls[1]:>16} {cpus} {row['wall_ratio']:11.2f} {row['cpu_ratio']:5.2f}")
    print("wall: min / median; ratio: ours over decord, medians, below 1 is faster")
    print(json.dumps(results))


def summary(samples: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    row = {}
    for side, pairs in samples.items():
        walls, cpus = zip(*pairs, strict=True)
        row[f"{side}_wall_min_s"], row[f"{side}_wall_median_s"] = min(walls), statistics.median(walls)
        row[f"{side}_cpu_median_s"] = statistics.median(cpus)
    row["wall_ratio"] = row["ours_wall_median_s"] / row["decord_wall_median_s"]
    row["cpu_ratio"] = row["ours_cpu_median_s"] / row["decord_cpu_median_s"]
    return {name: round(value, 4) for name, value in row.items()}


if __name__ == "__main__":
    main()
