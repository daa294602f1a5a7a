"""VBench-2.0's rules: what counts, what drops out, how a camera is read, against films whose truth is known."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.cli import app
from bench.errors import KeepframeError, UsageError
from bench.store import Store
from bench.types import Clip, Frames, Prompt, Size
from bench.video.clip import probe
from bench.video.footage import load
from bench.video.procedural import write_clip
from runners.watch import Beside, build
from suites.consistency.identity import FaceIdentity, HumanIdentity
from suites.features.judge import judge
from suites.features.one_pass import extract
from suites.features.plugins import Persons, identity, open_model
from suites.features.protocols import Evidence, Series
from suites.features.said import read_said
from suites.judging.named import open_judge
from suites.judging.protocol import DroppedOut, Inquiry, Reply
from suites.vbench.smoothness import MotionSmoothness
from suites.vbench2 import diversity as differing
from suites.vbench2.anatomy import HumanAnatomy
from suites.vbench2.camera import moves, orbits
from suites.vbench2.dimensions import CATEGORIES, PREFIX, totals
from suites.vbench2.instances import InstancePreservation, stretches
from suites.vbench2.matching import inliers
from suites.vbench2.stories import ComplexPlot, HumanInteraction, MotionOrderUnderstanding
from suites.vbench2.tracks import CameraMotion, Cuts, views
from suites.vbench2.yes_no import (
    Composition,
    DynamicAttribute,
    DynamicSpatialRelationship,
    HumanClothes,
    Mechanics,
)

SIZE = Size(200, 100)


class Judge:
    """Answers by a function of the question; remembers what it was asked."""

    name = "fake"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer
        self.asked: list[Inquiry] = []

    def available(self) -> str | None:
        return None

    def ask(self, inquiry: Inquiry) -> Reply:
        self.asked.append(inquiry)
        return Reply(self._answer(inquiry.text.splitlines()[-1]))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    clip = probe(write_clip("static", 0, tmp_path_factory.mktemp("v"), size=Size(96, 64), fps=8, seconds=4))
    features = extract(clip, [*DynamicAttribute().features(_with(Evidence(clip), Judge(str), dynamic_attribute=["?"]))])
    steady = extract(clip, [*InstancePreservation().features(_with(Evidence(clip), Judge(str)))])
    return Evidence(clip, {**features.arrays, **steady.arrays}, (Prompt(0.0, "One person hugs another."),))


def _with(evidence: Evidence, judge: Judge, **questions: Any) -> Evidence:
    return Evidence(
        evidence.clip, evidence.features, evidence.storyboard, judge=judge, questions=questions, models=evidence.models
    )


def ask(metric: Any, video: Evidence, answer: Callable[[str], str], **questions: Any) -> tuple[float, Judge]:
    one = Judge(answer)
    (value,) = metric(_with(video, one, **questions)).values
    return float(value), one


def unless(*wrong: str) -> Callable[[str], str]:
    return lambda question: "No." if any(part in question for part in wrong) else "Yes, it is."


def test_all_questions_or_nothing(video: Evidence) -> None:
    questions = ["Red first?", "Green last?"]
    value, one = ask(DynamicAttribute(), video, unless(), dynamic_attribute=questions)
    assert value == 1.0 and all(len(inquiry.pictures) == 64 for inquiry in one.asked)
    assert ask(DynamicAttribute(), video, unless("Green"), dynamic_attribute=questions)[0] == 0.0
    with pytest.raises(KeepframeError, match="yes or no"):
        ask(DynamicAttribute(), video, lambda _: "A cat", dynamic_attribute=questions)
    with pytest.raises(KeepframeError, match="vbench2-prompts"):
        ask(DynamicAttribute(), video, unless(), dynamic_attribute="red")


def test_a_gate_then_one_question(video: Evidence) -> None:
    three = ["Is it in space?", "Does it float?", "Is it blue?"]
    assert ask(Mechanics(), video, unless("blue"), mechanics=three)[0] == 1.0  # the third is ignored
    assert ask(Mechanics(), video, unless("float"), mechanics=three)[0] == 0.0
    with pytest.raises(DroppedOut):
        ask(Mechanics(), video, unless("space"), mechanics=three)
    assert ask(Mechanics(), video, unless("space"), mechanics=three[:1])[0] == 0.0  # alone it is no gate
    with pytest.raises(DroppedOut):
        ask(HumanClothes(), video, unless("One person", "one person"))
    assert ask(HumanClothes(), video, unless("clothes"))[0] == 0.0


@pytest.mark.parametrize(
    ("switches", "wrong", "expected"),
    [
        ([True, False], ("creature",), 0.25),  # more than one creature: what one part is worth
        ([False, False], ("creature",), 1.0),  # not asked
        ([True, False], ("wings", "tail"), 0.5),
        ([True, True], ("tail",), 0.0),
        ([False, True], (), 1.0),
    ],
)
def test_composition(video: Evidence, switches: list[bool], wrong: tuple[str, ...], expected: float) -> None:
    listed = {"question": ["wings", "tail", "head", "feet"], "judge": switches}
    assert ask(Composition(), video, unless(*wrong), composition=listed)[0] == expected


def test_before_and_after_see_their_own_pictures(video: Evidence) -> None:
    questions = ["On the left?", "In front?"]
    value, one = ask(DynamicSpatialRelationship(), video, unless(), dynamic_spatial_relationship=questions)
    assert value == 1.0
    assert [len(inquiry.pictures) for inquiry in one.asked] == [32, 1]
    assert one.asked[0].pictures + one.asked[1].pictures != one.asked[0].pictures * 2


def story(told: str, right: Callable[[str], bool]) -> Any:
    """A judge that tells this story and holds two texts against each other."""

    class Telling(Judge):
        def ask(self, inquiry: Inquiry) -> Reply:
            self.asked.append(inquiry)
            return Reply(told if inquiry.pictures else "Yes" if right(inquiry.text) else "No")

    return Telling(str)


def test_a_plot_is_matched_in_order_until_it_is_not(video: Evidence) -> None:
    wanted = ["wakes", "eats", "runs", "sleeps"]

    def part(told: str, right: Callable[[str], bool]) -> float:
        (value,) = ComplexPlot()(_with(video, story(told, right), complex_plot=wanted)).values
        return float(value)

    four = "1. wakes 2. eats 3. sits 4. sleeps"
    same = lambda text: text.split("Asked for: ")[1].split("\n")[0] in text.split("Told: ")[1]  # noqa: E731
    assert part(four, same) == 0.5  # the third is wrong, so the fourth is not asked
    assert part(four, lambda _: True) == 1.0
    assert part("it wakes and eats and runs and sleeps", same) == 1.0  # no list: held as a whole against each
    assert part("1. wakes 2. eats", same) == 0.5  # a short list leaves the rest unmatched


def test_two_actions_in_order_and_two_people(video: Evidence) -> None:
    metric = MotionOrderUnderstanding()
    yes = _with(video, story("1. sits 2. sweeps", lambda _: True), motion_order_understanding=["sit", "sweep"])
    assert metric(yes).values.tolist() == [1.0]
    with pytest.raises(DroppedOut):
        metric(_with(video, story("A man sits.", lambda _: True), motion_order_understanding=["sit", "sweep"]))
    alone = _with(video, story("One hugs.", lambda text: "more than one" not in text))
    assert HumanInteraction()(alone).values.tolist() == [0.0]


def test_instances_are_asked_for_in_stretches(video: Evidence) -> None:
    assert stretches(video.clip) == [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)]
    calm = Judge(lambda _: "No")
    assert InstancePreservation()(_with(video, calm, instance_preservation="1.dog")).values.tolist() == [1.0]
    assert [len(inquiry.pictures) for inquiry in calm.asked] == [8, 8, 8] and "1.dog" in calm.asked[0].text
    assert InstancePreservation()(_with(video, Judge(lambda _: "Yes"))).values.tolist() == [0.0]


def tracks(step: Callable[[np.ndarray, int], np.ndarray], frames: int = 41) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(10, 190, 10), np.linspace(5, 95, 10))
    start = np.stack([x, y], axis=-1).reshape(100, 2)
    return np.stack([step(start, t) for t in range(frames)])


IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CENTRE = np.array([110.0, 55.0])  # the grid's column and row of edge points, so that a zoom moves them straight


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (lambda p, t: p - (0.5 * t, 0), {"pan_right"}),
        (lambda p, t: p - (-0.5 * t, 0), {"pan_left"}),
        (lambda p, t: p - (0, -0.3 * t), {"tilt_up"}),
        (lambda p, t: p - (0, 0.3 * t), {"tilt_down"}),
        (lambda p, t: CENTRE + (p - CENTRE) * (1 + t / 100), {"zoom_in"}),
        (lambda p, t: CENTRE + (p - CENTRE) * (1 - t / 100), {"zoom_out"}),
        (lambda p, t: p, {"static"}),
    ],
)
def test_the_camera_is_read_off_its_tracks(step: Callable[[np.ndarray, int], np.ndarray], expected: set[str]) -> None:
    found = moves(tracks(step), SIZE)
    assert expected <= found
    assert not (found - expected) & {"pan_left", "pan_right", "static", "orbits"}


@pytest.mark.parametrize("short", [48, 64, 180, 199, 200, 480])
def test_a_tiny_video_is_read_as_a_large_one(short: int) -> None:
    """Points that tremble by a twentieth of a pixel across a border are still; three percent of the side is a move."""
    size, factor = Size(2 * short, short), short / SIZE.height

    def film(shift: float) -> np.ndarray:
        start = np.round(tracks(lambda p, t: p) * factor)  # on the border: just under it is another whole pixel
        return start + np.linspace(0.0, 1.0, len(start))[:, None, None] * np.array([shift, 0.0])

    assert moves(film(-0.05), size) == {"static"}
    assert moves(film(-0.03 * short), size) == {"pan_right"}
    assert moves(film(0.03 * short), size) == {"pan_left"}
    half = np.where(film(0.0)[0, :, 1:] > short / 2, 1.0, -1.0)
    trembling = film(0.0) + half * np.where(np.arange(41)[:, None, None] % 2 == 0, 0.0, 0.05)
    assert not orbits(trembling, size)
    circling = film(0.0) + half * np.linspace(0.0, 0.1 * short, 41)[:, None, None] * np.array([1.0, 0.0])
    assert orbits(circling, size)


def test_an_orbit_moves_near_and_far_apart() -> None:
    def circle(points: np.ndarray, t: int) -> np.ndarray:
        return points + np.where(points[:, 1:] > 50, [[0.3 * t, 0.0]], [[-0.3 * t, 0.0]])

    assert orbits(tracks(circle), SIZE) and "orbits" in moves(tracks(circle), SIZE)
    assert not orbits(tracks(lambda p, t: p - (-0.3 * t, 0)), SIZE)
    assert not orbits(tracks(circle, frames=20), SIZE)  # one look is no step


class Tracker:
    """Says that everything moves left by a pixel a frame."""

    name = "fake tracker"

    def begin(self, size: Size, grid: int) -> Any:
        class Following:
            frames = 0

            def write(self, frames: Frames) -> None:
                self.frames += len(frames)

            def finish(self) -> np.ndarray:
                return tracks(lambda p, t: p - (t, 0), self.frames) * np.array(size) / np.array(SIZE)

        return Following()


def test_camera_motion_by_a_tracker_of_the_users(video: Evidence) -> None:
    for label, expected in (("pan_right", 1.0), ("zoom_in", 0.0)):
        evidence = Evidence(
            video.clip, models={"tracker": Tracker()}, questions={"camera_motion": label}, storyboard=video.storyboard
        )
        found = judge([CameraMotion()], evidence)
        assert found.series[CameraMotion.name].values.tolist() == [expected], found.failures
    ref = f"{Path(__file__)}:Tracker"
    assert open_model("tracker", ref).name == "fake tracker"
    with pytest.raises(UsageError, match="no face model"):
        open_model("face", ref)


def test_cuts_are_found(tmp_path: Path) -> None:
    clip = probe(write_clip("rapid-cuts", 0, tmp_path, size=Size(96, 64), fps=24, seconds=4))
    annotated = json.loads(clip.path.with_suffix(".json").read_text())["cuts"]
    found = extract(clip, [Cuts(5.0)]).arrays["cuts at 5"]["frame"].tolist()
    assert found and set(found) <= set(annotated)


def test_points_are_found_again_in_a_shifted_picture_and_not_in_another() -> None:
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (30, 54, 3), np.uint8)
    first = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    assert inliers(first, np.roll(first, (5, 9), (0, 1))) > 200
    other = np.kron(draw.integers(0, 256, (30, 54, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    assert inliers(first, other) < 0.1 * inliers(first, first)


def test_views_lie_further_apart_where_less_moves() -> None:
    (first, second), *_ = views(5.0, 24.0, 200, 200)
    assert second - first == 26  # 40 / (0.5 * 3)
    assert views(10.0, 8.0, 60, 60) == []  # no room
    assert views(30.0, 240.0, 200, 200) == []  # 0 frames apart
    assert all(at <= 7 for at, _ in views(10.0, 8.0, 121, 7))


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


class Another(Tracker):
    """Another class of the same name in the same file."""


def test_models_that_cannot_be_opened_or_are_called_alike() -> None:
    here = Path(__file__)
    with pytest.raises(UsageError, match=r"is no tracker model: it has no begin\."):
        open_model("tracker", f"{here}:NoTracker")
    with pytest.raises(UsageError, match=r"cannot be made: FileNotFoundError: cotracker\.pth"):
        open_model("tracker", f"{here}:Unmade")
    with pytest.raises(UsageError, match=r"cannot be made: TypeError.*missing 1 required"):
        open_model("tracker", f"{here}:Judge")
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


def test_diversity_is_the_published_formula_with_random_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from PIL import Image
    from torchvision.models import vgg19
    from torchvision.transforms import functional as T

    monkeypatch.setattr(differing, "SIDE", 64)
    for seed in range(3):
        write_clip("high-motion", seed, tmp_path, size=Size(96, 64), fps=4, seconds=1)
    clips = [probe(path) for path in sorted(tmp_path.glob("*.mp4"))]
    assert differing.siblings(clips[1].path) == [clip.path for clip in clips]
    torch.manual_seed(0)
    reference = vgg19(weights=None)
    ours = differing.diversity(clips, differing.network(reference.state_dict()))

    from suites.features import pixels

    style: list[list[torch.Tensor]] = []
    content = []
    for clip in clips:  # VBench-2.0's way: whole videos
        frames = next(iter(pixels.stream(clip, range(clip.frames), chunk=100)))
        x = torch.stack(
            [
                T.normalize(
                    T.to_tensor(T.resize(Image.fromarray(f), [64, 64])), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
                )
                for f in frames
            ]
        )
        grams = []
        with torch.inference_mode():
            for k, layer in enumerate(reference.features[:31]):
                x = layer(x)
                if k in {0, 5, 10, 19, 28}:
                    b, c, h, w = x.shape
                    flat = x.clone().view(b, c, -1)
                    grams.append(flat @ flat.transpose(1, 2) / (c * h * w))
        style.append(grams)
        content.append(x)
    pairs = [(0, 1), (0, 2), (1, 2)]
    c = sum((content[i] - content[j]).abs().mean() for i, j in pairs) / 3
    s = sum((style[i][k] - style[j][k]).abs().mean() for i, j in pairs for k in range(5)) / 15
    expected = float((c + 1000 * s) / 2 / 17.712)
    assert 0 < expected < 1, expected
    assert ours == pytest.approx(expected, rel=1e-5)


def test_every_dimension_is_there_and_adds_up() -> None:
    named = [name for members in CATEGORIES.values() for name in members]
    assert len(named) == len(set(named)) == 18
    assert {PREFIX + name for name in named} == {
        one for one in registry.BUILT_IN["video-metric"] if one.startswith(PREFIX)
    }
    means = dict.fromkeys(named, 0.5) | {"camera_motion": 1.0}
    assert totals(means).total == pytest.approx((4 * 0.5 + (6 * 0.5 + 1) / 7) / 5)
    del means["diversity"]
    assert totals(means).total is None and totals(means).missing == ("diversity",)


def test_the_published_list_names_videos_by_their_prompts(tmp_path: Path) -> None:
    long = "A very long story. " * 20
    listed = [
        {"prompt_en": "A man is doing yoga.", "dimension": ["Human_Clothes"]},
        {"prompt_en": long, "dimension": ["Complex_Plot"], "auxiliary_info": ["a", "b"]},
        {"prompt_en": "A man is doing yoga.", "dimension": ["Multi-View_Consistency"], "auxiliary_info": "x"},
    ]
    path = tmp_path / "VBench2_full_info.json"
    path.write_text(json.dumps(listed))
    said = read_said(path)
    assert said.prompt(f"{long[:180]}-2.mp4") == long
    assert said.question(f"{long[:180]}-2.mp4") == {"complex_plot": ["a", "b"]}
    assert said.question("A man is doing yoga.-0.mp4") == {"human_clothes": None, "multi_view_consistency": "x"}
    assert said.prompt("A man.mp4") == "" and said.question("A man.mp4") == {}
    path.write_text('[{"prompt": "a"}]')
    with pytest.raises(UsageError, match="prompt_en"):
        read_said(path)


def test_a_prompts_videos_are_one_row_of_diversity(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    folder.mkdir()
    for seed in range(3):
        write_clip("static", seed, folder, size=Size(96, 64), fps=4, seconds=1)
    plan = build("t", {"mine": load(folder)}, {"mine": folder}, ["vbench2_diversity", "temporal_flickering"])
    rows = plan.table.to_pylist()
    assert [row["case"] for row in rows if row["metric"] == "vbench2_diversity"] == ["static-0"]
    assert sum(row["metric"] == "temporal_flickering" for row in rows) == 3
    with pytest.raises(UsageError, match="needs a judge"):
        build("t", {"mine": load(folder)}, {"mine": folder}, ["vbench2_mechanics"])
    with pytest.raises(UsageError, match="--model tracker="):
        build("t", {"mine": load(folder)}, {"mine": folder}, ["vbench2_multi_view_consistency"], Beside())


def test_only_what_the_list_asks_of_a_video_is_planned(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = {"It melts.": "Thermotics", "It falls.": "Mechanics", "A man walks.": "Human_Clothes", "It sings.": "Other"}
    for place, prompts in (("a", ("It melts.", "It falls.", "A man walks.", "Nobody asked")), ("b", ("It sings.",))):
        (tmp_path / place).mkdir()
        for prompt in prompts:
            made = write_clip("static", 0, tmp_path / "made", size=Size(96, 64), fps=8, seconds=1)
            made.rename(tmp_path / place / f"{prompt}-0.mp4")
    listed = [{"prompt_en": one, "dimension": [what], "auxiliary_info": ["Is it?"]} for one, what in asked.items()]
    (tmp_path / "list.json").write_text(json.dumps(listed))
    (tmp_path / "answers.csv").write_text(
        "video,question,answer\n"
        "It melts.-0,vbench2_thermotics.0,yes\n"
        "It falls.-0,vbench2_mechanics.0,no\n"
        "A man walks.-0,vbench2_human_clothes.one,yes\n"
        "A man walks.-0,vbench2_human_clothes.same,yes\n"
        "A man walks.-0,vbench2_human_clothes.clothes,yes\n"
    )
    metrics = [PREFIX + name for name in ("thermotics", "mechanics", "human_clothes", "material")]
    command = ["score", f"a={tmp_path / 'a'}", f"b={tmp_path / 'b'}", "--workers", "1", "--store", str(tmp_path / "s")]
    command += ["--prompts", str(tmp_path / "list.json"), "--judge", str(tmp_path / "answers.csv"), "--json"]
    every = ",".join([*metrics, "temporal_flickering"])
    assert app()([*command, "--metrics", every], result_action="return_value") == 0
    results = Store(tmp_path / "s").results()
    pairs = {(row["case"], row["metric"]) for row in results.planned.to_pylist() if row["metric"].startswith(PREFIX)}
    told = {("It melts.-0", metrics[0]), ("It falls.-0", metrics[1]), ("A man walks.-0", metrics[2])}
    unknown = {("Nobody asked-0", name) for name in metrics}  # perhaps a wrong file name: it fails and says so
    assert pairs == told | unknown
    scored = {(row["case"], row["metric"]): row["value"] for row in results.scores.to_pylist()}
    assert {pair: scored[pair] for pair in told} == dict(zip(sorted(told), (1.0, 0.0, 1.0), strict=True))
    assert {(row["case"], row["metric"]) for row in results.failures.to_pylist()} == unknown
    assert sum(metric == "temporal_flickering" for _, metric in scored) == 5
    with pytest.raises(UsageError, match="asks nothing of these videos for vbench2_material"):
        app()([*command[:1], *command[2:], "--metrics", metrics[3]], result_action="return_value")
    capfd.readouterr()
    code = app()([*command, "--metrics", ",".join(metrics)], result_action="return_value")
    assert code == 0  # though nothing is asked of the videos of b


def test_a_list_that_asks_something_else_of_a_video_is_told_from_no_list() -> None:
    clip = Clip(Path("a.mp4"), "", Fraction(4), Size(8, 8), (0.0,), 0.25)
    with pytest.raises(KeepframeError, match="asks mechanics of a, not material"):
        Evidence(clip, questions={"mechanics": ["Does it fall?"]}).question("material")
    with pytest.raises(KeepframeError, match="No prompt list says what material asks"):
        Evidence(clip).question("material")
