"""A cost command that was stopped goes on where it was; what is there counts only if it is really the same."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UnavailableError, UsageError
from bench.store import Store
from reports.cost_verbs import Against, Effort, What, cost
from runners import devices, meter_child, meter_process
from runners.meter_process import Request
from runners.meter_store import load

HERE = {"code": "c", "commit": "a", "processor": "P", "cores": 2, "threads": 1, "memory_bytes": 1}


class Machine:
    """Stands for the processes that measure; it is unplugged after `left` passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.left, self.outcome, self.here = 999, "done", dict(HERE)
        monkeypatch.setattr(meter_process, "_child", self.child)

    def child(self, asked: dict[str, Any], *_: object) -> Any:
        document: dict[str, Any] = {"environment": self.here}
        if asked["pass"] != "environment":
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            self.did.append(f"{asked['profile']['rate']} {asked['pass']}")
            document |= {"pass": asked["pass"], "outcome": self.outcome, "message": "no more"}
            sample = {"phase": "warm", "section": 0, "stage": "section", "cpu_ms": 8.0}
            sample["wall_ms"] = 9.0 if asked["profile"]["rate"] == "4x4x2" else 10.0 + len(self.did) / 1e3
            document |= {"samples": [sample]} if asked["pass"] == "time" else {"memory": {"peak": {}, "stages": {}}}
        return type("Ended", (), {"returncode": 0, "stdout": json.dumps(document), "stderr": ""})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


TWO = What(rate=["4x4x2", "2x2x2"])
PASSES = ["4x4x2 time", "4x4x2 memory", "2x2x2 time", "2x2x2 memory"]


@pytest.mark.parametrize("done", range(5))
def test_the_second_call_does_the_rest(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], done: int
) -> None:
    machine.left = done
    try:
        cost(what=TWO, store=tmp_path / "r")
    except KeyboardInterrupt:
        assert done < 4
    assert machine.did == PASSES[:done]
    machine.left = 999
    capsys.readouterr()
    assert cost(what=TWO, store=tmp_path / "r", json=True) == 0
    assert machine.did == PASSES
    said = capsys.readouterr().out
    assert ("--again measures anew" in said) == (done > 0)
    told = json.loads(said.splitlines()[-1])
    assert len(told["reused"]) == (done + 1) // 2
    assert [one["stages"]["section"]["calls"] for one in told["costs"]] == [1, 1]  # none is counted twice
    kept = load(Store.existing(tmp_path / "r"))
    assert [(one.time is not None, one.memory is not None, len(one.samples)) for one in kept] == [(True, True, 1)] * 2


def test_again_measures_what_is_there_and_the_latest_counts(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for again in (False, True):
        assert cost(what=TWO, effort=Effort(again=again), store=tmp_path / "r") == 0
    assert machine.did == PASSES * 2
    cost(what=TWO, store=tmp_path / "r", json=True)
    kept = load(Store.existing(tmp_path / "r"))
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    latest = [next(s.wall_ms for s in one.samples) for one in kept[2:]]
    assert [one["stages"]["section"]["median_ms"] for one in told["costs"]] == latest


@pytest.mark.parametrize("outcome", ["out of memory", "timeout"])
def test_running_out_of_something_is_a_result_and_is_kept(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], outcome: str
) -> None:
    machine.outcome = outcome
    for _ in range(2):
        assert cost(what=TWO, store=tmp_path / "r") == 0
    assert machine.did == PASSES
    assert f", {outcome})" in capsys.readouterr().out.partition("reused: ")[2]  # it may be wanted again


def test_what_was_asked_otherwise_is_measured(machine: Machine, tmp_path: Path) -> None:
    for effort in (Effort(), Effort(sections=3), Effort(most_warming=2), Effort(sections=3)):
        cost(what=What(), effort=effort, store=tmp_path / "r")
    assert machine.did == PASSES[:2] * 3
    cost(what=What(steps=8), store=tmp_path / "r")
    assert machine.did == PASSES[:2] * 4


def test_another_environment_is_measured_anew_and_said(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cost(what=What(), store=tmp_path / "r")
    machine.here |= {"commit": "b"}  # of a document, since the code is as it was
    cost(what=What(), store=tmp_path / "r")
    assert machine.did == PASSES[:2]
    machine.here |= {"code": "d", "threads": 2}
    capsys.readouterr()
    cost(what=What(), store=tmp_path / "r")
    assert machine.did == PASSES[:2] * 2
    assert "code, threads changed since" in capsys.readouterr().out


def test_a_comparison_goes_on_by_whole_rounds(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.left = 4 + 3  # in the middle of the second round
    against = Against(against_rate="2x2x2", rounds=3)
    with pytest.raises(KeyboardInterrupt):
        cost(against=against, store=tmp_path / "r")
    machine.left, before = 999, len(machine.did)
    assert cost(against=against, store=tmp_path / "r", json=True) == 0
    assert len(machine.did) == before + 8
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(first["log_ratios"]["section"]) == 3 and "1 round (" in first["reused"][0]
    assert cost(against=against, store=tmp_path / "r", json=True) == 0  # finished: the same answer, nothing measured
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["log_ratios"] == first["log_ratios"] and len(machine.did) == before + 8
    kept = load(Store.existing(tmp_path / "r"))
    assert [one.profile.rate for one in kept] == ["2x2x2", "4x4x2", "4x4x2", "2x2x2"] * 3  # A, B, B, A
    assert all(len(one.samples) == 1 for one in kept)
    cost(what=What(), store=tmp_path / "r")  # the many processes of a comparison are nobody's measurement
    assert machine.did[before + 8 :] == PASSES[:2]
    cost(against=replace(against, rounds=2), effort=Effort(again=True), store=tmp_path / "r", json=True)
    assert len(machine.did) == before + 8 + 2 + 8
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["log_ratios"]["section"]) == 2


def test_the_same_configuration_twice_is_one(machine: Machine, tmp_path: Path) -> None:
    cost(what=What(rate=["4x4x2", "4x4x2"]), store=tmp_path / "r")
    assert machine.did == PASSES[:2]


def test_a_process_without_its_parent_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(meter_child, "end_with_parent", lambda: None)
    monkeypatch.setattr(meter_child, "measure", lambda _: {"outcome": "done"})
    import os

    for parent, said in ((os.getppid(), '{"outcome": "done"}\n'), (-1, "")):
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"parent": parent})))
        meter_child.main()
        assert capsys.readouterr().out == said


def test_less_memory_is_another_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = meter_child.environment("cpu")["memory_bytes"]
    (tmp_path / "memory.max").write_text(f"{whole // 2}\n")
    monkeypatch.setattr(meter_child, "CGROUPS", (tmp_path / "memory.max", tmp_path / "none"))
    assert meter_child.environment("cpu")["memory_bytes"] == whole // 2
    (tmp_path / "memory.max").write_text("max\n")
    assert meter_child.environment("cpu")["memory_bytes"] >= whole
    monkeypatch.setattr(meter_child.resource, "getrlimit", lambda _: (whole // 3, whole))
    assert meter_child.environment("cpu")["memory_bytes"] == whole // 3


def test_the_code_is_part_of_the_environment() -> None:
    from suites.cost.profile import profile

    one, here = profile(), meter_child.environment("cpu")
    assert here["code"] == meter_child.code() and len(here["code"]) == 32
    assert one.key(here) != one.key({**here, "code": "another"})
    assert one.key(here) == one.key({**here, "commit": "another"})


@pytest.mark.parametrize(
    ("version", "driver", "device", "says"),
    [
        ("2.14.1+cpu", (0, 1), "cuda", "built for CPUs only"),
        ("2.14.1", None, "cuda", "no NVIDIA driver is installed"),
        ("2.14.1", (100, 0), "cuda", "CUDA error 100"),
        ("2.14.1", (0, 0), "cuda", "sees no GPU"),
        ("2.14.1", (0, 1), "cuda:1", "sees 1 GPU, numbered from 0"),
    ],
)
def test_what_a_gpu_lacks_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, version: str, driver: tuple[int, int] | None, device: str, says: str
) -> None:
    class Driver:
        def __init__(self, _: str) -> None:
            if driver is None:
                raise OSError

        def cuInit(self, _: int) -> int:
            return driver[0] if driver else 1

        def cuDeviceGetCount(self, count: Any) -> int:
            count._obj.value = driver[1] if driver else 0
            return 0

    monkeypatch.setattr(devices, "version", lambda _: version)
    monkeypatch.setattr(devices.ctypes, "CDLL", Driver)
    monkeypatch.setattr(devices.sys, "platform", "linux")
    started: list[Request] = []
    monkeypatch.setattr(meter_process, "measure", started.append)
    for budgets in ([], [8.0]):
        with pytest.raises(UnavailableError, match=says):
            cost(what=What(device=device), budget_gb=budgets)
    assert not started and not devices.there(device)
    monkeypatch.setattr(devices, "version", lambda _: "2.14.1+rocm6.4")  # its driver is another
    assert devices.there(device) and devices.there("cpu")
    assert devices.described("cpu") == "cpu"


def test_a_gpu_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        cuInit = staticmethod(lambda _: 0)

        def __init__(self, _: str) -> None: ...

        def cuDeviceGetCount(self, count: Any) -> int:
            count._obj.value = 2
            return 0

        def cuDeviceGet(self, handle: Any, number: int) -> int:
            handle._obj.value = 40 + number
            return 0

        def cuDeviceGetName(self, name: Any, _: int, handle: Any) -> int:
            name.value = f"Card {handle.value}".encode()
            return 0

    monkeypatch.setattr(devices.ctypes, "CDLL", Driver)
    assert [devices.described(one) for one in ("cuda", "cuda:1")] == ["cuda (Card 40)", "cuda:1 (Card 41)"]
    assert devices.described("cuda:2") == "cuda:2"  # which is not there


@pytest.mark.parametrize(
    ("what", "budgets", "against", "says"),
    [
        (What(device="gpu"), [], Against(), "'gpu' is no device"),
        (What(device="cuda:x"), [], Against(), "no device"),
        (What(device="cuda"), [-8.0], Against(), "-8 GB is none"),
        (What(device="cuda"), [8.0], Against(against_rate="2x2x2"), "no budgets"),
    ],
)
def test_what_cannot_be_asked_is_refused(what: What, budgets: list[float], against: Against, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        cost(what=what, budget_gb=budgets, against=against)
    with pytest.raises(UsageError, match="no -1 sections"):
        cost(effort=Effort(most_warming=-1))
