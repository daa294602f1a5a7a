"""Drift, distance and returns, against figures worked out by hand and against footage that was tampered with."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import registry
from bench.errors import KeepframeError
from bench.types import Clip, Frames, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from bench.video.read import read_frames
from bench.video.write import VideoWriter
from reports.gate.policy import DEFAULTS
from suites.consistency.distance import FarColourSimilarity, by_distance, cosine, intersection, spread
from suites.consistency.drift import BrightnessDrift, ColourDrift, FlickeringDrift, SharpnessDrift, drift
from suites.consistency.returns import CharacterReturn, PlaceReturn
from suites.features.looks import figures
from suites.features.one_pass import extract
from suites.features.protocols import Evidence, Series, VideoMetric
from suites.judging.protocol import DroppedOut


def scored(metric: VideoMetric, clip: Clip, annotation: Path | None = None) -> Series:
    evidence = Evidence(clip, annotation=annotation)
    found = extract(clip, metric.features(evidence))
    assert not found.failures
    return metric(Evidence(clip, found.arrays, annotation=annotation))


def written(path: Path, frames: Frames, fps: int = 8) -> Clip:
    with VideoWriter(path, Fraction(fps), Size(frames.shape[2], frames.shape[1])) as out:
        out.write(frames)
    return probe(path)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Path]:
    path = write_clip("characters", 0, tmp_path_factory.mktemp("story"), size=Size(416, 240), fps=4, seconds=40)
    return probe(path), path.with_suffix(".json")


def test_drift_is_the_difference_of_the_first_and_the_last_15_percent() -> None:
    values = np.arange(20.0)  # 15 % of 20 is 3: means 1 and 18
    assert drift(values) == drift(values[::-1]) == 17.0
    assert drift(np.ones(100)) == 0.0
    with pytest.raises(KeepframeError, match="two frames"):
        drift(np.ones(1))


def test_figures_of_frames_whose_figures_are_known() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    brightness, contrast, colourfulness, sharpness = figures(stripes)
    assert (brightness, contrast) == pytest.approx((100 / 255, 100 / 255))
    assert colourfulness == 0.0 and sharpness > 300
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 100  # rg = 100, yb = 50 everywhere: no deviation
    assert figures(red)[2] == pytest.approx(0.3 * np.hypot(100, 50))


def test_a_video_that_darkens_drifts_by_what_it_darkens(tmp_path: Path) -> None:
    levels = np.linspace(200, 100, 40).astype(np.uint8)
    clip = written(tmp_path / "dark.mp4", np.broadcast_to(levels[:, None, None, None], (40, 64, 64, 3)).copy())
    expected = (float(levels[:6].mean()) - float(levels[-6:].mean())) / 255
    assert scored(BrightnessDrift(), clip).values[0] == pytest.approx(expected, abs=1.5 / 255)
    assert scored(ColourDrift(), clip).values[0] < 2.0
    assert scored(SharpnessDrift(), clip).values[0] < 1.0


def test_a_video_that_begins_to_flicker_drifts_by_what_it_flickers(tmp_path: Path) -> None:
    frames = np.full((40, 64, 64, 3), 100, np.uint8)
    frames[30::2] = 180
    clip = written(tmp_path / "boils.mp4", frames)
    (value,) = scored(FlickeringDrift(), clip).values
    assert value == pytest.approx(80 / 255, abs=3 / 255)  # 6 of 39 steps: none changes at first, at last every one
    drifts = {name for name in registry.BUILT_IN["video-metric"] if name.startswith("drift_")}
    assert len(drifts) == 10 and drifts <= set(DEFAULTS["perceptual"])  # 2 % of a drift near 0 is no margin


def test_similarity_by_distance_counts_each_pair_once() -> None:
    similarity = cosine(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]))
    curve = by_distance(similarity, [0.0, 1.0, 2.0], [0.5, 1.5, 2.5])
    assert [(one.pairs, one.similarity) for one in curve] == [
        (2, pytest.approx(np.sqrt(0.5))),
        (1, pytest.approx(0.0)),
    ]
    assert by_distance(similarity, [0.0, 1.0, 2.0], [5.0, 6.0]) == []
    with pytest.raises(KeepframeError, match="zero"):
        cosine(np.zeros((2, 3)))


def test_histogram_intersection() -> None:
    assert intersection(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist() == [[1.0, 0.5], [0.5, 1.0]]
    assert len(spread(10_000)) == 256 and spread(10_000)[-1] == 9_999


def test_far_similarity_sees_a_change_of_scene(tmp_path: Path) -> None:
    still = np.full((16, 64, 64, 3), 40, np.uint8)
    changed = still.copy()
    changed[8:] = 220
    assert scored(FarColourSimilarity(), written(tmp_path / "a.mp4", still)).values[0] == pytest.approx(1.0)
    assert scored(FarColourSimilarity(), written(tmp_path / "b.mp4", changed)).values[0] == pytest.approx(0.0)


def test_in_true_footage_everybody_and_every_place_comes_back(story: tuple[Clip, Path]) -> None:
    clip, annotation = story
    people = scored(CharacterReturn(), clip, annotation)
    assert len(people.values) >= 8 and people.values.mean() >= 0.97
    places = scored(PlaceReturn(), clip, annotation)
    assert len(places.values) >= 4 and places.values.min() > 0.9


def test_changed_clothes_and_changed_places_are_seen(story: tuple[Clip, Path], tmp_path: Path) -> None:
    clip, annotation = story
    frames = read_frames(clip, range(clip.frames))
    half = clip.frames // 2
    for frame in frames[half:]:  # in the second half everything has another hue
        hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + 90) % 180
        frame[:] = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    tampered = written(tmp_path / "tampered.mp4", frames, fps=4)
    people = scored(CharacterReturn(), tampered, annotation)
    late = people.frames >= half
    assert late.any() and (~late).any()
    assert people.values[~late].mean() > 0.95
    assert people.values[late].mean() < 0.6
    places = scored(PlaceReturn(), tampered, annotation)
    assert places.values[places.frames >= half].max() < 0.8


def test_the_annotation_fits_a_rendering_in_another_size_and_rate(story: tuple[Clip, Path], tmp_path: Path) -> None:
    clip, annotation = story
    small = read_frames(clip, range(0, clip.frames, 2), size=Size(208, 120))
    rendering = written(tmp_path / "small.mp4", small, fps=2)
    assert scored(CharacterReturn(), rendering, annotation).values.mean() > 0.9


def test_footage_without_annotation_is_refused_and_without_returns_is_not_asked(
    story: tuple[Clip, Path], tmp_path: Path
) -> None:
    clip, annotation = story
    with pytest.raises(KeepframeError, match="no annotation"):
        CharacterReturn().features(Evidence(clip))
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(KeepframeError, match="keepframe-annotation"):
        PlaceReturn().features(Evidence(clip, annotation=other))
    alone = json.loads(annotation.read_text())
    alone |= {"identities": [], "cuts": [], "shots": alone["shots"][:1]}
    other.write_text(json.dumps(alone))
    for metric in (CharacterReturn(), PlaceReturn()):
        with pytest.raises(DroppedOut, match=f"^{clip.path.stem}: .*comes back"):
            scored(metric, clip, other)
