"""Does a 10-minute history need more memory than a 20-second one? The aim: at most 1.2 times the peak RSS.

    python benchmarks/long_clip.py

One clip of each length is drawn, and `keepframe run` measures memories of the whole of it. Peak RSS is the largest of
any process of the run (workers hold the frames), as the kernel counted it. The last line is JSON.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.types import Size  # noqa: E402
from bench.video.procedural import write_clip  # noqa: E402

AIM = 1.2
SPEC = """
name = "long clip"
metrics = ["psnr", "ssim"]
[footage]
path = "{clip}"
[suite]
args = {{ moments = 16, horizons_s = [{seconds}] }}
[[systems]]
memory = "mean-frame"
[[systems]]
memory = "keyframes"
args = {{ every_s = 1.0 }}
[[systems]]
memory = "codec"
args = {{ codec = "h264", bitrate_kbps = 50 }}
"""
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mb(folder: Path, seconds: float) -> float:
    """Peak RSS of any process of a run over one clip of this length."""
    clip = write_clip("slow-pan", 0, folder / f"{seconds:g}", size=Size(416, 240), seconds=seconds)
    spec = folder / f"{seconds:g}.toml"
    spec.write_text(SPEC.format(clip=clip, seconds=seconds))
    run = [sys.executable, "-m", "bench", "run", str(spec), "--store", str(folder / f"store {seconds:g}")]
    done = subprocess.run([sys.executable, "-c", PEAK, *run], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        short, long = peak_mb(Path(name), 20.0), peak_mb(Path(name), 600.0)
    print(f"20 s: {short:.0f} MB   600 s: {long:.0f} MB   ratio {long / short:.2f} (aim: at most {AIM})")
    print(
        json.dumps(
            {"peak_mb_20s": round(short), "peak_mb_600s": round(long), "ratio": round(long / short, 3), "aim": AIM}
        )
    )


if __name__ == "__main__":
    main()
