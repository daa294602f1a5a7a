"""The vbench package, asked from outside: runs in a box of its own, speaks JSON lines, imports nothing of Keepframe.

Reads one request a line from its input:

    {"id": 1, "dimension": "temporal_flickering", "videos": [{"path": "/a.mp4", "prompt": "A cat.", "about": null}]}

`about` is what the dimension's prompt list says of the video ({"object": "cat"}), where it says something. Answers
`{"id": 1, "value": {"all": 0.97, "each": [0.97], "parts": [null]}}` or `{"id": 1, "error": "…"}` to its output: the
package's own value over all videos, its value of each (null where it leaves one out), and for dynamic_degree the
speeds that its yes or no is cut from. The first line it writes names its versions. The package prints as it likes;
all of that goes to the error stream. Weights lie where the package looks for them, in `VBENCH_CACHE_DIR` and
`TORCH_HOME` (runners/official.py puts them there), so that nothing is downloaded.
"""

import importlib
import json
import os
import sys
import tempfile
from importlib.metadata import version
from types import ModuleType
from typing import Any

# What loads a dimension's networks: (module, name). The package loads them anew for every call; here each stays.
LOADERS = {
    "subject_consistency": ("torch.hub", "load"),
    "background_consistency": ("clip", "load"),
    "appearance_style": ("clip", "load"),
    "aesthetic_quality": ("clip", "load"),
    "imaging_quality": ("vbench.imaging_quality", "MUSIQ"),
    "motion_smoothness": ("vbench.motion_smoothness", "MotionSmoothness"),
    "dynamic_degree": ("vbench.dynamic_degree", "DynamicDegree"),
    "overall_consistency": ("vbench.overall_consistency", "ViCLIP"),
    "temporal_style": ("vbench.temporal_style", "ViCLIP"),
    "human_action": ("vbench.human_action", "create_model"),
    "scene": ("vbench.scene", "tag2text_caption"),
    "object_class": ("vbench.object_class", "DenseCaptioning"),
    "multiple_objects": ("vbench.multiple_objects", "DenseCaptioning"),
    "color": ("vbench.color", "DenseCaptioning"),
    "spatial_relationship": ("vbench.spatial_relationship", "DenseCaptioning"),
}
_kept: dict[str, Any] = {}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**line: Any) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    say(versions={name: version(name) for name in ("vbench", "torch", "numpy")})
    _stand_in_for_what_is_gone()
    cache = os.environ.get("VBENCH_CACHE_DIR")
    if cache:
        os.chdir(cache)  # transformers takes a folder called bert-base-uncased for the model of that name
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            say(id=asked["id"], value=_values(asked["dimension"], asked["videos"]))
        except BaseException as error:  # the package raises whatever it likes, SystemExit too
            say(id=asked["id"], error=f"{type(error).__name__}: {error}")


def _values(dimension: str, videos: list[dict[str, Any]]) -> dict[str, Any]:
    import torch

    for name in [name for name in sys.modules if name == "utils" or name.startswith("utils.")]:
        del sys.modules[name]  # DINO and AMT each have a `utils` and put its folder on the path
    module = importlib.import_module(f"vbench.{dimension}")
    if dimension == "scene":
        _begin_anyhow(importlib.import_module("vbench.third_party.tag2Text.tag2text"))
    _load_once(dimension)
    parts = _overheard(module) if dimension == "dynamic_degree" else []
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        paths = [_linked(folder, number, video) for number, video in enumerate(videos)]
        listed = os.path.join(folder, "info.json")  # noqa: PTH118
        with open(listed, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump([_entry(dimension, path, video) for path, video in zip(paths, videos, strict=True)], file)
        # Tag2Text would keep what gradients need of sixteen frames: over 11 GB
        with torch.set_grad_enabled(dimension != "scene"):
            every, found = getattr(module, f"compute_{dimension}")(listed, device, _weights(dimension))
    each = {one["video_path"]: float(one["video_results"]) for one in found}
    return {
        "all": float(every),
        "each": [each.get(path) for path in paths],
        "parts": parts or [None] * len(paths),
    }


def _entry(dimension: str, path: str, video: dict[str, Any]) -> dict[str, Any]:
    entry = {"prompt_en": video["prompt"], "dimension": [dimension], "video_list": [path]}
    return entry if video["about"] is None else {**entry, "auxiliary_info": {dimension: video["about"]}}


def _linked(folder: str, number: int, video: dict[str, Any]) -> str:
    """A link that ends in .mp4, as the package wants it, and bears the prompt, from which it reads actions."""
    place = os.path.join(folder, str(number))  # noqa: PTH118
    os.mkdir(place)  # noqa: PTH102
    words = video["prompt"].replace("/", " ").replace("\0", " ").encode()[:200].decode(errors="ignore")
    path = os.path.join(place, f"{words or 'video'}-0.mp4")  # noqa: PTH118
    os.symlink(video["path"], path)  # noqa: PTH211
    return path


def _weights(dimension: str) -> Any:
    """What the package's own loader gives; it downloads what its cache lacks."""
    from vbench.utils import init_submodules

    return init_submodules([dimension], local=True, read_frame=False)[dimension]


def _load_once(dimension: str) -> None:
    if dimension not in LOADERS:
        return
    place, name = LOADERS[dimension]
    owner = importlib.import_module(place)
    load = getattr(owner, name)
    load = getattr(load, "published", load)

    def once(*args: Any, **named: Any) -> Any:
        if dimension not in _kept:
            _kept[dimension] = load(*args, **named)
        return _kept[dimension]

    once.published = load  # type: ignore[attr-defined]
    setattr(owner, name, once)


def _begin_anyhow(module: ModuleType) -> None:
    """Tag2Text begins a part of itself with BERT's published numbers and reads its own file over them. Here that part
    begins with any numbers, so that nobody fetches 440 MB to throw them away; that all were replaced is checked."""
    read = getattr(module.load_checkpoint_swinbase, "published", module.load_checkpoint_swinbase)

    def begin(place: str, config: Any, **named: Any) -> Any:
        return module.BertModel(config, **named)

    def checked(*args: Any) -> Any:
        model, found = read(*args)
        named = dict(model.named_parameters(remove_duplicate=False))
        replaced = {value.data_ptr() for name, value in named.items() if name not in found.missing_keys}
        left = [name for name, value in model.vision_multi.named_parameters() if value.data_ptr() not in replaced]
        if left:
            raise RuntimeError(f"the file for Tag2Text holds nothing for vision_multi.{left[0]}")
        return model, found

    checked.published = read  # type: ignore[attr-defined]
    module.BertModel.from_pretrained = begin
    module.load_checkpoint_swinbase = checked  # type: ignore[attr-defined]


def _overheard(module: ModuleType) -> list[list[float]]:
    """The speeds of each video, as they are handed to `check_move`."""
    heard: list[list[float]] = []
    kind = module.DynamicDegree
    kind = getattr(kind, "published", kind)
    check = getattr(kind.check_move, "published", kind.check_move)

    def check_move(self: Any, scores: list[float]) -> Any:
        heard.append(list(scores))
        return check(self, scores)

    check_move.published = check  # type: ignore[attr-defined]
    kind.check_move = check_move
    return heard


def _stand_in_for_what_is_gone() -> None:
    """Modules that the package and pyiqa import and do not use: gone from numpy 2, or not made for it."""
    for name in ("numpy.lib.function_base", "imgaug", "imgaug.augmenters"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["numpy.lib.function_base"].disp = print  # type: ignore[attr-defined]
    sys.modules["imgaug"].augmenters = sys.modules["imgaug.augmenters"]  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
