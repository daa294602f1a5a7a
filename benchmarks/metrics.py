"""How fast PSNR, SSIM and MS-SSIM are, against torchmetrics, on two cores; how exact; in how much memory; and why.

    python benchmarks/metrics.py            # 64 pairs of 832x480, one to four minutes
    python benchmarks/metrics.py --frames 8

Both sides score the same frames in the same process, in groups that alternate (ours, theirs, theirs, ours, ...), so
that a busy machine slows both. torchmetrics gets its frames as float tensors, converted off the clock, and one frame
a call, which is its fastest: a call of 8 is timed once beside it. Ours gets uint8, as the runner has them.
The last line is JSON. Needs the `dev` extra.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CORES = 2
for variable in ("KEEPFRAME_METRIC_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(CORES)  # before NumPy and torch read them
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from scipy.ndimage import correlate1d  # noqa: E402

from suites.metrics import evaluate  # noqa: E402
from suites.metrics.psnr import Psnr  # noqa: E402
from suites.metrics.ssim import MsSsim, Ssim  # noqa: E402

HEIGHT, WIDTH = 480, 832
NAMES = ("psnr", "ssim", "ms_ssim")
GROUP = 8  # frames between two changes of side
EXACT_FRAMES = 4  # frames compared with float64, which takes seconds each

Frames = np.ndarray


def footage(frames: int, seed: int = 0) -> tuple[Frames, Frames]:
    """Pictures with the spectrum of natural ones (1/f, colours that agree, hard edges), and poor memories of them."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None]
    spectrum = 1 / np.maximum(np.hypot(fy, fx), 1 / WIDTH) ** 1.2
    true = np.empty((frames, HEIGHT, WIDTH, 3), np.uint8)
    seen = np.empty_like(true)
    for i in range(frames):
        phases = np.exp(2j * np.pi * rng.random((2, *spectrum.shape)))
        light, tint = (np.fft.irfft2(spectrum * phase, (HEIGHT, WIDTH)) for phase in phases)
        picture = 120 + 45 * light[..., None] / light.std() + 15 * tint[..., None] / tint.std() * np.array([1, 0, -1])
        picture = np.clip(picture, 0, 255).astype(np.uint8)
        for _ in range(6):
            corner = rng.integers((0, 0), (WIDTH - 80, HEIGHT - 80))
            cv2.rectangle(
                picture,
                corner.tolist(),
                (corner + rng.integers(20, 80, 2)).tolist(),
                rng.integers(0, 256, 3).tolist(),
                -1,
            )
        small = cv2.resize(picture, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
        noise = rng.normal(scale=3, size=picture.shape)
        memory = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) + noise
        true[i], seen[i] = picture, np.clip(memory, 0, 255).astype(np.uint8)
    return true, seen


def ours(true: Frames, seen: Frames) -> dict[str, Frames]:
    values, failures = evaluate([Psnr(), Ssim(), MsSsim()], true, seen)
    assert not failures, failures
    return values


def theirs(true: Any, seen: Any) -> dict[str, Frames]:
    """torchmetrics on tensors `[time, 3, height, width]`, float32 in 0 to 255, in one call each."""
    from torchmetrics.functional import image

    options = {"data_range": 255.0}
    values = (
        image.peak_signal_noise_ratio(seen, true, reduction="none", dim=(1, 2, 3), **options),
        image.structural_similarity_index_measure(seen, true, reduction="none", **options),
        image.multiscale_structural_similarity_index_measure(seen, true, reduction="none", **options),
    )
    return {name: value.reshape(-1).double().numpy() for name, value in zip(NAMES, values, strict=True)}


def in_float64(true: Frames, seen: Frames) -> tuple[float, float, float]:
    """The three definitions for one frame, written out in float64."""
    psnr = 10 * np.log10(255**2 / np.mean((true.astype(float) - seen) ** 2))
    taps = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    taps /= taps.sum()

    def mean(plane: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(plane, taps, axis=0), taps, axis=1)[5:-5, 5:-5]

    first, products = [], []
    for channel in range(3):
        x, y, product = true[..., channel].astype(float), seen[..., channel].astype(float), 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            mx, my = mean(x), mean(y)
            vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
            contrast = (2 * cov + 58.5225) / (vx + vy + 58.5225)
            full = contrast * (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)
            if scale == 0:
                first.append(full.mean())
            product *= max((full if scale == 4 else contrast).mean(), 0) ** weight
            x, y = (z.reshape(len(z) // 2, 2, -1, 2).mean(axis=(1, 3)) for z in (x, y))
        products.append(product)
    return float(psnr), float(np.mean(first)), float(np.mean(products))


def ms_a_frame(work: Callable[[], object], frames: int, repeats: int = 5) -> float:
    """Median wall time of `work`, per frame, in milliseconds."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / frames * 1e3


def race(true: Frames, seen: Frames) -> dict[str, float]:
    """Alternate the two sides over groups of frames; times in ms a frame, ratio of throughputs by group."""
    import torch

    torch.set_num_threads(CORES)

    def tensors(part: slice, size: int) -> list[tuple[Any, Any]]:
        x, y = (torch.from_numpy(z[part]).permute(0, 3, 1, 2).float().contiguous() for z in (true, seen))
        return list(zip(x.split(size), y.split(size), strict=True))

    def timed(work: Callable[[], object]) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3

    def their_turn(batches: list[tuple[Any, Any]]) -> tuple[float, float]:
        return timed(lambda: [theirs(*batch) for batch in batches])

    ours(true[:2], seen[:2])  # warm-up: imports, first allocations
    their_turn(tensors(slice(0, 1), 1))
    times: dict[str, list[np.ndarray]] = {"ours": [], "torchmetrics": []}
    for group, start in enumerate(range(0, len(true), GROUP)):
        part = slice(start, start + GROUP)
        batches = tensors(part, 1)
        for side in sorted(times, reverse=group % 2 == 1):
            turn = timed(lambda p=part: ours(true[p], seen[p])) if side == "ours" else their_turn(batches)
            times[side].append(np.array(turn) / len(batches))
    wall, cpu = ({side: np.array(turns)[:, clock] for side, turns in times.items()} for clock in (0, 1))
    ratios = wall["torchmetrics"] / wall["ours"]
    batch8, _ = their_turn(tensors(slice(0, GROUP), GROUP))
    return {
        "ours_ms_a_frame": float(np.median(wall["ours"])),
        "torchmetrics_ms_a_frame": float(np.median(wall["torchmetrics"])),
        "torchmetrics_batch8_ms_a_frame": batch8 / min(GROUP, len(true)),
        "ours_cpu_ms_a_frame": float(np.median(cpu["ours"])),
        "torchmetrics_cpu_ms_a_frame": float(np.median(cpu["torchmetrics"])),
        "ratio": float(np.median(ratios)),
        "ratio_lowest_group": float(ratios.min()),
        "ratio_highest_group": float(ratios.max()),
        "ratio_cpu": float(np.median(cpu["torchmetrics"] / cpu["ours"])),
    }


def exactness(true: Frames, seen: Frames) -> dict[str, float]:
    """Largest difference from float64 over a few frames, for each metric and both sides."""
    import torch

    expected = dict(zip(NAMES, np.transpose([in_float64(x, y) for x, y in zip(true, seen, strict=True)]), strict=True))
    batch = [torch.from_numpy(z).permute(0, 3, 1, 2).float() for z in (true, seen)]
    found = {"ours": ours(true, seen), "torchmetrics": theirs(*batch)}
    return {
        f"{side}_{name}_difference": float(np.abs(values[name] - expected[name]).max())
        for side, values in found.items()
        for name in NAMES
    }


def bounds(true: Frames, seen: Frames) -> dict[str, float]:
    """What limits us: the filters alone, by the same calls on the same cores, and the machine's own limits."""
    plane = true[0, ..., 0].astype(np.float32)
    taps = cv2.getGaussianKernel(11, 1.5).ravel().astype(np.float32)

    def filters(_: object) -> None:
        for scale in range(5):
            small = np.ascontiguousarray(plane[: HEIGHT >> scale, : WIDTH >> scale])
            out = np.empty_like(small)
            for _ in range(4 * 3):  # four filterings of three channels
                cv2.sepFilter2D(small, cv2.CV_32F, taps, taps, dst=out)

    with ThreadPoolExecutor(CORES) as pool:
        filters_ms = ms_a_frame(lambda: list(pool.map(filters, range(8))), 8)
    matrices = np.ones((2, 2048, 2048), np.float32)
    flops_a_ms = 2 * 2048**3 / ms_a_frame(lambda: matrices[0] @ matrices[1], 1)
    big = np.ones((2, 32 << 20), np.float32)  # 128 MB each: past every cache
    bytes_a_ms = big.nbytes / ms_a_frame(lambda: np.copyto(big[1], big[0]), 1)
    # What the algorithm computes for a frame: four filterings of 11 + 11 taps, a multiplication and an addition each,
    # and about 22 more operations, on every value of the pyramid. What it must read: both uint8 frames, once.
    values = HEIGHT * WIDTH * 3 * sum(4.0**-scale for scale in range(5))
    return {
        "psnr_alone_ms_a_frame": ms_a_frame(lambda: Psnr()(true[:8], seen[:8]), 8),
        "ssim_alone_ms_a_frame": ms_a_frame(lambda: Ssim()(true[:8], seen[:8]), 8),
        "filters_alone_ms_a_frame": filters_ms,
        "machine_gflops": flops_a_ms / 1e6,
        "machine_copy_gb_a_second": bytes_a_ms / 1e6,
        "arithmetic_bound_ms_a_frame": values * (4 * 44 + 22) / flops_a_ms,
        "traffic_bound_ms_a_frame": HEIGHT * WIDTH * 3 * 2 / bytes_a_ms,
    }


def status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def extra_memory_mb(frames: int) -> float:
    """High-water mark of this process while it scores, over what it held before. Call in a fresh process."""
    true, seen = footage(1)
    true, seen = (np.repeat(z, frames, axis=0) for z in (true, seen))
    ours(true[:1, :176, :176], seen[:1, :176, :176])  # libraries loaded
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts from here
    before = status_mb("VmRSS")
    ours(true, seen)
    return status_mb("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--memory", action="store_true", help="only print the extra memory of this process, in MB")
    options = parser.parse_args()
    if options.memory:
        print(extra_memory_mb(options.frames))
        return
    child = [sys.executable, __file__, "--memory", "--frames", str(options.frames)]
    result = {"frames": options.frames, "cores": CORES, "extra_memory_mb": float(subprocess.check_output(child))}
    true, seen = footage(options.frames)
    result |= exactness(true[:EXACT_FRAMES], seen[:EXACT_FRAMES])
    result |= race(true, seen)
    result |= bounds(true, seen)
    for name, value in result.items():
        print(f"{name:38}{value:14.4g}")
    spent = result["ours_ms_a_frame"]
    print(
        f"\n{result['ratio']:.0f} times torchmetrics' throughput. Bound by the Gaussian filters: alone they take "
        f"{result['filters_alone_ms_a_frame'] / spent:.0%} of our time,\nthe arithmetic at the speed of a matrix "
        f"product {result['arithmetic_bound_ms_a_frame'] / spent:.0%}, reading the frames from memory "
        f"{result['traffic_bound_ms_a_frame'] / spent:.0%}."
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
