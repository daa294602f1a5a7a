"""The main job from a spec to rows: resume, workers, crashes, kills, bad videos, plug-ins."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pytest

from bench.spec import load
from bench.store import Results, Store
from runners import plan as planning
from runners.session import Outcome, execute


def quiet(stage: str, done: int, total: int, what: str) -> None:
    pass


def run(spec_file: Path, root: Path, *overrides: str, workers: int = 1, retry: bool = False) -> tuple[Outcome, Results]:
    outcome = execute(load(spec_file, overrides), root, workers=workers, retry=retry, report=quiet)
    return outcome, Store.existing(root).results(outcome.plan.key)


def numbers(results: Results) -> pa.Table:
    """What decides every table: not the timings."""
    return results.scores.sort_by([(name, "ascending") for name in ("system", "case", "metric", "moment")])


def differing(one: Results, other: Results) -> dict[str, list[object]]:
    """The columns in which two runs differ, with the rows that do."""
    pairs = [(numbers(one)[name].to_pylist(), numbers(other)[name].to_pylist()) for name in one.scores.column_names]
    return {
        name: [row for row in itertools.zip_longest(*pair, range(len(pair[0]))) if row[0] != row[1]]
        for name, pair in zip(one.scores.column_names, pairs, strict=True)
        if pair[0] != pair[1]
    }


def test_a_run_fills_its_plan_and_running_again_does_nothing(spec_file: Path, tmp_path: Path) -> None:
    first, results = run(spec_file, tmp_path / "r")
    assert first.answers_done == 15  # 5 systems x 3 videos
    assert results.scores.num_rows == 15 * 2 * 4
    assert results.failures.num_rows == 0
    assert min(results.rates["bytes"].to_pylist()) > 0
    again, same = run(spec_file, tmp_path / "r")
    assert (again.answers_done, again.answers_before) == (0, 15)
    assert again.plan.key == first.plan.key
    assert numbers(same).equals(numbers(results))


def test_one_worker_and_two_give_identical_tables(spec_file: Path, tmp_path: Path) -> None:
    _, one = run(spec_file, tmp_path / "one", workers=1)
    _, two = run(spec_file, tmp_path / "two", workers=2)
    assert one.key == two.key
    assert differing(one, two) == {}
    assert one.rates.drop(["encode_ms", "recall_ms"]).equals(two.rates.drop(["encode_ms", "recall_ms"]))


def test_adding_a_metric_or_a_system_reuses_what_is_there(spec_file: Path, tmp_path: Path) -> None:
    run(spec_file, tmp_path / "r", 'metrics=["psnr"]')
    store = Store.existing(tmp_path / "r")
    predictions = len(store.have("predictions", "prediction_key"))
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "r" / "artifacts").rglob("*.*")}
    outcome, results = run(spec_file, tmp_path / "r", 'metrics=["psnr", "ssim"]')
    assert len(store.have("predictions", "prediction_key")) == predictions
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "r" / "artifacts").rglob("*.*")} == made
    assert results.scores.num_rows == 15 * 2 * 4
    assert outcome.answers_done == 15


def test_a_broken_video_is_failed_rows_and_the_rest_goes_on(spec_file: Path, videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "good.mp4").write_bytes((videos / "a.mp4").read_bytes())
    (folder / "empty.mp4").write_bytes(b"")
    whole = (videos / "b 'quoted' [x].mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    outcome, results = run(spec_file, tmp_path / "r", f'footage.path="{folder}"')
    assert outcome.answers_done == 5
    failed = results.failures.to_pylist()
    assert {row["file"] for row in failed} == {"empty.mp4", "truncated.mp4"}
    assert len(failed) == 10  # each of two videos, each of five systems
    assert all(row["file"] in row["message"] for row in failed)
    again, _ = run(spec_file, tmp_path / "r", f'footage.path="{folder}"')
    assert again.answers_done == 0


PLUGIN = """
import os
import numpy as np


class Kept:
    tokens = floats = None

    def __init__(self, data):
        self.data = data

    def to_bytes(self):
        return self.data

    def recall(self, at_s):
        height, width = np.frombuffer(self.data[:4], np.uint16)
        return np.full((len(at_s), height, width, 3), 128, np.uint8)


class Mine:
    '''Remembers only the size.'''

    def __init__(self, *, fault: str = ""):
        self.fault = fault

    def begin(self, fps, size):
        self.size = size

    def write(self, frames):
        if self.fault == "raise":
            raise RuntimeError("no more room in my head")
        if self.fault == "die":
            os._exit(7)
        if self.fault == "mutate":
            frames[:] = 0

    def finish(self):
        return Kept(np.array([self.size.height, self.size.width], np.uint16).tobytes())

    def from_bytes(self, data):
        if self.fault == "forget":
            data = np.array([8, 8], np.uint16).tobytes()
        return Kept(data)
"""


@pytest.fixture
def mine(spec_file: Path) -> str:
    (spec_file.parent / "mine.py").write_text(textwrap.dedent(PLUGIN))
    return "./mine.py:Mine"


def add_system(spec_file: Path, memory: str, fault: str) -> None:
    with spec_file.open("a") as file:
        file.write(f'\n[[systems]]\nname = "mine"\nmemory = "{memory}"\nargs = {{ fault = "{fault}" }}\n')


def test_a_plugin_file_is_measured(spec_file: Path, mine: str, tmp_path: Path) -> None:
    add_system(spec_file, mine, "")
    _, results = run(spec_file, tmp_path / "r")
    assert results.failures.num_rows == 0
    assert {row["bytes"] for row in results.rates.to_pylist() if row["system"] == "mine"} == {4}


KEY_OF = """
import sys
from pathlib import Path
from bench.spec import load
from runners.session import prepare
print(prepare(load(Path(sys.argv[1])), Path(sys.argv[2]), lambda *_: None).key)
"""


def test_changing_the_code_of_a_plugin_makes_its_memories_anew(spec_file: Path, mine: str, tmp_path: Path) -> None:
    add_system(spec_file, mine, "")
    script = tmp_path / "key.py"
    script.write_text(KEY_OF)

    def key() -> str:  # in a process of its own, since a module is imported once
        command = [sys.executable, script, spec_file, tmp_path / "r"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    before = key()
    file = spec_file.parent / "mine.py"
    assert key() == before
    file.write_text(file.read_text().replace("128", "127"))
    assert key() != before


@pytest.mark.parametrize(
    ("fault", "stage", "message"),
    [
        ("raise", "encode", "no more room in my head"),
        ("mutate", "encode", "read-only"),
        ("die", "crash", "exit code 7"),
        ("forget", "recall", "where uint8"),
    ],
)
def test_a_faulty_plugin_costs_its_own_cells_only(
    spec_file: Path, mine: str, tmp_path: Path, fault: str, stage: str, message: str
) -> None:
    add_system(spec_file, mine, fault)
    _, results = run(spec_file, tmp_path / "r", "footage.limit=2", workers=2)
    failed = results.failures.to_pylist()
    assert {(row["system"], row["stage"]) for row in failed} == {("mine", stage)}
    assert len(failed) == 2
    assert all(message in row["message"] for row in failed)
    assert results.scores.num_rows == 2 * 5 * 2 * 4
    again, _ = run(spec_file, tmp_path / "r", "footage.limit=2")
    assert again.answers_done == 0  # a failure is a result
    tried, _ = run(spec_file, tmp_path / "r", "footage.limit=2", retry=True)
    assert tried.answers_done == 2  # unless one asks for it


def _rows(root: Path) -> int:
    return sum(1 for _ in root.glob("*/*.parquet"))


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_table(spec_file: Path, tmp_path: Path) -> None:
    _, whole = run(spec_file, tmp_path / "whole")
    root = tmp_path / "killed"
    command = [sys.executable, "-m", "bench", "run", spec_file, "--store", root, "--workers", "1"]
    kills = 0
    while kills < 3:  # each time as soon as it has stored something new
        before = _rows(root)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and _rows(root) == before:
            time.sleep(0.01)
        if process.poll() is not None:
            break  # nothing was left to do
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    _, resumed = run(spec_file, root)
    assert kills >= 2
    assert differing(resumed, whole) == {}


def test_a_full_disk_stops_the_run_and_loses_nothing(
    spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.errors import StoreError

    root = tmp_path / "r"
    run(spec_file, root, "footage.limit=1")
    before = Store.existing(root).have("scores", "score_key")
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*\n.*run the same command again"):
        run(spec_file, root)
    monkeypatch.setattr(os, "fsync", real)
    assert Store.existing(root).have("scores", "score_key") == before
    assert not list(root.rglob("*.part"))
    _, results = run(spec_file, root)
    assert results.scores.num_rows == 15 * 2 * 4


def test_workers_and_paths_are_not_in_the_key(spec_file: Path, videos: Path, tmp_path: Path) -> None:
    import shutil

    spec = load(spec_file)
    key = planning.build(spec, _footage(videos, tmp_path)).key
    moved = tmp_path / "elsewhere"
    shutil.copytree(videos, moved)
    other = load(spec_file, (f'footage.path="{moved}"', 'name="other"'))
    assert planning.build(other, _footage(moved, tmp_path)).key == key
    more = load(spec_file, ("suite.args.moments=5",))
    assert planning.build(more, _footage(videos, tmp_path)).key != key


def _footage(folder: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    from bench.video.footage import load as load_footage

    return load_footage(folder, cache=tmp_path / "cache.json")


def test_declared_queries_are_told_to_the_encoders_that_can_use_them(spec_file: Path, tmp_path: Path) -> None:
    _, told = run(spec_file, tmp_path / "r", 'suite.args.queries="declared"')
    exact = {name: [] for name in set(told.scores["system"].to_pylist())}  # type: ignore[var-annotated]
    for row in told.scores.to_pylist():
        exact[row["system"]].append(row["exact"])
    assert all(exact["keyframes 0.5 s"])  # a keyframe memory that knows the questions keeps the answers
    assert not any(exact["h264 50 kbps"])
    _, untold = run(spec_file, tmp_path / "r")
    assert untold.key != told.key
    assert set(untold.planned["case_key"].to_pylist()) == set(told.planned["case_key"].to_pylist())  # comparable
