"""Small videos of made-up systems, for studies with media."""

from pathlib import Path

import numpy as np

from bench.video.write import write_video


def videos(
    root: Path, *, systems: int = 2, prompts: int = 2, seconds: float = 1.0, size: int = 64, fps: int = 24
) -> list[str]:
    """A folder for each system with a clip for each prompt, as `study new` takes them: NAME=FOLDER."""
    told = []
    for system in range(systems):
        folder = root / f"sys{system}"
        for prompt in range(prompts):
            write_video(folder / f"prompt{prompt}.mp4", [frames(system, prompt, seconds, size, fps)], fps)
        told.append(f"sys{system}={folder}")
    return told


def frames(system: int, prompt: int, seconds: float, size: int, fps: int) -> np.ndarray:
    """A disc that goes round on a gradient; a system has its own noise, a prompt its own colour."""
    draw = np.random.default_rng([system, prompt])
    height, width = size // 2 * 2, size * 16 // 9 // 2 * 2
    y, x = np.mgrid[:height, :width]
    ground = np.stack(
        [80 + 60 * prompt % 120 + y * 60 / height, 60 + x * 90 / width, np.full((height, width), 120)], -1
    )
    shots = []
    for k in range(round(seconds * fps)):
        angle = 2 * np.pi * k / fps / 2
        off = np.hypot(x - width * (0.5 + 0.3 * np.cos(angle)), y - height * (0.5 + 0.3 * np.sin(angle)))
        picture = np.where((off < height / 6)[..., None], [240, 200, 40], ground)
        shots.append(np.clip(picture + draw.normal(0, 3 + 12 * system, picture.shape), 0, 255))
    return np.stack(shots).astype(np.uint8)
