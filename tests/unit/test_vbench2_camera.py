"""VBench-2.0 by tracks and cuts: how a camera is read, against films whose truth is known."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.types import Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from suites.features.judge import judge
from suites.features.one_pass import extract
from suites.features.plugins import open_model
from suites.features.protocols import Evidence
from suites.vbench2.camera import moves, orbits
from suites.vbench2.matching import inliers
from suites.vbench2.tracks import CameraMotion, Cuts, views
from tests.unit.vbench2_video import SIZE, Tracker, filmed, tracks


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return filmed(tmp_path_factory.mktemp("v"))


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
