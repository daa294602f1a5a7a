"""VBench-Long as a whole, against the published package in its box: cut, joined, scored, mapped and fused by both."""

import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from bench import registry, weights
from bench.types import Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from runners.isolate import RECIPES, program
from suites.features import clip as clip_towers
from suites.features import dino, dreamsim
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.vbench.long import mapping
from tests.unit import published_vbench_long
from tests.unit.published_vbench_long import Pixels

BOX = RECIPES["vbench"]
KINDS = ("subject", "background")
METRICS = ("temporal_flickering_long", *(f"{kind}_consistency_{part}" for kind in KINDS for part in ("long", "fused")))


def published(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """What the package says of the videos in a folder: video -> dimension -> its scores. It keeps a row a clip."""
    shares = "".join(f"{part}_{kind}: 0.5\n" for kind in ("sb", "bg") for part in ("w_inclip", "w_clip2clip"))
    (folder / "settings.yaml").write_text(shares)
    for kind in ("subject", "background"):
        table = zip(*mapping(kind), strict=True)
        (folder / f"{kind}.yaml").write_text("".join(f"{score!r}: {worth!r}\n" for score, worth in table))
    done = subprocess.run(
        [BOX.python, published_vbench_long.__file__, folder],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(program(BOX).parent), "VBENCH_CACHE_DIR": str(folder / "cache")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for dimension, (_, *details) in json.loads((folder / "results.json").read_text()).items():
        for row in details[-1]:
            rows[Path(row["video_path"]).name, dimension].append(row)
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (video, dimension), clips in rows.items():
        scores = {name for name in clips[0] if name != "video_path"}
        found[video][dimension] = {name: float(np.mean([one[name] for one in clips])) for name in scores}
    return found


@pytest.mark.skipif(BOX.missing() is not None, reason="needs: keepframe isolate vbench")
@pytest.mark.box
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_long_scores_are_the_published_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video whose last clip reaches back, an upright one of whole clips, and one of a single clip."""
    facts = ((Size(160, 96), 8, 13.0), (Size(96, 128), 5, 8.0), (Size(128, 96), 8, 1.5))
    paths = [
        write_clip("rapid-cuts", seed, tmp_path / "videos", size=size, fps=fps, seconds=seconds)
        for seed, (size, fps, seconds) in enumerate(facts)
    ]
    theirs = published(tmp_path)
    monkeypatch.setattr(dino, "loaded", lambda path, name="dino-vitb16": Pixels({"dino-vitb16": 1}.get(name, 2)))
    monkeypatch.setattr(clip_towers, "pictures", lambda path: Pixels(3))
    monkeypatch.setattr(dreamsim, "loaded", lambda *paths: Pixels(4))
    differences = {}
    with weights.stand_ins(dict.fromkeys(("dino-vitb16", "dinov2-vitb14", "clip-b32", "dreamsim"), tmp_path)):
        for path in paths:
            found = judge([registry.resolve("video-metric", name)() for name in METRICS], Evidence(probe(path)))
            assert not found.failures, found.failures
            ours = {name: float(series.values.mean()) for name, series in found.series.items()}
            said = theirs[path.name]
            pairs = {"temporal_flickering_long": said["temporal_flickering"]["video_results"]}
            for kind in KINDS:
                pairs[f"{kind}_consistency_long"] = said[f"{kind}_consistency"]["inclip_score"]
                pairs[f"{kind}_consistency_fused"] = said[f"{kind}_consistency"]["video_results"]
            for name, value in pairs.items():
                differences[path.name, name] = abs(ours[name] - value) / abs(value)
    print(f"VBench-Long: largest relative difference of a score {max(differences.values()):.1e}")
    assert len(differences) == 15 and max(differences.values()) < 1e-5, differences
    between = [said["subject_consistency"]["clip2clip_score"] for said in theirs.values()]
    assert sorted(value == 0.0 for value in between) == [False, False, True]  # the single clip has no other
