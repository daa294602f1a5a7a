"""The commands as they are typed: output, exit codes, and what is said when something is wrong."""

import csv
import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.cli import main


class Typed(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def keepframe(*args: object, cwd: Path | None = None) -> Typed:
    """The command line in this process: what it prints and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("COLUMNS", "160")
        patch.setattr(sys, "argv", ["keepframe", *map(str, args)])
        if cwd:
            patch.chdir(cwd)
        with pytest.raises(SystemExit) as stopped:
            main()
    assert isinstance(stopped.value.code, int)
    return Typed(stopped.value.code, out.getvalue(), err.getvalue())


def last_line(done: Typed) -> Any:
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def measured(spec_text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec and its results."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "spec.toml").write_text(spec_text, encoding="utf-8")
    done = keepframe("run", "spec.toml", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "keyframes 1 s" in done.stdout
    assert "measuring: 15/15" in done.stderr
    document = last_line(done)
    assert (document["done"], document["failures"]) == (15, 0)
    assert (folder / document["report"]).stat().st_size < 10e6
    return folder


def test_running_again_has_nothing_to_do(measured: Path) -> None:
    assert "Nothing is missing" in keepframe("run", "spec.toml", "--dry-run", cwd=measured).stdout
    done = keepframe("run", "spec.toml", "--json", cwd=measured)
    assert (last_line(done)["done"], last_line(done)["done_before"]) == (0, 15)


def test_a_dry_run_counts_and_measures_nothing(measured: Path) -> None:
    done = keepframe("run", "spec.toml", "--set", "suite.args.moments=5", "--dry-run", "--json", cwd=measured)
    guess = last_line(done)
    assert (guess["memories"], guess["predictions"], guess["scores"]) == (0, 15, 150)  # undeclared: memories are reused
    assert last_line(keepframe("status", "--json", cwd=measured))["runs"][0]["scores"] == 30


def test_status_and_list(measured: Path) -> None:
    status = last_line(keepframe("status", "--json", cwd=measured))
    assert [(run["name"], run["scores"], run["planned"]) for run in status["runs"]] == [("tiny", 30, 30)]
    assert "keyframes" in last_line(keepframe("list", "memory", "--json"))["memory"]


@pytest.mark.parametrize("form", ["markdown", "csv", "latex", "json"])
def test_compare_in_every_format(measured: Path, form: str) -> None:
    done = keepframe("compare", "--against", "h264 50 kbps", "--format", form, cwd=measured)
    assert done.returncode == 0, done.stderr
    if form == "csv":
        assert {row["system"] for row in csv.DictReader(io.StringIO(done.stdout))} >= {"constant", "h264 200 kbps"}
    elif form == "json":
        assert json.loads(done.stdout)["baseline"] == "h264 50 kbps"
    else:
        assert "h264 200 kbps" in done.stdout


def test_systems_of_two_runs_are_compared_on_the_same_questions(measured: Path) -> None:
    other = ["--set", 'name="again"', "--set", "seed=1"]
    assert keepframe("run", "spec.toml", *other, cwd=measured).returncode == 0
    done = keepframe("compare", "h264 50 kbps", "tiny/h264 50 kbps", "--format", "json", cwd=measured)
    assert done.returncode == 0, done.stderr
    assert [d["mean"] for d in json.loads(done.stdout)["differences"]] == [0, 0]
    assert keepframe("run", "spec.toml", "--set", 'name="asked otherwise"', "--set", "suite.args.seed=1", cwd=measured)
    done = keepframe("compare", "h264 50 kbps", "tiny/h264 50 kbps", cwd=measured)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "not the same" in done.stderr
    assert keepframe("run", "spec.toml", cwd=measured).returncode == 0  # the latest again


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["rnu"], 2, 'Did you mean "run"'),
        (["run", "spec.toml", "--wrokers", "3"], 2, "Did you mean --workers"),
        (["run", "nowhere.toml"], 2, "Cannot read the spec"),
        (["run", "spec.toml", "--set", "decode.widht=3"], 2, "Did you mean 'width'"),
        (["run", "spec.toml", "--set", 'metrics=["pnsr"]'], 2, "Did you mean 'psnr'"),
        (["run", "spec.toml", "--set", 'systems=[{memory="codec", args={codek="h264"}}]'], 2, "Did you mean 'codec'"),
        (
            ["run", "spec.toml", "--set", 'systems=[{memory="codec", args={codec="h265"}}]'],
            2,
            "codec = 'h265' is wrong",
        ),
        (["run", "spec.toml", "--set", 'footage.path="nowhere"'], 2, "nowhere"),
        (["run", "spec.toml", "--set", 'footage.path="."'], 2, "no video"),
        (["compare", "h264 51 kbps", "constant"], 2, "Did you mean 'h264 50 kbps'"),
        (["compare", "constant"], 2, "nothing to be compared with"),
        (["report", "zzz"], 2, "matches no run"),
        (["status", "--store", "nowhere"], 1, "keepframe quickstart makes some"),
        (["weights", "path", "alexnet"], 1, "keepframe weights fetch alexnet"),
        (["try", "keyframs"], 2, "Did you mean 'keyframes'"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(
    measured: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, said: str
) -> None:
    monkeypatch.setenv("KEEPFRAME_WEIGHTS", str(measured / "no weights"))
    done = keepframe(*args, cwd=measured)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_run_without_one_score_has_failed(measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFRAME_WEIGHTS", str(measured / "no weights"))
    spec = ["run", "spec.toml", "--set", 'name="nothing"', "--json"]
    for metrics, code in (('["lpips_alex", "lpips_vgg"]', 1), ('["lpips_alex", "psnr"]', 0)):
        done = keepframe(*spec, "--set", f"metrics={metrics}", cwd=measured)
        assert done.returncode == code, done.stderr
        assert ("nothing was scored: 0 failed, 2 metrics unavailable." in done.stderr) == bool(code)
        assert done.stderr.count("keepframe weights fetch alexnet") == 1
        assert "alexnet" not in done.stdout.rpartition("\n{")[0] and "lpips" not in done.stdout.rpartition("\n{")[0]
        assert last_line(done)["run"]
    assert keepframe("run", "spec.toml", cwd=measured).returncode == 0  # the latest again


def test_weights_are_not_fetched_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched: list[str] = []

    def fetch(name: str, **_: object) -> Path:
        fetched.append(name)
        return tmp_path / name

    monkeypatch.setattr("bench.weights_fetch.fetch", fetch)
    monkeypatch.setenv("KEEPFRAME_WEIGHTS", str(tmp_path))
    done = keepframe("weights", "fetch")
    assert done.returncode == 2 and not fetched
    assert "laion-aesthetic" in done.stdout and "non-commercial" in done.stdout and "1710 MB" in done.stdout
    assert re.search(r"Which ones\? (\d+) of \1 files are not here, 1\d\.\d GB in all", done.stderr)
    assert "--all" in done.stderr
    done = keepframe("weights", "fetch", "alexnet", "alexnot")
    assert done.returncode == 2 and not fetched and "alexnot" in done.stderr  # nor half of what was asked for
    assert keepframe("weights", "fetch", "alexnet", "vgg16").returncode == 0 and fetched == ["alexnet", "vgg16"]
    fetched.clear()
    assert keepframe("weights", "fetch", "--all").returncode == 0 and len(fetched) > 20


def test_run_names_the_verb_of_a_suite_that_has_its_own(tmp_path: Path) -> None:
    for suite, verb in (("cost", "keepframe cost"), ("vbench", "keepframe score")):
        done = keepframe("run", suite, cwd=tmp_path)
        assert done.returncode == 2
        assert verb in done.stderr


def test_a_dry_run_is_the_first_thing_in_a_new_folder(spec_text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(spec_text, encoding="utf-8")
    for _ in range(2):
        done = keepframe("run", "spec.toml", "--dry-run", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_ctrl_c_says_that_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runners.verbs.quickstart_spec", stopped)
    done = keepframe("init")
    assert done.returncode == 130 and "What was stored is kept" in done.stderr


def test_init_prints_a_spec_that_runs(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(keepframe("init").stdout)
    tiny = [
        "footage.seconds=1.0",
        "footage.seeds=1",
        'footage.procedural=["static"]',
        "decode.width=208",
        "decode.height=176",
    ]
    overrides = [part for one in tiny for part in ("--set", one)]
    done = keepframe("run", "spec.toml", *overrides, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert last_line(done)["failures"] == 0


def test_an_unavailable_metric_is_said_and_its_cells_stay_empty(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPFRAME_WEIGHTS", str(measured / "no weights"))
    metrics = 'metrics=["psnr", "lpips_alex"]'
    done = keepframe("run", "spec.toml", "--set", metrics, "--set", 'name="learned"', "--json", cwd=measured)
    assert done.returncode == 0, done.stderr
    assert re.search(r"lpips_alex is unavailable.*keepframe weights fetch alexnet", done.stderr, re.DOTALL)
    assert list(last_line(done)["unavailable"]) == ["lpips_alex"]
    assert last_line(done)["failures"] == 0
