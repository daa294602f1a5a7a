"""`keepframe cost` at a tiny size on a CPU: real processes, real stages, rows in a store."""

import json
from pathlib import Path

import pytest

from bench.store import Store
from reports.cost import figures
from reports.cost_verbs import Effort, What, cost
from runners.meter_store import load

TINY = What(size="nano", layers=1, rate=["2x2x2"], history_s=[2.0], frame="64x32", steps=2, isolated=True)


def test_costs_are_measured_stored_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "results"
    assert cost(what=TINY, effort=Effort(sections=2, most_warming=1), store=root, json=True) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    told = document["costs"][0]
    page = Path(document["report"]).read_text()
    assert "denoise step" in page and "random weights" in page and "<script" not in page
    assert told["outcome"] == "done" and told["history_tokens"] == 4
    stages = told["stages"]
    for stage in ("vae encode", "compress", "prefill", "denoise step", "vae decode", "memory update", "write"):
        assert stages[stage]["cold_ms"] > 0 and stages[stage]["median_ms"] > 0, stage
    assert stages["denoise step"]["calls"] == 2 * 2 and stages["section"]["calls"] == 2
    for stage in ("vae encode", "vae decode"):
        assert stages[stage]["counted"] == stages[stage]["flops"], stage
    assert stages["denoise step"]["counted"] == stages["denoise step"]["flops"] or any(
        "torch's counter has no formula for" in note for note in told["notes"]
    )
    assert stages["section"]["p95_ms"] is None  # two calls say nothing about a tail
    assert stages["load"]["calls"] == 0  # a process loads once: cold
    assert told["first_frame_ms"] < stages["section"]["max_ms"]
    assert told["peak_bytes"]["host"] > 50e6 and "allocated" not in told["peak_bytes"]
    assert any("random weights" in note for note in told["notes"])
    assert any("on a CPU" in note for note in told["notes"])
    assert any("1 of the DiT's layers" in note for note in told["notes"])

    (kept,) = load(Store.existing(root))
    assert kept.key == told["key"] and figures(kept).frames_per_s == told["frames_per_s"]
    assert {one.phase for one in kept.samples} == {"cold", "warming", "warm"}
    assert kept.key != kept.profile.key({**kept.environment, "processor": "another"})

    assert cost(what=TINY, effort=Effort(sections=2, most_warming=1), store=root, json=True) == 0  # nothing to do
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["costs"] == document["costs"] and len(again["reused"]) == 1
