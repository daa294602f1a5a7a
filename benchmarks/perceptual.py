"""The seven prompt-free dimensions of VBench: our one pass against the published package, in one run.

    keepframe isolate vbench
    python benchmarks/perceptual.py                 # ten 5-s 720p clips, networks replaced: what is spent outside them
    python benchmarks/perceptual.py --networks 5    # full-size networks of random weights, over 5 frames of one clip

Outside the networks means: opening, decoding, resizing, sorting, comparing. Both programs are handed networks that
cost next to nothing and answer from the pixels they are shown, so the scores must agree too. Processor time is that
of the process without its imports. The aims: processor time a fifth, whole time two thirds, peak memory for a minute
a tenth. The package holds a minute of 720p as 20 GB, so its memory is measured at two lengths and the line through
them drawn on to a minute; ours is measured. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import weights  # noqa: E402
from bench.types import Size  # noqa: E402
from bench.video.procedural import write_clip  # noqa: E402
from benchmarks._perceptual.stubs import DIMENSIONS  # noqa: E402
from runners import proof_weights  # noqa: E402
from runners.isolate import RECIPES, borrow, program  # noqa: E402
from runners.official import PLACES, lay, settings  # noqa: E402

BOX = RECIPES["vbench"]
AIMS = {"cpu": 1 / 5, "whole": 2 / 3, "memory": 1 / 10}
HERE = ROOT / "benchmarks" / "_perceptual"


def child(who: str, asked: dict[str, Any], cache: Path | None = None) -> dict[str, Any]:
    """What one program took for these clips, in a process of its own."""
    python = str(BOX.python) if who == "published" else sys.executable
    paths = os.pathsep.join((str(HERE), str(program(BOX).parent)))
    # threads that wait for each other sleep: on a busy machine spinning would count as work
    surroundings = {
        **os.environ,
        "PYTHONPATH": paths,
        "OMP_WAIT_POLICY": "PASSIVE",
        **(settings(cache) if cache else {}),
    }
    surroundings.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(
        [python, str(HERE / f"{who}.py")],
        input=json.dumps(asked) + "\n",
        capture_output=True,
        text=True,
        env=surroundings,
    )
    if done.returncode:
        sys.exit(f"the program {who} ended: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def outside(folder: Path, clips: list[str]) -> dict[str, Any]:
    """Half of the clips by the package, all by us, the other half by the package: what a busy hour does, both feel."""
    head = str(_head(folder))
    half = max(1, len(clips) // 2)
    first = child("published", {"clips": clips[:half], "head": head})
    ours = child("ours", {"clips": clips, "head": head})
    parts = [first] if len(clips) == 1 else [first, child("published", {"clips": clips[half:], "head": head})]
    theirs = {key: sum(part[key] for part in parts) for key in ("cpu_s", "wall_s")}
    values = {name: [value for part in parts for value in part["values"][name]] for name in DIMENSIONS}
    apart = max(
        abs(a - b) / abs(a) for name in DIMENSIONS for a, b in zip(values[name], ours["values"][name], strict=True) if a
    )
    print(f"{len(clips)} clips, networks replaced; largest relative difference of a score {apart:.1e}")
    for name, found in (("vbench 0.1.5", theirs), ("keepframe", ours)):
        print(f"  {name:13s} {found['cpu_s']:7.1f} s of processor, {found['wall_s']:7.1f} s in all")
    ratio = ours["cpu_s"] / theirs["cpu_s"]
    print(f"  processor time {ratio:.3f} of the package's (aim {AIMS['cpu']:.2f}); whole time of this part "
          f"{ours['wall_s'] / theirs['wall_s']:.3f}")  # fmt: skip
    print(f"  decodes per clip: {first['decodes']:g} and {ours['decodes']:g}")
    return {
        "cpu_ratio": round(ratio, 4),
        "outside_wall_ratio": round(ours["wall_s"] / theirs["wall_s"], 4),
        "score_difference": apart,
        "decodes": [first["decodes"], ours["decodes"]],
    }


def memory(folder: Path, lengths_s: tuple[float, float], minute_s: float) -> dict[str, Any]:
    """The package's peak at two lengths, drawn on to a minute; ours at a minute."""
    head = str(_head(folder))
    peaks = [
        child("published", {"clips": [_clip(folder, 90, length)], "head": head})["peak_bytes"] for length in lengths_s
    ]
    slope = (peaks[1] - peaks[0]) / (lengths_s[1] - lengths_s[0])
    theirs = peaks[1] + slope * (minute_s - lengths_s[1])
    ours = child("ours", {"clips": [_clip(folder, 90, minute_s)], "head": head})["peak_bytes"]
    print("peak memory without networks:")
    for length, peak in zip(lengths_s, peaks, strict=True):
        print(f"  vbench 0.1.5  {peak / 1e9:6.2f} GB for {length:g} s")
    print(f"  vbench 0.1.5  {theirs / 1e9:6.2f} GB for {minute_s:g} s, if it goes on like that")
    print(f"  keepframe     {ours / 1e9:6.2f} GB for {minute_s:g} s: {ours / theirs:.3f} (aim {AIMS['memory']:.2f})")
    return {"memory_ratio": round(ours / theirs, 4), "ours_bytes": ours, "published_bytes_extrapolated": theirs}


def networks(folder: Path, frames: int) -> dict[str, Any]:
    """Whole time and peak memory with networks of full size, over one short clip: package, ours twice, package."""
    borrow(BOX)
    needed = {
        name for one in DIMENSIONS for _, name in PLACES[one] if not name.startswith("dino-") or name == "dino-vitb16"
    }
    files = {name: proof_weights.write(name, folder) for name in sorted(needed)}
    clip = _clip(folder, 80, frames / 8, fps=8)
    with weights.stand_ins(files):
        cache = folder / "cache"
        for one in DIMENSIONS:
            lay(cache, one)
        runs: dict[str, list[dict[str, Any]]] = {"published": [], "ours": []}
        for who in ("published", "ours", "ours", "published"):
            asked: dict[str, Any] = {"clips": [clip], "head": ""}
            if who == "ours":
                asked["weights"] = {name: str(path) for name, path in files.items()}
            runs[who].append(child(who, asked, cache if who == "published" else None))
    wall, cpu, peak = (
        {who: sum(run[what] for run in found) / len(found) for who, found in runs.items()}
        for what in ("wall_s", "cpu_s", "peak_bytes")
    )
    ours, theirs = (runs[who][0]["values"] for who in ("ours", "published"))
    apart = max(abs(a - b) / abs(a) for name in DIMENSIONS for a, b in zip(theirs[name], ours[name], strict=True) if a)
    print(f"with networks of full size, {frames} frames of 720p; largest relative difference of a score {apart:.1e}")
    for name, who in (("vbench 0.1.5", "published"), ("keepframe", "ours")):
        each = ", ".join(f"{run['wall_s']:.0f}" for run in runs[who])
        print(
            f"  {name:13s} {wall[who]:6.1f} s in all ({each}), {cpu[who]:6.1f} s of processor, {peak[who] / 1e9:.2f} GB"
        )
    ratio, work = (took["ours"] / took["published"] for took in (wall, cpu))
    print(f"  whole time {ratio:.3f} (aim {AIMS['whole']:.2f}), processor time {work:.3f}")
    return {
        "whole_ratio": round(ratio, 4),
        "whole_cpu_ratio": round(work, 4),
        "frames": frames,
        "score_difference": apart,
        "runs": runs,
    }


def _head(folder: Path) -> Path:
    """LAION's predictor is one row of numbers, so both have it as it is, under the name that the package looks for."""
    path = folder / "sa_0_4_vit_l_14_linear.pth"
    return path if path.exists() else proof_weights.write("laion-aesthetic", folder).rename(path)


def _clip(folder: Path, seed: int, seconds: float, fps: int = 24) -> str:
    place = folder / f"{seconds:g}"
    place.mkdir(exist_ok=True)
    return str(write_clip("high-motion", seed, place, size=Size(1280, 720), fps=fps, seconds=seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--minute", type=float, default=60.0, help="length of the clip of the memory figure; 0: leave it"
    )
    parser.add_argument("--networks", type=int, default=0, help="frames of the clip seen by real networks")
    parser.add_argument("--folder", type=Path, help="keep the drawn clips here between runs")
    chosen = parser.parse_args()
    if (missing := BOX.missing()) is not None:
        sys.exit(missing)
    document: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if chosen.networks:
            document = networks(folder, chosen.networks)
        else:
            clips = [_clip(folder, seed, chosen.seconds) for seed in range(chosen.clips)]
            document = outside(folder, clips)
            if chosen.minute:
                document |= memory(folder, (2.0, 6.0), chosen.minute)
    print(json.dumps(document))


if __name__ == "__main__":
    main()
