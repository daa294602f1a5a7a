"""What goes wrong is a result with a name, or an error that says what to do; a GPU is a fake here, and no figure of
its is claimed: these tests hold which of its figures is read, and when it is reset."""

import io
import json
import math
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.errors import KeepframeError, NotComparableError, UnavailableError, UsageError
from bench.store import Store
from reports.cost import Figures, figures, growth
from reports.cost_page import write_page
from reports.cost_text import curves, overview, show
from reports.cost_verbs import Against, cost
from runners import meter_ballast, meter_child, meter_memory, meter_pairs, meter_process, meter_resume
from runners.meter import MemoryMeter, Sample, TimeMeter
from runners.meter_pairs import interleaved
from runners.meter_process import Request
from runners.meter_store import Cost, load, save
from suites.cost import flops
from suites.cost.profile import Profile, profile

HERE = {"processor": "P", "cores": 2, "threads": 1, "memory_bytes": 1, "commit": "a"}


def request(**more: Any) -> Request:
    return Request(profile("nano"), "time", 1, **more)


def test_running_out_of_memory_is_a_result_that_names_its_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(profile: Profile, meter: TimeMeter, *_: Any, **__: Any) -> None:
        with meter.stage("load"):
            pass
        with meter.stage("compress"):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nmore words")

    monkeypatch.setattr(meter_child, "play", play)
    asked = {"profile": profile("nano").as_dict(), "pass": "time", "sections": 1}
    document = meter_child.measure(asked)
    assert (document["outcome"], document["stage"]) == ("out of memory", "compress")
    assert document["message"] == "CUDA out of memory. Tried to allocate 9 GiB."
    assert [one["stage"] for one in document["samples"]] == ["load"]


def test_another_error_is_a_bug_and_not_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(*_: Any, **__: Any) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(meter_child, "play", play)
    with pytest.raises(RuntimeError, match="do not fit"):
        meter_child.measure({"profile": profile("nano").as_dict(), "pass": "memory", "sections": 1})


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "out of memory"),
        ("import time; time.sleep(60)", "timeout"),
    ],
)
def test_a_killed_process_and_a_slow_one_are_results(
    monkeypatch: pytest.MonkeyPatch, program: str, outcome: str
) -> None:
    real = subprocess.run
    monkeypatch.setattr(meter_process, "START_S", 1.0)  # nor does it say where it is
    monkeypatch.setattr(
        meter_process.subprocess, "run", lambda _, **how: real([sys.executable, "-S", "-c", program], **how)
    )
    assert meter_process.measure(request(timeout_s=3.0))["outcome"] == outcome


def test_a_crash_is_an_error_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = SimpleNamespace(returncode=1, stdout="", stderr="Traceback\nValueError: who did this")
    monkeypatch.setattr(meter_process.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(KeepframeError, match="who did this"):
        meter_process.measure(request())


def test_a_gpu_that_is_not_there_is_refused_and_so_is_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="no GPU for cuda"):
        meter_child.environment("cuda")
    with pytest.raises(UsageError, match="cannot be simulated on cpu"):
        meter_process.measure(request(budget_bytes=8_000_000_000))
    with pytest.raises(UsageError, match="cannot be simulated on cpu"):
        cost(budget_gb=[8.0])


def test_the_ballast_leaves_the_budget_free_and_refuses_a_full_card(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [20 << 30]

    def take(count: int, **_: Any) -> object:
        free[0] -= count
        return object()

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free[0], 80 << 30))
    monkeypatch.setattr(torch, "empty", take)
    assert meter_ballast.fill("cuda", 8 << 30)
    assert 0 <= free[0] - (8 << 30) <= 2 << 20
    with pytest.raises(UnavailableError, match="are free"):
        meter_ballast.fill("cuda", 12 << 30)


def test_a_simulated_card_is_labelled_and_the_ballast_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = {"reserved": 7_000_000_000, "device": 79_000_000_000}
    memory = {"peak": dict(peaks), "stages": {"compress": dict(peaks)}, "sources": {}}
    document = {"pass": "memory", "outcome": "done", "environment": HERE, "memory": memory}
    ended = SimpleNamespace(returncode=0, stdout=json.dumps(document), stderr="")
    monkeypatch.setattr(meter_process.subprocess, "run", lambda *_, **__: ended)
    monkeypatch.setattr(meter_process, "holding", lambda *_: nullcontext())
    asked = Request(profile("wan-14b", layers=4, device="cuda"), "memory", 1, budget_bytes=8_000_000_000)
    found = meter_process.measure(asked)
    assert found["memory"]["peak"] == {"reserved": 7_000_000_000} == found["memory"]["stages"]["compress"]
    told = figures(Cost("k", "s", asked.profile, HERE, None, found, ()))
    assert any("simulated card" in note and "8 GB" in note for note in told.notes)
    assert any("4 of the DiT's layers" in note for note in told.notes)
    assert "(simulated)" in overview([told])[2][0][0]


def test_marks_of_a_gpu_are_reset_and_read_by_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    peak, calls = {"allocated": 0}, []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: calls.append("wait"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: calls.append("reset"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peak["allocated"])
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: peak["allocated"] + 5)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (60, 100))
    monkeypatch.setitem(sys.modules, "pynvml", None)  # its package is absent
    meter = MemoryMeter("cuda")
    with meter.stage("section"):
        for stage, height in (("compress", 7), ("denoise step", 3), ("compress", 6)):
            with meter.stage(stage):
                peak["allocated"] = height
    document = meter.document()
    assert calls.count("reset") == 3  # not by the section, which would forget its parts
    assert document["stages"]["compress"]["allocated"] == 7
    assert document["peak"]["reserved"] == 12 and document["peak"]["device"] == 40
    assert "no NVML" in document["sources"]["device"]


def test_nvml_names_our_process_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    seen = [SimpleNamespace(pid=os.getpid(), usedGpuMemory=11), SimpleNamespace(pid=-1, usedGpuMemory=22)]
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=40),
        nvmlDeviceGetComputeRunningProcesses=lambda _: seen,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: 5000,
        NVMLError=OSError,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1234"))
    card = meter_memory.Card("cuda")
    assert card.source == "NVML" and card.used() == {"device": 40, "process": 11}
    seen.pop(0)  # a container: ids of the host, ours not among them
    assert card.used() == {"device": 40}


def test_the_hosts_mark_sees_a_peak_that_was_given_back() -> None:
    marks = meter_memory.Marks("cpu")
    marks.reset()
    before = marks.read()["host"]
    held = bytearray(96 << 20)
    del held
    assert marks.read()["host"] - before > 80 << 20
    if "reset before" in marks.sources["host"]:
        marks.reset()
        assert marks.read()["host"] - before < 40 << 20


def test_energy_needs_a_card_a_counter_and_two_seconds() -> None:
    meter, card = TimeMeter("cpu"), meter_memory.Card("cuda")
    assert meter_child.energy(meter, None, None)["why"] == "no GPU"
    meter.energy = [(0.0, 1000), (1.0, 3000)]
    assert "2 s are needed" in meter_child.energy(meter, card, 50)["why"]
    meter.energy.append((4.0, 9000))
    assert meter_child.energy(meter, card, 50) == {"joules": 8.0, "window_s": 4.0, "idle_mw": 50}


def test_versions_are_interleaved_and_one_round_is_one_ratio() -> None:
    order: list[str] = []
    slowing = iter(range(100))

    def run(asked: Request) -> dict[str, Any]:
        order.append(asked.profile.rate)
        pace = (1.2 if asked.profile.rate == "2x2x2" else 1.0) * 1.01 ** next(slowing)  # the machine slows down
        samples = [
            {"phase": phase, "section": 0, "stage": "section", "wall_ms": pace * ms}
            for phase, ms in (("cold", 900.0), ("warm", 100.0), ("warm", 102.0), ("warm", 101.0))
        ]
        return {"outcome": "done", "environment": HERE, "samples": samples}

    other = Request(profile("nano", rate="2x2x2"), "time", 1)
    pairs = interleaved(request(), other, 3, lambda *_: None, run)
    assert order[:4] == ["4x4x2", "2x2x2", "2x2x2", "4x4x2"]
    assert pairs.log_ratios["section"] == pytest.approx([math.log(1.2)] * 3)  # a steady slowing cancels in A-B-B-A
    moved = iter([HERE, {**HERE, "processor": "Q"}])
    with pytest.raises(NotComparableError, match="processor changed"):
        interleaved(request(), other, 1, lambda *_: None, lambda _: {**run(other), "environment": next(moved)})
    with pytest.raises(NotComparableError, match="out of memory"):
        interleaved(request(), other, 1, lambda *_: None, lambda _: {"outcome": "out of memory"})


@pytest.mark.parametrize(("ratio", "code"), [(1.0, 0), (0.7, 0), (1.3, 3)])
def test_a_comparison_ends_with_the_code_of_its_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, ratio: float, code: int
) -> None:
    logs = [math.log(ratio) + noise for noise in (-0.001, 0.0, 0.001)]
    monkeypatch.setattr(meter_resume, "interleaved", lambda *_, **__: meter_pairs.Pairs({"section": logs}, ()))
    assert cost(against=Against(against_rate="2x2x2"), store=tmp_path, json=True) == code
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["log_ratios"]["section"] == logs


def test_two_noisy_rounds_are_inconclusive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(meter_resume, "interleaved", lambda *_, **__: meter_pairs.Pairs({"section": [0.3, -0.2]}, ()))
    assert cost(against=Against(against_rate="2x2x2"), store=tmp_path) == 4
    with pytest.raises(NotComparableError, match="no checkout"):
        cost(against=Against(against_code=Path("nowhere")))


def test_growth_has_a_slope_and_the_point_where_memory_ran_out(tmp_path: Path) -> None:
    def measured(history_s: float, outcome: str = "done") -> Cost:
        peaks = {"peak": {"host": int(1e6 * (100 + 2 * history_s))}} if outcome == "done" else {}
        memory = {"pass": "memory", "outcome": outcome, "memory": peaks}
        timed = {"pass": "time", "outcome": "done"}
        return Cost("k", str(history_s), profile("nano", history_s=history_s), HERE, timed, memory, ())

    found = growth([figures(measured(s)) for s in (5.0, 10.0, 20.0)] + [figures(measured(60.0, "out of memory"))])
    (host,) = [one for one in found if one.figure == "peak host"]
    assert host.line is not None and host.line.per_x == pytest.approx(120.0)  # MB per minute
    assert host.ends_at_s == 60.0 and len(host.points) == 3
    assert any("60 s" in row for row in curves(found)[2])
    page = write_page([figures(measured(5.0))], found, tmp_path / "costs.html").read_text()
    assert page.count("<svg") == len({one.figure for one in found}) and "from 110 to 140" in page


def test_a_damaged_document_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    kept = save(store, profile("nano"), {"memory": {"pass": "memory", "outcome": "done", "environment": HERE}})
    path = store.root / "costs" / kept.key / f"{kept.session}.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(KeepframeError, match=path.name):
        load(store)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"size": "nono"}, "nano"),
        ({"layers": 9}, "1 to 4"),
        ({"rate": "4x4"}, "HxWxT|height x width x time"),
        ({"size": "wan-14b", "weights": "trained"}, "nano only"),
        ({"history_s": -1.0}, "above 0"),
        ({"history_s": math.inf}, "finite"),
    ],
)
def test_a_profile_that_cannot_be_built_says_why(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        profile(**{"size": "nano", **asked})


def test_a_table_fits_its_terminal_by_turning_or_going_on_below() -> None:
    from rich.console import Console

    columns = ("stage", *(f"column {i} ms" for i in range(12)), "nothing")
    few = [("load", *(str(1000 + i) for i in range(12)), "–")]
    many = [(f"stage {k}", *few[0][1:]) for k in range(9)]
    for rows in (few, many):
        console = Console(width=80, file=io.StringIO())
        show(("costs", columns, rows), console)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert max(map(len, text.splitlines())) <= 80 and "…" not in text
        assert all(str(1000 + i) in text for i in range(12)) and "nothing" not in text


def test_a_slowed_matrix_product_gives_no_share_and_growing_sections_are_said() -> None:
    work = flops.section(profile("nano")).denoise_step
    samples = [Sample("warm", i, stage, 1e3, 9e2) for i in range(3) for stage in ("denoise step", "section")]

    def told(peak: float) -> Figures:
        timed = {
            "pass": "time",
            "outcome": "done",
            "matmul": {"flops_per_s": peak},
            "facts": {"frames_per_section": 16},
        }
        timed["facts"]["history_tokens"] = 300
        return figures(Cost("k", "s", profile("nano"), HERE, timed, None, tuple(samples)))

    good, slowed = told(4.0 * work), told(0.5 * work)
    assert [one.mfu for one in good.stages if one.stage == "denoise step"] == [0.25]
    assert all(one.mfu is None for one in slowed.stages)
    assert any("no MFU" in note for note in slowed.notes) and not any("no MFU" in note for note in good.notes)
    assert any("3 sections: the history grows from 20 to 24 s" in note for note in good.notes)
