"""The published VBench-Long over a folder of videos: run by the Python of the box `vbench`, imports nothing of ours.

    python published_vbench_long.py FOLDER

FOLDER holds videos/ and the package's settings, which its wheel lacks (settings.yaml, subject.yaml, background.yaml).
Its own code cuts the videos into clips, joins first frames, scores, maps and fuses; results.json is what it says.
Three things stand in for what keeps it from being imported today: a writer of videos, which torchvision dropped, and
two packages that it imports and, without cuts by scene, does not use. That writer loses nothing, so that what is left
between the package and us is arithmetic; with LOSSY=1 it is as torchvision's was. The networks are stand-ins that
answer from pixels: the real ones are proved by themselves.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

DIMENSIONS = ("temporal_flickering", "subject_consistency", "background_consistency")


class Pixels(nn.Module):
    """In the place of a network: some of the pixels as they are, other ones for each `seed`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, pictures: Any) -> Any:
        return pictures[:, :, self.seed :: 11, self.seed :: 13].flatten(1)[:, :512].contiguous() + 0.3

    encode_image = embed = forward


def write_video(path: str, frames: Any, fps: float) -> None:
    """In the place of torchvision's: H.264, of RGB as it is, or as torchvision's was."""
    import av

    lossy = os.environ.get("LOSSY") == "1"
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264" if lossy else "libx264rgb", rate=fps, options={} if lossy else {"qp": "0"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p" if lossy else "rgb24"
        for frame in frames.to(torch.uint8).numpy():
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        file.mux(stream.encode())


def stand_in() -> None:
    """What the package imports and today's libraries do not have."""
    import torchvision.io

    torchvision.io.write_video = write_video  # type: ignore[attr-defined]
    unused = {
        "scenedetect": ("open_video", "SceneManager", "split_video_ffmpeg"),
        "scenedetect.detectors": ("ContentDetector",),
        "scenedetect.video_splitter": ("split_video_ffmpeg",),
        "moviepy": (),
        "moviepy.editor": ("VideoFileClip",),
    }
    for name, members in unused.items():
        sys.modules[name] = module = ModuleType(name)
        for member in members:
            setattr(module, member, None)


def networks() -> None:
    """Stand-ins where the package loads DINO, DINOv2, CLIP and DreamSim."""
    import clip
    import vbench2_beta_long.background_consistency as background

    seeds = {"dino_vitb16": 1, "dinov2_vitb14": 2}
    torch.hub.load = lambda **asked: Pixels(seeds[asked["model"]])  # type: ignore[assignment]
    clip.load = lambda name, device: (Pixels(3), None)
    background.dreamsim = lambda pretrained, cache_dir: (Pixels(4), None)


def main(folder: Path) -> None:
    from vbench_box import _stand_in_for_what_is_gone

    _stand_in_for_what_is_gone()
    stand_in()
    import vbench2_beta_long

    networks()
    vbench2_beta_long.init_submodules = lambda names, **_: {
        "temporal_flickering": [],
        "subject_consistency": {"model": "dino_vitb16", "read_frame": False},
        "background_consistency": ["", False],
    }
    lengths = folder / "lengths.yaml"
    lengths.write_text("".join(f"{name}: 2.0\n" for name in DIMENSIONS))
    (folder / "prompts.json").write_text("[]")
    package = vbench2_beta_long.VBenchLong(torch.device("cpu"), str(folder / "prompts.json"), str(folder / "found"))
    package.evaluate(
        videos_path=str(folder / "videos"),
        name="long",
        dimension_list=list(DIMENSIONS),
        local=True,
        mode="long_custom_input",
        use_semantic_splitting=False,
        static_filter_flag=False,
        clip_length_config=str(lengths),
        slow_fast_eval_config=str(folder / "settings.yaml"),
        sb_mapping_file_path=str(folder / "subject.yaml"),
        bg_mapping_file_path=str(folder / "background.yaml"),
        sb_clip2clip_feat_extractor="dinov2",
        bg_clip2clip_feat_extractor="dreamsim",
        dev_flag=True,
        w_inclip=1.0,
        w_clip2clip=0.0,
    )
    found = json.loads((folder / "found" / "long_eval_results.json").read_text())
    (folder / "results.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
