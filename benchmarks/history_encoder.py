"""Tokens a second of φ at the paper's sizes: docs/RESULTS.md.

    python -m benchmarks.history_encoder                       # on a CPU: minutes, and no speed of the method
    python -m benchmarks.history_encoder --device cuda --sections 32

Random weights. What is timed is the stage `compress` of `keepframe cost`: both branches of φ on the four latents of a
section, with the VAE on the small video, after a first section that is not counted. The last line is JSON.
"""

import argparse
import json
import time
from statistics import median
from typing import Any

import torch

from bench.memories.history_stream import HistoryStream
from runners.meter import wait_for
from runners.meter_flops import matmul_peak
from runners.meter_memory import Marks
from suites.cost import flops
from suites.cost.build import build
from suites.cost.profile import SECTION_LATENTS, Profile, profile

RATES = ("4x4x2", "2x2x2", "2x2x1")


def main() -> None:
    """Measure every size and rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=["wan-14b", "hunyuan"])
    parser.add_argument("--rates", nargs="*", default=RATES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sections", type=int, default=3)
    chosen = parser.parse_args()
    rows = []
    print("| φ | rate | tokens of a section | s of a section | tokens/s | GFLOP | MFU | peak MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in chosen.sizes:
        for rate in chosen.rates:
            # one layer of the DiT: its first and last layers belong to φ, its blocks do not
            row = measured(profile(size, layers=1, rate=rate, device=chosen.device, dtype="bfloat16"), chosen.sections)
            rows.append(row)
            print(
                f"| {size} | {rate} | {row['tokens']} | {row['s']:.3g} | {row['tokens_per_s']:.3g} | "
                f"{row['flops'] / 1e9:.4g} | {100 * row['mfu']:.0f} % | {row['peak_bytes'] / 1e6:,.0f} |",
                flush=True,
            )
    print(json.dumps(rows))


def measured(asked: Profile, sections: int) -> dict[str, Any]:
    """Median time of a section and what follows from it; `s_all` are all times."""
    marks = Marks(asked.device)
    marks.reset()
    with torch.no_grad(), torch.autocast(torch.device(asked.device).type, torch.bfloat16):
        reader = build(asked)
        stream = HistoryStream(reader)
        grid = asked.shapes.latent_grid(asked.frame)
        frames = asked.shapes.vae_stride[0] * SECTION_LATENTS
        latents = torch.randn(1, asked.shapes.latent_channels, SECTION_LATENTS, *grid, device=asked.device)
        pixels = torch.rand(1, 3, frames, asked.height, asked.width, device=asked.device)
        stream.append(pixels[:, :, : frames - 3], latents)  # the first latent is of one frame
        times, tokens = [], 0
        for _ in range(sections):
            wait_for(asked.device)
            began = time.perf_counter()
            made = stream.append(pixels, latents)
            wait_for(asked.device)
            times.append(time.perf_counter() - began)
            tokens = sum(part.tokens.shape[1] for part in made)
    assert asked.memory_rate is not None
    work = flops.compress(asked.shapes, SECTION_LATENTS, asked.frame, asked.memory_rate)
    peaks = marks.read()
    s = median(times)
    return {
        "profile": asked.as_dict(),
        "tokens": tokens,
        "s": s,
        "s_all": times,
        "tokens_per_s": tokens / s,
        "flops": work,
        "mfu": work / s / matmul_peak(asked.device, asked.dtype).flops_per_s,
        "peak_bytes": peaks.get("reserved", peaks["host"]),
    }


if __name__ == "__main__":
    main()
