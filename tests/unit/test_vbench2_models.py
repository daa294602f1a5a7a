"""VBench-2.0 by models of the user's: faces, trackers, anatomy, and what they must not return."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import KeepframeError, UsageError
from bench.types import Frames
from suites.consistency.identity import FaceIdentity, HumanIdentity
from suites.features.judge import judge
from suites.features.plugins import Persons, identity, open_model
from suites.features.protocols import Evidence, Series
from suites.judging.named import open_judge
from suites.judging.protocol import DroppedOut
from suites.vbench.smoothness import MotionSmoothness
from suites.vbench2.anatomy import HumanAnatomy
from suites.vbench2.tracks import CameraMotion
from suites.vbench2.yes_no import HumanClothes
from tests.unit.vbench2_video import Tracker, filmed


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return filmed(tmp_path_factory.mktemp("v"))


class Faces:
    """A face looks one way until frame `turn`, then another; frames in `empty` have none, in `crowd` two."""

    name = "fake faces"

    def __init__(self, turn: int = 30, empty: tuple[int, ...] = (), crowd: tuple[int, ...] = ()) -> None:
        self._turn, self._empty, self._crowd, self._seen = turn, empty, crowd, -1

    def faces(self, frame: np.ndarray) -> list[np.ndarray]:
        self._seen += 1
        if self._seen in self._empty:
            return []
        # cosine 0.39 with the first: just another person
        one = np.array([1.0, 0.0]) if self._seen < self._turn else np.array([0.39, np.sqrt(1 - 0.39**2)])
        return [one * 3.0] * (2 if self._seen in self._crowd else 1)


def faces(metric: Any, video: Evidence, model: Faces) -> Series:
    found = judge([metric], Evidence(video.clip, models={"face": model}))
    if metric.name in found.failures:
        raise found.failures[metric.name]
    return found.series[metric.name]


def test_faces_against_the_first(video: Evidence) -> None:
    assert video.clip.frames == 32
    assert faces(HumanIdentity(), video, Faces()).values.mean() == pytest.approx(29 / 31)
    assert len(faces(HumanIdentity(), video, Faces(empty=(1, 2), crowd=(3,))).values) == 28
    for broken in (Faces(empty=(0,)), Faces(crowd=(0,)), Faces(empty=tuple(range(1, 13)))):
        with pytest.raises(DroppedOut):
            faces(HumanIdentity(), video, broken)
    assert len(faces(FaceIdentity(), video, Faces(empty=(0, 5))).values) == 29
    with pytest.raises(DroppedOut):
        faces(FaceIdentity(), video, Faces(empty=tuple(range(1, 32))))


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        ("face", None, "no list of vectors"),
        ("face", ["a"], "no list of vectors"),
        ("face", [np.zeros(4)], "length 0"),
        ("face", [np.full(4, np.nan)], "length nan"),
        ("face", np.ones((1, 1, 4)), r"shape \(1, 4\)"),
        ("anatomy", None, "None"),
        ("anatomy", (1, 2), "2 malformed persons of 1"),
        ("anatomy", (1.5, 0.5), r"\(1.5, 0.5\)"),
        ("tracker", None, r"shape \(\), not \(32, 100, 2\)"),
        ("tracker", np.zeros((1, 100, 2)), r"shape \(1, 100, 2\)"),  # of one frame: nothing moves
        ("tracker", np.zeros((32, 50, 2)), r"shape \(32, 50, 2\)"),
        ("tracker", np.full((32, 100, 2), np.nan), "not numbers"),
        ("tracker", np.full((32, 100, 2), 1e30), "nowhere near"),
        ("interpolator", None, "object, not"),
        ("interpolator", np.zeros((64, 96, 3)), "float64, not"),
    ],
)
def test_a_model_that_returns_something_else_gives_no_score(video: Evidence, kind: str, answer: Any, why: str) -> None:
    class Model:
        name = "broken 1"

        def faces(self, frame: np.ndarray) -> Any:
            return answer

        look = faces

        def begin(self, *_: Any) -> Any:
            return self

        def write(self, frames: Frames) -> None:
            pass

        def finish(self) -> Any:
            return answer

        def between(self, first: np.ndarray, last: np.ndarray) -> Any:
            return answer

    metrics: dict[str, Any] = {
        "face": FaceIdentity(),
        "anatomy": HumanAnatomy(),
        "tracker": CameraMotion(),
        "interpolator": MotionSmoothness(),
    }
    found = judge([metrics[kind]], Evidence(video.clip, models={kind: Model()}, questions={"camera_motion": "static"}))
    (failure,) = found.failures.values()
    assert isinstance(failure, KeepframeError)
    assert failure.what.startswith(f"The {kind} model broken 1 returned") and re.search(why, failure.what)
    assert "returns" in failure.mend


def test_faces_of_different_lengths_are_refused(video: Evidence) -> None:
    class Growing(Faces):
        def faces(self, frame: np.ndarray) -> list[np.ndarray]:
            self._seen += 1
            return [np.ones(self._seen + 2)]

    with pytest.raises(KeepframeError, match=r"shape \(3,\) after some of length 2"):
        faces(FaceIdentity(), video, Growing())


class NoTracker:
    name = "half a tracker"


class Unmade(Tracker):
    def __init__(self) -> None:
        raise FileNotFoundError("cotracker.pth")


class Demanding(Tracker):
    def __init__(self, weights: str) -> None:
        raise AssertionError(f"nobody gave it {weights}")


class Another(Tracker):
    """Another class of the same name in the same file."""


def test_models_that_cannot_be_opened_or_are_called_alike() -> None:
    here = Path(__file__)
    with pytest.raises(UsageError, match=r"is no tracker model: it has no begin\."):
        open_model("tracker", f"{here}:NoTracker")
    with pytest.raises(UsageError, match=r"cannot be made: FileNotFoundError: cotracker\.pth"):
        open_model("tracker", f"{here}:Unmade")
    with pytest.raises(UsageError, match=r"cannot be made: TypeError.*missing 1 required"):
        open_model("tracker", f"{here}:Demanding")
    assert identity(Tracker()) != identity(Another())


def test_the_models_in_the_manual_can_be_used(video: Evidence, tmp_path: Path) -> None:
    manual = Path(__file__).parents[2] / "docs" / "SCORES.md"
    (code,) = re.findall(r"```python\n(.*?)```", manual.read_text(encoding="utf-8"), re.DOTALL)
    mine = tmp_path / "mine.py"
    mine.write_text(code, encoding="utf-8")
    classes = {"face": "Face", "tracker": "Tracker", "interpolator": "Middle", "anatomy": "Anatomy"}
    models = {kind: open_model(kind, f"{mine}:{name}") for kind, name in classes.items()}
    metrics = [FaceIdentity(), CameraMotion(), MotionSmoothness(), HumanAnatomy(), HumanClothes()]
    judged = replace(video, models=models, judge=open_judge(f"{mine}:Judge", tmp_path))
    found = judge(metrics, replace(judged, features={}, questions={"camera_motion": "static", "human_clothes": None}))
    assert not found.failures
    assert found.series[HumanClothes().name].values.tolist() == [1.0]


def test_anatomy_counts_persons_over_the_video(video: Evidence) -> None:
    class Detector:
        name = "fake"

        def __init__(self, abnormal: int, seen: int) -> None:
            self._persons = Persons(seen, abnormal)

        def look(self, frame: np.ndarray) -> Persons:
            return self._persons

    for abnormal, seen, expected in ((1, 4, 0.75), (0, 0, 1.0)):
        found = judge([HumanAnatomy()], Evidence(video.clip, models={"anatomy": Detector(abnormal, seen)}))
        assert found.series[HumanAnatomy.name].values.tolist() == [expected]
