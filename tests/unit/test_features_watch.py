"""`keepframe score`: folders in, rows out; what is missing or broken is said and never made up."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from bench import registry
from bench.cli import app
from bench.errors import UsageError
from bench.store import Store
from bench.types import Prompt, Size
from bench.video.clip import probe
from bench.video.footage import load
from bench.video.procedural import write_clip
from leaderboard.table import rows
from reports.compare import compare
from reports.look import looks
from reports.progress import progress
from runners.watch import Beside, _groups, build, series_of, watch
from suites.features.protocols import Evidence, Feature, Series
from suites.features.said import read_said
from tests.unit.opencv_frames import opencv_frames

SESSION = "test"


class Words:
    """A metric of the prompt alone."""

    name = "words"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ("prompt",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return ()

    def __call__(self, evidence: Evidence) -> Series:
        return Series.one(len(evidence.prompt.split()))


class Absent(Words):
    name = "absent"

    def available(self) -> str | None:
        return "The weights 'x' are missing.\n  keepframe weights fetch x"


class AbsentToo(Absent):
    name = "absent_too"


class Broken(Words):
    name = "broken"

    def __call__(self, evidence: Evidence) -> Series:
        return Series.one(float("nan"))


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(registry.BUILT_IN["video-metric"])
    for one in (Words, Absent, AbsentToo, Broken):
        known[one.name] = f"{__name__}:{one.__name__}"
    monkeypatch.setitem(registry.BUILT_IN, "video-metric", known)
    original = registry.resolve

    def resolve(kind: str, ref: str) -> Any:
        return {one.name: one for one in (Words, Absent, AbsentToo, Broken)}.get(ref) or original(kind, ref)

    monkeypatch.setattr(registry, "resolve", resolve)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for kind in ("static", "high-motion"):
        write_clip(kind, 0, folder, size=Size(96, 64), fps=8, seconds=2)
    (folder / "broken.mp4").write_bytes(b"not a video")
    return folder


def run(folder: Path, root: Path, metrics: list[str], prompts: Path | None = None) -> tuple[Any, Store]:
    store = Store(root)
    plan = build("t", {"mine": load(folder)}, {"mine": folder}, metrics, Beside(prompts))
    for task in plan.tasks:
        watch(task, store, SESSION)
    store.save_run(plan.key, {"name": "t", "spec": {}, "sessions": [{"started_at": 0.0}]}, plan.table)
    return plan, store


def test_scores_are_stored_with_what_they_are_made_of(folder: Path, tmp_path: Path) -> None:
    plan, store = run(folder, tmp_path / "s", ["temporal_flickering"])
    scores = store.results(plan.key).scores.to_pylist()
    assert [row["case"] for row in sorted(scores, key=lambda row: row["case"])] == ["high-motion-0", "static-0"]
    clip = probe(folder / "high-motion-0.mp4")
    frames = opencv_frames(clip.path).astype(float)
    expected = 1 - np.abs(np.diff(frames, axis=0)).mean() / 255
    (row,) = (row for row in scores if row["case"] == "high-motion-0")
    assert row["value"] == pytest.approx(expected, rel=1e-9)
    for score in plan.tasks[0].asks[0].scores.values():
        arrays = series_of(store).get(score)
        assert arrays is not None and len(arrays["values"]) == clip.frames - 1
    assert set(plan.problems.values()) and "broken" in next(iter(plan.problems.values()))


def test_unavailable_and_nonsense_become_failures_never_scores(folder: Path, tmp_path: Path) -> None:
    plan, store = run(folder, tmp_path / "s", ["absent", "broken", "temporal_flickering"])
    assert plan.unavailable["absent"].endswith("keepframe weights fetch x")
    rows = store.results(plan.key).scores.to_pylist()
    assert {row["metric"] for row in rows} == {"temporal_flickering"}
    failed = store.results(plan.key).failures.to_pylist()
    assert {"absent", "broken"} <= {row["metric"] for row in failed}


def test_the_prompt_is_in_the_address_of_what_reads_it_only(folder: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "p.json"
    keys = []
    for text in ("a cat", "a small cat"):
        prompts.write_text(json.dumps({"static-0": text, "high-motion-0.mp4": text}))
        plan, store = run(folder, tmp_path / "s", ["words", "temporal_flickering"], prompts)
        keys.append({row["metric"]: row["score_key"] for row in plan.table.to_pylist() if row["case"] == "static-0"})
        words = [r["value"] for r in store.results(plan.key).scores.to_pylist() if r["metric"] == "words"]
        assert words == [len(text.split())] * 2
    assert keys[0]["words"] != keys[1]["words"]
    assert keys[0]["temporal_flickering"] == keys[1]["temporal_flickering"]


def test_prompt_files(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text('file,prompt\na.mp4,"A cat, asleep."\n')
    assert read_said(table).prompts == {"a.mp4": "A cat, asleep."}
    table.write_text('file,prompt\na.mp4,A cat\nb.mp4," "\n')
    assert [read_said(table).lines(name) for name in ("a.mp4", "b.mp4")] == [(Prompt(0.0, "A cat"),), ()]
    table.write_text("file,text\na.mp4,A cat\n")
    with pytest.raises(UsageError, match="no column 'prompt'"):
        read_said(table)
    wrong = tmp_path / "p.json"
    wrong.write_text('["a"]')
    with pytest.raises(UsageError, match="object of texts"):
        read_said(wrong)


def test_a_storyboard_is_for_every_video(folder: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text('[[prompt]]\nat_s = 0.0\ntext = "a cat"\n[[prompt]]\nat_s = 1.0\ntext = "a dog"\n')
    plan = build("t", {"mine": load(folder)}, {"mine": folder}, ["words"], Beside(board))
    assert [[line.text for line in task.case.request.storyboard] for task in plan.tasks] == [["a cat", "a dog"]] * 2
    board.write_text("[[prompt]]\nat_s = 0.0\n")
    with pytest.raises(UsageError, match=r"board\.toml"):
        read_said(board)


def test_prompts_of_other_videos_are_refused(folder: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "p.json"
    prompts.write_text('{"nothing": "here"}')
    with pytest.raises(UsageError, match="a prompt for none"):
        build("t", {"mine": load(folder)}, {"mine": folder}, ["words"], Beside(prompts))


def test_tries_at_one_prompt_are_one_unit_and_numbered_takes_are_not() -> None:
    tries = {
        "a cat-0": "a cat",
        "a cat-1": "a cat",
        "a dog-0": "a dog",
        "take-0": "",
        "take-1": "",
        "x-0": "1",
        "x-1": "2",
    }
    assert set(_groups(tries).values()) == {"a cat", "a dog-0", "take-0", "take-1", "x-0", "x-1"}


def test_the_same_video_for_other_prompts_is_a_case_for_each(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "collapsed"
    videos.mkdir()
    for name in ("a cat-0", "a cat-1", "two small dogs-0"):
        shutil.copy(folder / "static-0.mp4", videos / f"{name}.mp4")
    for name in ("broken-0", "broken-1"):
        (videos / f"{name}.mp4").write_bytes(b"not a video")
    prompts = tmp_path / "p.json"
    prompts.write_text(json.dumps({"a cat-0": "a cat", "a cat-1": "a cat", "two small dogs-0": "two small dogs"}))
    command = ["score", f"a={videos}", "--metrics", f"{__name__}:Words,temporal_flickering", "--prompts", str(prompts)]
    command += ["--workers", "1", "--store", str(tmp_path / "s"), "--json"]
    for done in (3, 0):
        assert app()(command, result_action="return_value") == 0
        told = capfd.readouterr()
        last = json.loads(told.out.strip().splitlines()[-1])
        assert (last["done"], last["done_before"], last["failures"]) == (done, 3 - done, 2)
    assert "2 of 5 videos are copies (as a cat-1.mp4 is of a cat-0.mp4)" in " ".join(told.err.split())
    found = Store(tmp_path / "s").results().scores.to_pylist()
    words = {row["case"]: row["value"] for row in found if row["metric"] == "words"}
    assert words == {"a cat-0": 2, "a cat-1": 2, "two small dogs-0": 3}
    steady = {row["case"]: row["value"] for row in found if row["metric"] == "temporal_flickering"}
    assert len(steady) == 3 and len(set(steady.values())) == 1
    assert len({row["score_key"] for row in Store(tmp_path / "s").plan(last["run"]).to_pylist()}) == 5
    assert len(list((tmp_path / "s" / "cache" / "features").rglob("*.npz"))) == 1  # seen once


def test_the_verb_runs_resumes_and_says_how_it_went(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["score", f"a={folder}", "--metrics", "temporal_flickering,drift_brightness", "--workers", "1", "--json"]
    for done in (2, 0):
        code = app()([*command, "--store", str(tmp_path / "s")], result_action="return_value")
        last = json.loads(capfd.readouterr().out.strip().splitlines()[-1])
        assert (code, last["done"], last["failures"]) == (0, done, 1)
    for wrong in (["score"], ["score", f"a={folder}", f"a={folder}"], ["score", str(folder), "--metrics", "nonsense"]):
        with pytest.raises(UsageError):
            app()([*wrong, "--store", str(tmp_path / "s")], result_action="return_value")


def typed(capfd: pytest.CaptureFixture[str], code: int, *words: object) -> tuple[str, str, Any]:
    """What the command puts out and says, and the JSON of its last line."""
    capfd.readouterr()
    command = ["score", *map(str, words), "--workers", "1", "--json"]
    assert app()(command, result_action="return_value") == code
    told = capfd.readouterr()
    *lines, last = told.out.strip().splitlines()
    return "\n".join(lines), told.err, json.loads(last)


def test_what_is_unavailable_is_said_once_and_has_no_column(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    metrics = "absent,temporal_flickering,absent_too"
    out, err, last = typed(capfd, 0, f"a={folder}", "--metrics", metrics, "--store", tmp_path / "s")
    assert (out + err).count("keepframe weights fetch x") == 1
    assert "note: absent, absent_too are unavailable" in err and err.index("note: ") < err.index("measuring: ")
    assert "absent" not in out and "temporal_flickering" in out
    assert "kbit/s" not in out  # nothing was remembered
    assert "(1 video)" in out and "1 videos" not in out
    assert set(last["unavailable"]) == {"absent", "absent_too"}


@pytest.mark.parametrize(
    ("metrics", "code", "why", "way"),
    [
        (
            f"{__name__}:Broken",
            1,
            "nothing was scored: 3 failed.",
            "--retry",
        ),  # one of them is the file that is no video
        ("absent", 1, "nothing was scored: 1 failed, 1 metric unavailable.", "Fetch or install"),
        (f"{__name__}:Broken,temporal_flickering", 0, "", ""),  # failed rows beside scores are results
    ],
)
def test_nothing_scored_is_an_exit_code(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], metrics: str, code: int, why: str, way: str
) -> None:
    for _ in range(2):  # the second time, nothing is left to do: the outcome is the same
        out, err, last = typed(capfd, code, f"a={folder}", "--metrics", metrics, "--store", tmp_path / "s")
        assert why in err and way in err and last["failures"] >= 1
        assert ("nothing was scored" in err) == bool(code)
        assert ("Failures" in out and "by slice" not in out) or not code


def test_a_video_that_a_metric_has_nothing_to_ask_of_has_not_failed(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for kind in ("static", "high-motion"):
        for ending in ("mp4", "json"):
            shutil.copy(folder / f"{kind}-0.{ending}", videos)
    metrics = "character_return,place_return,temporal_flickering"
    out, _, last = typed(capfd, 0, videos, "--metrics", metrics, "--store", tmp_path / "s")
    assert (last["failures"], last["not_applicable"]) == (0, 4)
    assert "0 failed, 4 do not apply" in out and "Failures" not in out
    table = out[out.index("Does not apply") :]
    assert table.count("nobody leaves") == 1  # one line for both videos
    found = progress(Store(tmp_path / "s").results())
    assert (found.scored, found.failed, found.dropped, found.missing) == (2, 0, 0, 0)
    results = Store(tmp_path / "s").results()
    comparison = compare(results)
    (row,) = rows(comparison, comparison.metrics[2], looks(results.run["spec"]))  # the board's
    assert "temporal_flickering" in row and not {"kbit/s", "Tokens/s"} & row.keys()
    app()(["report", "--store", str(tmp_path / "s"), "-o", str(tmp_path / "r.html")], result_action="return_value")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert ">What does not apply</h2>" in page and ">Failures</h2>" not in page and "answers failed" not in page
    typed(capfd, 1, videos, "--metrics", "place_return", "--store", tmp_path / "s")
    found = progress(Store(tmp_path / "s").results())
    assert (found.scored, found.failed, found.dropped, found.missing) == (0, 0, 2, 0)


def test_every_built_in_metric_of_videos_keeps_the_protocol() -> None:
    from suites.features.protocols import VideoMetric

    for ref in registry.BUILT_IN["video-metric"]:
        metric = registry.resolve("video-metric", ref)()
        assert isinstance(metric, VideoMetric)
        assert metric.name == ref
        missing = metric.available()
        assert missing is None or "\n  " in missing  # what is missing, then the command


def test_the_package_is_asked_what_its_list_asks_of_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    names = [
        write_clip("static", 0, folder, size=Size(64, 64), fps=8, seconds=1).rename(folder / f"{prompt}-0.mp4").stem
        for prompt in ("alley", "a red bicycle", "a cat")
    ]
    asked: dict[str, Any] = {"alley": ("scene", {"scene": "alley"}), "a red bicycle": ("color", {"color": "red"})}
    listed = [
        {"prompt_en": prompt, "dimension": [dimension], "auxiliary_info": {dimension: about}}
        for prompt, (dimension, about) in asked.items()
    ]
    prompts = tmp_path / "list.json"
    prompts.write_text(json.dumps(listed))
    metrics = ["official_scene", "official_color", "official_human_action", "official_dynamic_degree"]
    footage = {"mine": load(folder, every_file=True)}
    plan = build("t", footage, {"mine": folder}, metrics, Beside(prompts))
    cases: dict[str, set[str]] = {name: set() for name in metrics}
    for row in plan.table.to_pylist():
        cases[row["metric"]].add(row["case"])
    unknown = names[2]  # it is not in the list: it fails, with the reason
    assert cases["official_scene"] == {names[0], unknown} and cases["official_color"] == {names[1], unknown}
    assert cases["official_human_action"] == {unknown} and cases["official_dynamic_degree"] == set(names)
    with pytest.raises(UsageError, match="--prompts vbench-prompts"):
        build("t", footage, {"mine": folder}, ["official_scene"])
    answers = tmp_path / "answers.csv"
    answers.write_text("video,question,answer\n")
    with pytest.raises(UsageError, match="--prompts vbench2-prompts"):
        build("t", footage, {"mine": folder}, ["vbench2_mechanics"], Beside(judge=str(answers)))
