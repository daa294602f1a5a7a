"""VBench-Long's clips and fusion against the published code's arithmetic, and its metrics against sliced videos."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bench.errors import KeepframeError
from bench.types import Clip, Prompt, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.vbench.consistency import consistency
from suites.vbench.embeddings import DinoFrames
from suites.vbench.long import (
    OverallConsistencyLong,
    SubjectConsistencyLong,
    TemporalFlickeringLong,
    clip_to_clip,
    clips,
    fused,
)
from tests.unit.opencv_frames import opencv_frames


def published(frames: int, length: int) -> list[list[int]]:
    """What `split_video_into_clips` puts into each file."""
    numbers = list(range(frames))
    if frames < length:
        return [numbers]
    total, rest = frames // length, frames % length
    files = [numbers[i * length : (i + 1) * length] for i in range(total)]
    if rest:
        files.append(numbers[max(0, total * length - (length - rest)) :])
    return files


@pytest.mark.parametrize("frames", [1, 47, 48, 49, 95, 96, 97, 143, 1440])
def test_clips_hold_the_frames_of_the_published_files(frames: int) -> None:
    assert [list(range(*one)) for one in clips(frames, Fraction(24000, 1001))] == published(frames, 46)
    assert [list(range(*one)) for one in clips(frames, 24)] == published(frames, 48)


def test_each_clip_begins_anew() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(20, 4)).astype(np.float32)
    clip = Clip(Path("a.mp4"), "", Fraction(4), Size(8, 8), tuple(k / 4 for k in range(20)), 5.0)
    features = {DinoFrames().name: {"embedding": embeddings}}
    series = SubjectConsistencyLong()(Evidence(clip, features))
    parts = [embeddings[:8], embeddings[8:16], embeddings[12:]]
    assert series.frames.tolist() == [0, 8, 12]
    assert series.values == pytest.approx([consistency(part).mean() for part in parts])
    assert clip_to_clip(embeddings, clips(20, 4)) == pytest.approx(consistency(embeddings[[0, 8, 12]]).mean())
    with pytest.raises(KeepframeError, match="two frames"):
        clip_to_clip(embeddings, [(0, 20)])


def test_flickering_leaves_out_the_steps_between_clips(tmp_path: Path) -> None:
    clip = probe(write_clip("rapid-cuts", 0, tmp_path, size=Size(96, 64), fps=4, seconds=5))
    found = judge([TemporalFlickeringLong()], Evidence(clip)).series["temporal_flickering_long"]
    frames = opencv_frames(clip.path).astype(float)
    expected = [1 - np.abs(np.diff(frames[a:b], axis=0)).mean() / 255 for a, b in ((0, 8), (8, 16), (12, 20))]
    assert found.values == pytest.approx(expected)


def test_fusion_reads_the_table_between_its_lines() -> None:
    keys = [round(k / 100, 2) for k in range(101)]
    table = json.loads(json.dumps([0.0, *(0.6 + 0.4 * k for k in keys[1:])]))
    assert fused(0.8, 0.505, (keys, table)) == pytest.approx(0.5 * 0.8 + 0.5 * (0.6 + 0.4 * 0.505))
    assert fused(0.8, 0.0, (keys, table)) == 0.8  # the published code's guard
    assert fused(0.8, 1.0, (keys, table)) == pytest.approx(0.9)


def test_texts_are_judged_in_clips_of_ten_seconds() -> None:
    clip = Clip(Path("a.mp4"), "", Fraction(2), Size(8, 8), tuple(k / 2 for k in range(50)), 25.0)
    lines = OverallConsistencyLong().lines(Evidence(clip, storyboard=(Prompt(0.0, "a cat"),)))
    assert [stretch for _, stretch in lines] == [(0, 20), (20, 40), (30, 50)]
    assert {line.text for line, _ in lines} == {"a cat"}
