"""The published vbench package over some clips, as benchmarks/perceptual.py runs it: in the box, without Keepframe.

Asked by one JSON line (clips, networks or not), answers by one. Only what loads networks is replaced.
"""

import importlib
import json
import os
import sys
import tempfile
from typing import Any

import torch
from stubs import DIMENSIONS, THREADS, Embedding, Meter, Middle, Quality, field
from vbench_box import _stand_in_for_what_is_gone


class Flow(torch.nn.Module):
    def forward(self, image1: Any, image2: Any, iters: int, test_mode: bool) -> tuple[None, Any]:
        return None, field(*image2.shape[-2:], float(image2[..., ::64, ::64].mean()) / 255)


def main() -> None:
    _stand_in_for_what_is_gone()
    asked = json.loads(sys.stdin.readline())
    modules = {name: importlib.import_module(f"vbench.{name}") for name in DIMENSIONS}
    decodes = _counted()
    stubbed = _stubbed(asked["head"]) if asked["head"] else None
    torch.set_num_threads(THREADS)
    meter = Meter()
    values = {}
    with tempfile.TemporaryDirectory() as folder:
        listed = os.path.join(folder, "info.json")  # noqa: PTH118
        with open(listed, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump([{"prompt_en": "", "dimension": list(DIMENSIONS), "video_list": asked["clips"]}], file)
        for name in DIMENSIONS:
            weights = stubbed[name] if stubbed else _published(name)
            _, found = getattr(modules[name], f"compute_{name}")(listed, torch.device("cpu"), weights)
            values[name] = [float(one["video_results"]) for one in found]
    print("\n" + json.dumps({**meter.read(), "values": values, "decodes": len(decodes) / len(asked["clips"])}))


def _published(dimension: str) -> Any:
    """What the package's own loader gives, from its cache."""
    from vbench.utils import init_submodules

    for name in [name for name in sys.modules if name == "utils" or name.startswith("utils.")]:
        del sys.modules[name]  # DINO and AMT each have one
    return init_submodules([dimension], local=True)[dimension]


def _stubbed(head: str) -> dict[str, Any]:
    """The networks' places taken by stubs, and what each dimension is handed in the place of weights."""
    import clip
    from vbench import dynamic_degree, imaging_quality, motion_smoothness

    torch.hub.load = lambda **_: Embedding(768)  # type: ignore[assignment]
    clip.load = lambda name, device: (Embedding(512 if name == "B" else 768), None)
    imaging_quality.MUSIQ = lambda pretrained_model_path: Quality()
    dynamic_degree.DynamicDegree.load_model = lambda self: setattr(self, "model", Flow())
    motion_smoothness.MotionSmoothness.load_model = lambda self: setattr(self, "model", Middle())
    return {
        "subject_consistency": {"read_frame": False},
        "background_consistency": ["B", False],
        "temporal_flickering": [],
        "motion_smoothness": {"config": "", "ckpt": ""},
        "dynamic_degree": {"model": ""},
        "aesthetic_quality": ["L", os.path.dirname(head)],  # noqa: PTH120
        "imaging_quality": {"model_path": ""},
    }


def _counted() -> list[str]:
    """Grows by one with every video that the package opens."""
    import cv2
    import decord
    import vbench.utils

    opened: list[str] = []

    def counting(kind: Any) -> Any:
        def make(path: str, *args: Any, **named: Any) -> Any:
            opened.append(path)
            return kind(path, *args, **named)

        return make

    vbench.utils.VideoReader = counting(decord.VideoReader)
    cv2.VideoCapture = counting(cv2.VideoCapture)
    return opened


if __name__ == "__main__":
    main()
