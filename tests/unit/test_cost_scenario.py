"""The scenario with every way to read a history, in one process: what it makes is what the formulas speak of."""

from pathlib import Path
from typing import Any

import pytest

from bench.types import Size
from runners.meter import TimeMeter
from suites.cost.profile import profile
from suites.cost.scenario import play


@pytest.mark.parametrize(
    "asked",
    [
        {"rate": "2x2x2", "isolated": False},
        {"rate": "2x2x1", "isolated": True, "dtype": "bfloat16"},
        {"rate": "none", "dtype": "bfloat16"},
        {"rate": "none"},
    ],
    ids=["in the sequence", "prefilled", "uncompressed in bfloat16", "uncompressed"],
)
def test_every_stage_is_measured_as_often_as_it_runs(tmp_path: Path, asked: dict[str, Any]) -> None:
    one = profile("nano", layers=1, frame=Size(64, 32), history_s=4.0, steps=2, **asked)
    meter = TimeMeter("cpu")
    facts = play(one, meter, tmp_path, sections=2, most_warming=0)
    assert facts.history_tokens == one.history_tokens
    assert facts.frames_per_section == 16
    assert [s.phase for s in meter.samples if s.stage == "decoder start"] == ["cold"]
    warm = [sample.stage for sample in meter.samples if sample.phase == "warm"]
    assert warm.count("vae encode") == warm.count("compress") == 3  # 13, 16 and 4 frames of history
    assert warm.count("denoise step") == 2 * 2
    assert warm.count("prefill") == (2 if asked.get("isolated") else 0)
    assert warm.count("section") == warm.count("write") == 2
    assert not meter.inside
    by_section = {s.section: s.wall_ms for s in meter.samples if (s.phase, s.stage) == ("warm", "section")}
    first = {s.section: s.wall_ms for s in meter.samples if (s.phase, s.stage) == ("warm", "first frame")}
    assert all(first[section] < whole for section, whole in by_section.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["warm.mp4", "warming.mp4"]
