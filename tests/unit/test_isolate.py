"""Boxes: a program beside us that answers, fails, dies, hangs; and the published package where its box is built."""

import sys
from pathlib import Path

import pytest

from bench.cli import app
from bench.errors import KeepframeError, UnavailableError, UsageError
from bench.types import Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from runners import isolate
from runners.isolate import RECIPES, Box, Recipe, build, program
from runners.official import OfficialFlickering
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.vbench.flickering import TemporalFlickering

PROGRAM = """
import json, os, sys, time
print(json.dumps({"versions": {"toy": "1"}}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print("noise", file=sys.stderr)
    do = asked["do"]
    if do == "die":
        print("out of memory", file=sys.stderr, flush=True)
        os._exit(9)
    if do == "swell":
        os.kill(os.getpid(), 9)  # as the system does where memory runs out
    if do == "hang":
        time.sleep(60)
    if do == "babble":
        print("Loading...", flush=True)
    elif do == "fail":
        print(json.dumps({"id": asked["id"], "error": "ValueError: no"}), flush=True)
    else:
        print(json.dumps({"id": asked["id"], "value": asked["x"] * 2}), flush=True)
"""


def test_a_box_answers_and_outlives_what_goes_wrong_in_it(tmp_path: Path) -> None:
    path = tmp_path / "toy.py"
    path.write_text(PROGRAM)
    with Box(Path(sys.executable), path) as box:
        assert box.versions == {"toy": "1"}
        assert box.ask(30, do="double", x=2) == 4
        with pytest.raises(KeepframeError, match="ValueError: no"):
            box.ask(30, do="fail")
        assert box.ask(30, do="double", x=3) == 6
        for wrong, why in (
            ("die", "ended: .*out of memory"),
            ("swell", "was killed: .*memory ran out"),
            ("hang", "did not answer within"),
            ("babble", "something else"),
        ):
            with pytest.raises(KeepframeError, match=f"(?s){why}"):
                box.ask(1 if wrong == "hang" else 30, do=wrong)
            assert box.ask(30, do="double", x=5) == 10  # started again


def test_a_program_that_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import nothing_of_that_name")
    with pytest.raises(KeepframeError, match="nothing_of_that_name"), Box(Path(sys.executable), path):
        pass


def test_a_box_that_is_not_built_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFRAME_BOXES", str(tmp_path))
    assert (OfficialFlickering().available() or "").endswith("keepframe isolate vbench")
    with pytest.raises(UsageError, match="No box"):
        app()(["isolate", "nonsense"], result_action="return_value")


def test_half_a_box_is_no_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFRAME_BOXES", str(tmp_path))
    absent = tmp_path / "list.txt"
    absent.write_text("a-package\n")
    monkeypatch.setattr(isolate, "_file", lambda name: absent)

    class Failed:
        returncode, stdout, stderr = 1, "", "no network"

    monkeypatch.setattr(isolate.subprocess, "run", lambda *_, **__: Failed())
    with pytest.raises(UnavailableError, match="no network"):
        build(Recipe("toy", "list.txt", "toy.py"))
    assert Recipe("toy", "list.txt", "toy.py").missing() is not None


@pytest.mark.box
@pytest.mark.skipif(RECIPES["vbench"].missing() is not None, reason="needs: keepframe isolate vbench")
def test_flickering_is_the_published_package_s(tmp_path: Path) -> None:
    assert program(RECIPES["vbench"]).is_file()
    clip = probe(write_clip("high-motion", 0, tmp_path, size=Size(256, 160), fps=8, seconds=2))
    found = judge([TemporalFlickering(), OfficialFlickering()], Evidence(clip))
    assert not found.failures, found.failures
    ours, theirs = (
        found.series[name].values.mean() for name in ("temporal_flickering", "official_temporal_flickering")
    )
    assert ours == pytest.approx(theirs, rel=1e-6)
