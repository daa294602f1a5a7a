"""Nano's VAE on a processor: oneDNN's convolutions against those that PyTorch chooses for one video (docs/RESULTS.md).

    python -m benchmarks.vae

Float32, one thread, the committed weights, nine frames of 320x192. Both take turns; the least time of each counts.
"""

import argparse
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor, nn

from bench.backbones import causal
from bench.checkpoints.load import space


def plain(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """What PyTorch makes of it."""
    y: Tensor = conv(x)
    return y


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Time encoding and decoding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    vae = space("nano", "cpu").vae
    print("| | PyTorch's choice | oneDNN | ratio |\n| --- | ---: | ---: | ---: |")
    with torch.no_grad():
        frames = torch.rand(1, 3, 9, 192, 320, generator=torch.Generator().manual_seed(0)) * 2 - 1
        latents = vae.encode(frames).mean
        for name, call in (
            ("9 frames encoded", lambda: vae.encode(frames)),
            ("3 latents decoded", lambda: vae.decode(latents)),
        ):
            before, after = [], []
            for _ in range(chosen.rounds):
                with patch.object(causal, "_convolve", plain):
                    before.append(timed(call))
                after.append(timed(call))
            print(f"| {name} | {min(before):.2f} s | {min(after):.2f} s | {min(before) / min(after):.1f} |", flush=True)


if __name__ == "__main__":
    main()
