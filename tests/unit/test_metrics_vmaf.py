"""VMAF through ffmpeg: against ffmpeg run plainly, without our pipe and without our option."""

import json
import subprocess
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from bench.errors import KeepframeError, UnavailableError
from suites.metrics import vmaf as module
from suites.metrics.threads import VARIABLE
from suites.metrics.vmaf import Vmaf, vmaf


def footage(frames: int = 3, height: int = 90, width: int = 121) -> np.ndarray:
    grain = np.random.default_rng(0).normal(size=(frames, height, width, 3)).astype(np.float32)
    shapes = [cv2.GaussianBlur(frame, (0, 0), 5) * 700 + 128 for frame in grain]
    return np.clip(np.stack(shapes) + 5 * grain, 0, 255).astype(np.uint8)


TRUE = footage()
SEEN = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.8 + 0.3 * i) for i, frame in enumerate(TRUE)])


def plain_vmaf(folder: Path, true: np.ndarray, seen: np.ndarray) -> list[float]:
    """ffmpeg's VMAF of two raw files, with its motion feature."""
    size = f"{true.shape[2]}x{true.shape[1]}"
    for name, frames in (("true", true), ("seen", seen)):
        (folder / f"{name}.rgb").write_bytes(frames.tobytes())
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-i"]
    to_luma = "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p"
    graph = f"[0:v]{to_luma}[a];[1:v]{to_luma}[b];[a][b]libvmaf=log_fmt=json:log_path=log.json"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *raw, "seen.rgb", *raw, "true.rgb"]
    subprocess.run([*command, "-lavfi", graph, "-f", "null", "-"], cwd=folder, check=True, timeout=60)
    return [frame["metrics"]["vmaf"] for frame in json.loads((folder / "log.json").read_text())["frames"]]


def test_each_frame_scores_as_a_clip_of_its_own(tmp_path: Path) -> None:
    """A clip of one frame has no motion: the published metric then gives what we give in one go."""
    expected = [plain_vmaf(tmp_path, TRUE[i : i + 1], SEEN[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(vmaf(TRUE, SEEN), expected, rtol=0, atol=1e-6)


def test_motion_between_moments_would_hide_the_blur(tmp_path: Path) -> None:
    """Why the motion feature is off: unrelated frames look like motion, and blur then costs nothing."""
    assert plain_vmaf(tmp_path, TRUE, SEEN)[2] > vmaf(TRUE, SEEN)[2] + 5


def test_more_blur_scores_less_and_a_copy_scores_most() -> None:
    scores = vmaf(TRUE[:1].repeat(3, axis=0), np.stack([TRUE[0], SEEN[0], cv2.GaussianBlur(TRUE[0], (0, 0), 2)]))
    assert scores[0] > scores[1] > scores[2]
    assert 95 < scores[0] <= 100


def test_a_score_depends_on_its_frame_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    together = vmaf(TRUE, SEEN)
    monkeypatch.setenv(VARIABLE, "3")
    np.testing.assert_array_equal(vmaf(TRUE[::-1], SEEN[::-1])[::-1], together)
    np.testing.assert_array_equal(vmaf(TRUE[1:2], SEEN[1:2]), together[1:2])
    assert vmaf(TRUE[:0], SEEN[:0]).shape == (0,)


def test_frames_that_would_crash_libvmaf_are_refused() -> None:
    small = footage(1, 31, 40)
    with pytest.raises(KeepframeError, match="40x31 are too small for vmaf"):
        vmaf(small, small)
    smallest = footage(1, 32, 32)
    assert vmaf(smallest, smallest)[0] > 90


def test_without_libvmaf_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_missing", lambda: "The ffmpeg of imageio-ffmpeg was built without libvmaf.")
    assert "keepframe[vmaf]" in (Vmaf().available() or "")
    with pytest.raises(UnavailableError, match="without libvmaf"):
        vmaf(TRUE, SEEN)


def test_an_ffmpeg_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\necho 'no such filter' >&2\nexit 8\n")
    fake.chmod(0o755)
    monkeypatch.setattr(module, "_missing", lambda: None)
    monkeypatch.setattr(module, "_ffmpeg", lambda: str(fake))
    with pytest.raises(KeepframeError, match="status 8: no such filter"):
        vmaf(TRUE, SEEN)
