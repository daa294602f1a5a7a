"""What a log says of a run that takes its time: often while something gets done, ever more seldom while nothing is."""

import time
from functools import partial
from pathlib import Path

import pytest

from bench.store import Store
from bench.types import Size
from bench.video.footage import load
from bench.video.procedural import write_clip
from runners import console, local
from runners.plan import Task
from runners.session import carry_out
from runners.watch import build


def slow(seconds: float, task: Task, store: Store, session: str) -> None:
    """In the place of a task that waits for a judge."""
    time.sleep(seconds)


def test_a_log_hears_of_a_video_that_takes_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_clip("static", 0, tmp_path / "v", size=Size(64, 64), fps=8, seconds=1)
    plan = build("t", {"v": load(tmp_path / "v")}, {"v": tmp_path / "v"}, ["drift_brightness"])
    monkeypatch.setattr(local, "LOOK_UP_S", 0.2)
    monkeypatch.setattr(console, "LOG_EVERY_S", 0.0)
    with console._lines() as report:
        entry = partial(slow, 1.5)
        carry_out(plan, Store(tmp_path / "s"), workers=1, retry=False, report=report, entry=entry)
    said = capfd.readouterr().err.splitlines()
    assert said[0] == "measuring: 0/1 after 0 s"  # and not a semicolon with nothing behind it
    waits = [line for line in said if line.startswith("measuring: 0/1") and line.endswith("; working on static-0")]
    assert len(waits) >= 3
    assert said[-1].startswith("measuring: 1/1")


def test_a_log_is_not_filled_with_waiting(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr(console.time, "monotonic", lambda: now)
    with console._lines() as report:
        for done in (0, 1):
            for _ in range(720):  # an hour, looked at every five seconds
                report("measure", done, 3, "working on a")
                now += 5.0
        report("measure", 3, 3, "a")
    said = [int(line.split(" after ")[1].split(" s")[0]) for line in capfd.readouterr().err.splitlines()]
    first, second = ([at for at in said if from_s <= at < from_s + 3600] for from_s in (0, 3600))
    assert first[:6] == [0, 10, 30, 70, 150, 310] and first[-1] > 3300
    assert len(first) <= 18
    assert second[:4] == [3600, 3610, 3630, 3670]  # something was done: it speaks at once, and is patient anew
    assert said[-1] == 7200
