"""`keepframe check` on real runs: a checkpoint with other weights, a spec, a stored run; and the files that it writes.

The system is a plug-in whose checkpoint is a colour matrix: what it recalls is what it saw with few bits a channel,
times that matrix. So noise on its weights makes it worse by as much as one wants.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.errors import UnavailableError, UsageError
from bench.store import Store
from bench.video.write import write_video
from reports.gate.verbs import Outputs, Over, Which, baseline, calibrate, check
from runners import devices, local
from runners.local import Done
from runners.plan import Task
from runners.work import work

PLUGIN = """
import os
from pathlib import Path

import numpy as np


class Painted:
    tokens = floats = None

    def __init__(self, data, matrix):
        self.data, self.matrix = data, matrix

    def to_bytes(self):
        return self.data

    def recall(self, at_s):
        head = np.frombuffer(self.data[:32], np.float64)
        fps, height, width = head[0], int(head[1]), int(head[2])
        frames = np.frombuffer(self.data[32:], np.uint8).reshape(-1, height, width, 3)
        kept = frames[[min(int(at * fps + 1e-3), len(frames) - 1) for at in at_s]].astype(np.float64) * 16 + 8
        return (kept @ self.matrix).round().clip(0, 255).astype(np.uint8)


class Painter:
    '''Keeps four bits a channel, and sees colours through its checkpoint.'''

    def __init__(self, *, checkpoint: str = "", limit: int = 0):
        self.matrix = np.load(Path(checkpoint)) if checkpoint else np.eye(3)
        self.limit = limit

    def begin(self, fps, size):
        self.fps, self.size, self.seen = fps, size, []

    def write(self, frames):
        self.seen.append(frames // 16)

    def finish(self):
        if self.limit and self.seen[0][0].mean() > self.limit:
            raise MemoryError("too bright for this memory")
        head = np.array([self.fps, self.size.height, self.size.width, 0], np.float64)
        return Painted(head.tobytes() + np.concatenate(self.seen).tobytes(), self.matrix)

    def from_bytes(self, data):
        return Painted(data, self.matrix)


class Hasty(Painter):
    '''What it sees depends on how much it is given at once.'''

    def write(self, frames):
        super().write(np.clip(frames.astype(int) + 4 * len(frames), 0, 255).astype(np.uint8))


class Local(Painter):
    '''What it sees depends on where it computes.'''

    def write(self, frames):
        on_gpu = os.environ["KEEPFRAME_DEVICE"] == "cuda" and "CUDA_VISIBLE_DEVICES" not in os.environ
        super().write(frames // 2 if on_gpu else frames)


class Moody:
    '''Reads out, brighter or darker by its seed.'''

    def generate(self, memory, request, *, seed):
        mood = np.random.default_rng(seed).normal(0, 20)
        yield (memory.recall(request.at_s) + mood).round().clip(0, 255).astype(np.uint8)
"""

SPEC = """
name = "painted"
metrics = ["psnr"]
[footage]
path = "videos"
[suite]
args = { moments = 3, horizons_s = [1.0] }
[decode]
width = 64
height = 48
[[systems]]
name = "painter"
memory = "./painter.py:Painter"
[[systems]]
memory = "constant"
baseline = true
"""


@pytest.fixture(autouse=True)
def _without_worker_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done here: starting a dozen processes is test_run.py's, and most of the time it would take."""

    def run(tasks: list[Task], root: Path, session: str, workers: int, entry: Any = work, _: Any = 0) -> Iterator[Done]:
        for task in tasks:
            entry(task, Store(root), session)
            yield Done(task, len(task.asks))

    monkeypatch.setattr(local, "run", run)


class Project(NamedTuple):
    folder: Path
    store: Path
    spec: Path

    def checkpoint(self, noise: float) -> Path:
        """The identity with noise on its weights."""
        path = self.folder / f"noise-{noise:g}.npy"
        np.save(path, np.eye(3) + noise * np.random.default_rng(3).normal(size=(3, 3)))
        return path

    def check(self, candidate: object, against: object, **outputs: object) -> int:
        which = Which(spec=self.spec, lock=self.folder / "baselines.lock.json", workers=1)
        return check(
            str(candidate),
            against=str(against),
            store=self.store,
            which=which,
            outputs=Outputs(**outputs),  # type: ignore[arg-type]
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Twelve videos of drifting colours, a plug-in, a spec."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "videos").mkdir()
    for seed in range(12):
        add_video(folder, seed)
    (folder / "painter.py").write_text(PLUGIN)
    (folder / "spec.toml").write_text(SPEC)
    return Project(folder, folder / "results", folder / "spec.toml")


def add_video(folder: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    coarse = draw.uniform(20, 235, (2, 3, 4, 3))
    mixed = np.linspace(0, 1, 12)[:, None, None, None]
    frames = np.kron(coarse[0] * (1 - mixed) + coarse[1] * mixed, np.ones((1, 16, 16, 1)))
    write_video(folder / "videos" / f"{seed:02d}.mp4", [frames.astype(np.uint8)], fps=12)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_the_same_weights_in_another_file_pass_and_nothing_is_lost(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.check(project.checkpoint(1e-9), project.checkpoint(0.0), json=True) == 0
    said = last_line(capsys)
    assert (said["verdict"], said["exit_code"], said["videos"]) == ("pass", 0, 12)
    assert said["candidate"]["weights"]["checkpoint"] != said["baseline"]["weights"]["checkpoint"]
    assert said["metrics"][0]["mean"] == 0.0


def test_noise_on_the_weights_is_flagged_in_every_output(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: project.folder / f"out/check.{name}" for name in ("html", "markdown", "junit")}
    code = project.check(project.checkpoint(0.1), project.checkpoint(0.0), json=True, **files)
    said = last_line(capsys)
    assert (code, said["verdict"], said["schema"]) == (3, "regressed", "keepframe.check/1")
    suite = ElementTree.parse(files["junit"]).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    assert "Regressed" in files["markdown"].read_text()
    page = files["html"].read_text()
    assert page.count("data:image/webp") == 5 * len(said["worst"]) == 25
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_a_checkpoint_written_over_is_another_candidate(project: Project) -> None:
    last = project.folder / "last.npy"
    last.write_bytes(project.checkpoint(0.0).read_bytes())
    assert project.check(last, project.checkpoint(0.0)) == 0
    last.write_bytes(project.checkpoint(0.1).read_bytes())
    assert project.check(last, project.checkpoint(0.0)) == 3


def test_a_baseline_is_promoted_with_a_reason_and_checked_against_by_name(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = project.folder / "baselines.lock.json"
    with pytest.raises(UsageError, match="reason"):
        baseline("promote", str(project.spec), store=project.store, lock=lock)
    for reason in ("first", "again"):
        baseline("promote", str(project.spec), reason=reason, store=project.store, lock=lock)
    entry = json.loads(lock.read_text())["baselines"]["main"]
    assert [one["reason"] for one in entry["promotions"]] == ["first", "again"]
    assert (entry["system"], entry["videos"], entry["metrics"]) == ("painter", 12, {"psnr": "1"})
    assert project.check(project.checkpoint(0.1), "main", json=True) == 3
    bad = last_line(capsys)["candidate"]
    baseline("promote", bad["run"], name="bad", reason="to see", store=project.store, lock=lock)
    assert json.loads(lock.read_text())["baselines"]["bad"]["checkpoints"] == bad["weights"] != {}
    assert project.check(project.checkpoint(0.1), "bad") == 0
    capsys.readouterr()
    entry["cases"] = "0" * 32
    lock.write_text(json.dumps({"schema": 1, "baselines": {"main": entry}}))
    assert project.check(project.checkpoint(0.1), "main", json=True) == 5
    said = last_line(capsys)
    assert said["verdict"] == "not comparable"
    assert "other cases" in said["reasons"][0]
    lock.write_text(json.dumps({"schema": 2, "baselines": {}}))
    assert project.check(project.checkpoint(0.1), "main") == 5
    lock.unlink()


def test_a_new_failure_is_a_regression(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The candidate cannot encode the brightest video, and is perfect otherwise."""
    limited = SPEC.replace('memory = "./painter.py:Painter"', 'memory = "./painter.py:Painter"\nargs = { limit = 8 }')
    (project.folder / "limited.toml").write_text(limited)
    assert project.check(project.folder / "limited.toml", project.spec) == 3
    assert "MemoryError: too bright" in capsys.readouterr().out


def test_other_cases_are_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (project.folder / "few.toml").write_text(SPEC.replace('path = "videos"', 'path = "videos"\nlimit = 11'))
    assert project.check(project.folder / "few.toml", project.spec, json=True) == 5
    assert "1 only in the baseline (11.mp4)" in last_line(capsys)["reasons"][0]
    (project.folder / "small.toml").write_text(SPEC.replace("width = 64", "width = 32"))
    assert project.check(project.folder / "small.toml", project.spec, json=True) == 5
    assert "decode: width 64 and 32" in last_line(capsys)["reasons"][0]


def test_an_inconclusive_check_is_extended_by_new_videos_and_not_retried(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = project.folder / "policy.toml"
    policy.write_text("[metrics.psnr]\nmargin = { absolute = 0.05 }\n")
    folder = project.folder / "growing"
    folder.mkdir()
    (folder / "videos").mkdir()
    (folder / "painter.py").write_text(PLUGIN)
    (folder / "spec.toml").write_text(SPEC)
    own = Project(folder, folder / "results", folder / "spec.toml")
    small, none = own.checkpoint(0.0021), own.checkpoint(0.0)
    which = Which(spec=own.spec, workers=1)

    def look() -> dict:
        check(str(small), against=str(none), policy=policy, store=own.store, which=which, outputs=Outputs(json=True))
        return last_line(capsys)

    for seed in range(10):
        add_video(folder, seed)
    first = look()
    assert (first["verdict"], first["look"]["number"], first["look"]["alpha"]) == ("inconclusive", 1, 0.025)
    assert look() == first  # the same cases are the same look
    add_video(folder, 10)
    second = look()
    assert (second["look"]["number"], second["look"]["alpha"], second["videos"]) == (2, 0.0125, 11)
    assert second["look"]["earlier"] == ["inconclusive on 10 videos"]


def test_calibration_measures_the_noise_floor_and_a_smaller_margin_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = project.folder / "moody.toml"
    spec.write_text(SPEC.replace('painter.py:Painter"', 'painter.py:Painter"\ngenerator = "./painter.py:Moody"'))
    assert calibrate(spec, repeats=3, over=Over(workers=1), store=project.store, json=True) == 0
    said = last_line(capsys)
    floor = said["noise"]["painter"]["psnr"]
    assert floor > 0.1  # dB
    assert [one["seed"] for one in said["repeats"]] == [0, 1, 2]
    assert not any((project.store / "calibration").rglob("*.parquet"))
    policy = project.folder / "narrow.toml"
    policy.write_text("[metrics.psnr]\nmargin = { absolute = 0.05 }\n")
    with pytest.raises(UsageError, match="below the noise floor"):
        check(str(spec), against=str(spec), policy=policy, store=project.store, which=Which(workers=1))
    assert project.check(spec, spec, json=True) == 0
    assert last_line(capsys)["metrics"][0]["margin"] == pytest.approx(max(floor, 0.25))
    with pytest.raises(UsageError, match="no noise floor"):
        calibrate(spec, repeats=2, store=project.store)


def test_calibration_varies_batches_and_devices(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def floor(memory: str, repeats: int, over: Over) -> tuple[float, list[dict]]:
        spec = project.folder / f"{memory}.toml"
        spec.write_text(SPEC.replace("Painter", memory).replace('"videos"', '"videos"\nlimit = 3'))
        assert calibrate(spec, repeats=repeats, over=over, store=project.store, json=True) == 0
        said = last_line(capsys)
        return said["noise"]["painter"]["psnr"], said["repeats"]

    alone, repeats = floor("Hasty", 3, Over(workers=1))
    assert [one["batch"] for one in repeats] == [32, 32, 7] and alone > 0.1  # dB
    assert floor("Hasty", 3, Over(workers=1, batch=[7]))[0] == 0.0  # seeds and workers change nothing here

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(UnavailableError, match="no GPU for cuda"):
        monkeypatch.setattr(devices, "_count", lambda: (0, "no driver"))
        calibrate(project.spec, over=Over(device=["cpu", "cuda"]), store=project.store)
    monkeypatch.setattr(devices, "check", lambda _: None)
    apart, repeats = floor("Local", 4, Over(workers=1, device=["cpu", "cuda"]))
    assert [one["device"] for one in repeats] == ["cpu", "cuda"] * 2 and apart > 0.1
    assert floor("Local", 3, Over(workers=1, device=["cpu"]))[0] == 0.0
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with pytest.raises(UsageError, match="Use 4 or more"):
        calibrate(project.spec, repeats=3, over=Over(device=["cpu", "cuda"]), store=project.store)
    with pytest.raises(UsageError, match="0 frames at once"):
        calibrate(project.spec, over=Over(batch=[0]), store=project.store)


def test_what_cannot_be_checked_is_said(project: Project) -> None:
    with pytest.raises(UsageError, match="is a checkpoint"):
        check(str(project.checkpoint(0.0)), against=str(project.spec), store=project.store, which=Which(workers=1))
    with pytest.raises(UsageError, match="no spec, file, baseline or run"):
        project.check("no-such-run", project.spec)
    fresh = project._replace(store=project.folder / "fresh")
    with pytest.raises(UsageError, match="Cannot read the spec"):
        fresh.check("misspelt.toml", project.spec)
    assert Store.existing(fresh.store).runs() == []  # nobody waited for the baseline
