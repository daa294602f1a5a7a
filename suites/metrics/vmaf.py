"""VMAF: Netflix's predictor of perceived quality, through the ffmpeg that the imageio-ffmpeg package brings.

VMAF adds a motion term computed from the frame before. The moments that a recall asks for are not neighbours: to
VMAF their sequence is violent motion, which it takes to hide distortion, and it gives blurred frames 100. So the
motion feature is switched off (`motion_force_zero`), which gives each frame the score of a clip that stands still.
Scores are therefore comparable with each other, and not with the VMAF of an encoded video.
"""

import json
import subprocess
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

from bench.errors import KeepframeError, UnavailableError
from bench.types import Frames
from suites.metrics.frames import check_pair
from suites.metrics.threads import threads

MINIMUM_SIDE = 32  # libvmaf crashes on frames of 16 pixels

_INSTALL = "pip install 'keepframe[vmaf]'"


def vmaf(reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
    """VMAF of each frame by itself, from 0 to 100. Higher is better.

    Model vmaf_v0.6.1, motion feature forced to zero, on BT.709 limited-range luma. An exact copy scores about 97
    and not 100: so does the model for any clip that stands still. The model was trained on 1080p seen from three
    screen heights; no frame is scaled here. About 20 ms a frame of 832x480 on two threads.

    Args:
        reference: the true frames, uint8 RGB `[time, height, width, 3]`, at least 32 pixels a side.
        recalled: the remembered frames, same shape.

    Returns:
        One float64 a frame.

    Raises:
        KeepframeError: the arrays are not of that type, their shapes differ, the frames are too small, or ffmpeg
            failed (with what it said).
        UnavailableError: imageio-ffmpeg is not installed, or its ffmpeg has no libvmaf.

    Source: github.com/Netflix/vmaf, libvmaf as built into ffmpeg.

    >>> frames = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    >>> bool(vmaf(frames, frames)[0] > vmaf(frames, frames // 2)[0])
    True
    """
    check_pair(reference, recalled, minimum_side=MINIMUM_SIDE, metric="vmaf")
    missing = _missing()
    if missing:
        raise UnavailableError(missing, _INSTALL)
    if not len(reference):
        return np.empty(0)
    with tempfile.TemporaryDirectory(prefix="keepframe-vmaf-") as folder:
        _run(reference, recalled, Path(folder))
        log = json.loads((Path(folder) / "vmaf.json").read_text())
    frames = [frame["metrics"] for frame in log["frames"]]
    # An ffmpeg that does not know the option ignores it without a word, and the scores would be worthless.
    if any(value != 0 for frame in frames for name, value in frame.items() if name.startswith("integer_motion2")):
        raise UnavailableError("This ffmpeg's libvmaf is too old to leave motion out of VMAF.", _INSTALL)
    if len(frames) != len(reference):
        raise KeepframeError(f"ffmpeg scored {len(frames)} of {len(reference)} frames.", _INSTALL)
    return np.array([frame["vmaf"] for frame in frames], np.float64)


class Vmaf:
    """`vmaf` as a metric of a suite."""

    name = "vmaf"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"

    def available(self) -> str | None:
        missing = _missing()
        return f"{missing}\n  {_INSTALL}" if missing else None

    def __call__(self, reference: Frames, recalled: Frames) -> Float64[np.ndarray, " time"]:
        return vmaf(reference, recalled)


@lru_cache(maxsize=1)
def _missing() -> str | None:
    """What VMAF lacks on this machine, asked once a process."""
    try:
        listing = subprocess.run([_ffmpeg(), "-hide_banner", "-filters"], capture_output=True, text=True, timeout=60)
    except (ImportError, RuntimeError, OSError, subprocess.TimeoutExpired):
        return "VMAF needs the ffmpeg of the imageio-ffmpeg package, which is not installed or does not run."
    return None if " libvmaf " in listing.stdout else "The ffmpeg of imageio-ffmpeg was built without libvmaf."


def _ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _run(reference: Frames, recalled: Frames, folder: Path) -> None:
    """Leave vmaf.json in `folder`. Both frames of a moment go through one pipe, one above the other."""
    height, width = reference.shape[1:3]
    luma = "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p"  # 4:4:4 takes odd sides; only luma is read
    model = r"version=vmaf_v0.6.1\:motion.motion_force_zero=true"
    graph = (
        f"[0:v]split[top][bottom];"
        f"[top]crop={width}:{height}:0:0,{luma}[reference];"
        f"[bottom]crop={width}:{height}:0:{height},{luma}[recalled];"
        f"[recalled][reference]libvmaf=model='{model}':log_fmt=json:log_path=vmaf.json:n_threads={threads()}"
    )
    command = [_ffmpeg(), "-hide_banner", "-loglevel", "error", "-f", "rawvideo", "-pixel_format", "rgb24"]
    command += ["-video_size", f"{width}x{2 * height}", "-i", "-", "-lavfi", graph, "-f", "null", "-"]
    with (
        (folder / "errors.txt").open("wb") as errors,
        suppress(BrokenPipeError),  # ffmpeg gave up: its exit status and its words tell why
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors, cwd=folder) as process,
    ):
        assert process.stdin is not None
        for pair in zip(reference, recalled, strict=True):
            for frame in pair:
                process.stdin.write(np.ascontiguousarray(frame).data)
    if process.returncode:
        words = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        raise KeepframeError(
            f"ffmpeg ended VMAF with status {process.returncode}: {words[-1] if words else 'it said nothing'}",
            "Leave vmaf out of the metrics, or try another version of imageio-ffmpeg.",
        )
