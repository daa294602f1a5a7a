"""A few tiny clips and a spec over them: enough for every path of a run, in about a second."""

from pathlib import Path

import numpy as np
import pytest

from bench.types import Frames, Size
from bench.video.write import write_video

SIZE = Size(96, 64)


def moving_frames(seed: int, frames: int = 24) -> Frames:
    """A coloured square that moves over a gradient."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
    picture = np.stack([x * 2, y * 3, (x + y)], axis=-1) + random.integers(0, 60)
    video = np.repeat(picture[None], frames, axis=0).clip(0, 255).astype(np.uint8)
    for index in range(frames):
        left = (index * 3 + seed * 7) % (SIZE.width - 16)
        video[index, 20:36, left : left + 16] = random.integers(0, 255, 3)
    return video


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three readable clips, called so that names are a trap."""
    folder = tmp_path_factory.mktemp("videos")
    for seed, name in enumerate(["a.mp4", "b 'quoted' [x].mp4", "ü/c.mp4"]):
        (folder / name).parent.mkdir(exist_ok=True)
        write_video(folder / name, [moving_frames(seed)], fps=12)
    return folder


SPEC = """
name = "tiny"
metrics = ["psnr", "ssim"]

[footage]
path = "{videos}"

[suite]
args = {{ moments = 4, horizons_s = [2.0] }}

[decode]
width = 96
height = 64

[[systems]]
memory = "constant"
baseline = true

[[systems]]
name = "keyframes"
memory = "keyframes"
sweep = {{ every_s = [1.0, 0.5] }}

[[systems]]
name = "h264"
memory = "codec"
args = {{ codec = "h264" }}
sweep = {{ bitrate_kbps = [50, 200] }}
"""


@pytest.fixture(scope="session")
def spec_text(videos: Path) -> str:
    return SPEC.format(videos=videos)


@pytest.fixture
def spec_file(spec_text: str, tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(spec_text, encoding="utf-8")
    return path
