"""Keepframe over the same clips and dimensions as benchmarks/_perceptual/published.py, in one pass."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from stubs import DIMENSIONS, THREADS, Embedding, Meter, Middle, Quality, field

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench import weights
from bench.registry import resolve
from bench.video.clip import probe
from runners import amt
from runners.isolate import RECIPES, borrow
from suites.dynamics import flow
from suites.features import clip as clip_towers
from suites.features import dino, pixels
from suites.features.judge import judge
from suites.features.memory import keep_freed_memory
from suites.features.protocols import Evidence
from suites.vbench import imaging


class Encoder(torch.nn.Module):
    """In the place of RAFT's encoder."""

    device = torch.device("cpu")

    def feature_encoder(self, picture: Any) -> Any:
        return picture


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    metrics = [resolve("video-metric", name)() for name in DIMENSIONS]
    files = ("dino-vitb16", "clip-b32", "clip-l14", "laion-aesthetic", "raft", "musiq-spaq", "amt-s")
    if asked["head"]:
        stubs = {name: Path(asked["head"]).with_name(f"{name}.stub") for name in files if name != "laion-aesthetic"}
        for path in stubs.values():
            path.touch()
        _stub()
        stand_ins = stubs | {"laion-aesthetic": Path(asked["head"])}
    else:
        stand_ins = {name: Path(path) for name, path in asked["weights"].items()}
    imaging.find_spec = lambda name: True  # type: ignore[assignment]
    passes = _counted()
    keep_freed_memory()  # as `keepframe score` does
    torch.set_num_threads(THREADS)
    values: dict[str, list[float]] = {metric.name: [] for metric in metrics}
    with weights.stand_ins(stand_ins):
        if not asked["head"]:
            _imported()
        meter = Meter()
        models = {"interpolator": amt.Amt()}
        for path in asked["clips"]:
            found = judge(metrics, Evidence(probe(Path(path)), models=models))
            for failure in found.failures.values():
                raise failure
            for name, series in found.series.items():
                values[name].append(float(series.values.mean()))
        read = meter.read()
    print("\n" + json.dumps({**read, "values": values, "decodes": len(passes) / len(asked["clips"])}))


def _imported() -> None:
    """What networks of full size import when they are first asked; the package's are all imported before its clock."""
    borrow(RECIPES["vbench"])
    for name in (
        "open_clip.model",
        "torchvision.models.optical_flow",
        "pyiqa.archs.musiq_arch",
        "vbench.motion_smoothness",
    ):
        importlib.import_module(name)


def _stub() -> None:
    dino.loaded = lambda path: Embedding(768)  # type: ignore[assignment]
    clip_towers.pictures = lambda path: Embedding(512 if "b32" in path.name else 768)  # type: ignore[assignment]
    imaging._loaded = lambda path: Quality()  # type: ignore[assignment]
    amt._loaded = lambda path: Middle()  # type: ignore[assignment]
    flow.loaded = lambda path: Encoder()  # type: ignore[assignment]

    def drawn(model: Any, first: Any, second: Any) -> Any:
        brightness = (float(second.picture[..., ::64, ::64].mean()) + 1) / 2
        return field(*second.picture.shape[-2:], brightness)[0].numpy()

    flow.flow = drawn  # type: ignore[assignment]


def _counted() -> list[Path]:
    """Grows by one with every pass over a clip."""
    passes: list[Path] = []
    stream = pixels.stream

    def counting(clip: Any, *args: Any, **named: Any) -> Any:
        passes.append(clip.path)
        return stream(clip, *args, **named)

    pixels.stream = counting  # type: ignore[assignment]
    return passes


if __name__ == "__main__":
    main()
