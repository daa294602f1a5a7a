"""Which moments are asked, and what is told about them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.types import Clip, Recall, Size
from suites.retrieval.scenery import Scenery
from suites.retrieval.suite import Retrieval


def clip(seconds: float, fps: int = 24, digest: str = "d") -> Clip:
    frames = round(seconds * fps)
    return Clip(Path("x.mp4"), digest, Fraction(fps), Size(64, 36), tuple(i / fps for i in range(frames)), seconds)


def moments(case_request: object) -> list[float]:
    assert isinstance(case_request, Recall)
    return list(case_request.at_s)


def test_one_moment_in_each_span_in_the_middle_of_a_frame() -> None:
    (case,) = Retrieval(moments=16).cases(clip(30.0), "x", 24.0)
    at_s = np.array(moments(case.request))
    assert case.history_s == 20.0
    assert (np.floor(at_s / (20.0 / 16)) == np.arange(16)).all()
    assert np.allclose((at_s * 24.0) % 1, 0.5)


def test_questions_follow_the_content_and_the_seed_not_the_name() -> None:
    def ask(digest: str = "d", name: str = "x", seed: int = 0) -> list[float]:
        return moments(Retrieval(seed=seed).cases(clip(20.0, digest=digest), name, 24.0)[0].request)

    assert ask() == ask(name="renamed")
    assert ask() != ask(digest="other")
    assert ask() != ask(seed=1)


def test_moments_are_spread_evenly_over_many_clips() -> None:
    at_s = [t for k in range(200) for t in moments(Retrieval().cases(clip(20.0, digest=str(k)), "x", 24.0)[0].request)]
    counts, _ = np.histogram(at_s, bins=10, range=(0, 20))
    assert counts.min() > 0.85 * 320
    assert counts.max() < 1.15 * 320


def test_a_clip_takes_part_in_the_horizons_it_is_long_enough_for() -> None:
    suite = Retrieval(horizons_s=[60.0, 20.0, 120.0])
    assert [case.id for case in suite.cases(clip(70.0), "x", 24.0)] == ["x @20s", "x @60s"]
    (short,) = suite.cases(clip(5.0), "x", 24.0)  # used whole at the shortest, since leaving it out would hide it
    assert (short.horizon_s, short.history_s, short.group) == (20.0, 5.0, "x")


def test_a_clip_shorter_than_the_moments_is_asked_each_frame_once() -> None:
    (case,) = Retrieval(moments=16).cases(clip(5 / 24), "x", 24.0)
    assert [int(t * 24) for t in moments(case.request)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("wrong", [{"moments": 0}, {"horizons_s": [0.0, 20.0]}])
def test_what_asks_nothing_is_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        Retrieval(**wrong)


def two_shots() -> np.ndarray:
    """Two seconds of noise that does not move, then two of other noise that does."""
    random = np.random.default_rng(0)
    frames = np.empty((96, 36, 64, 3), np.uint8)
    frames[:48] = random.integers(0, 80, (36, 64, 3))
    for i in range(48, 96):
        frames[i] = np.roll(random.integers(150, 255, (36, 64, 3)), i, axis=1)
    return frames


@pytest.mark.parametrize("cuts", [None, [48]])
def test_cuts_and_motion_around_a_moment(cuts: list[int] | None) -> None:
    scenery = Scenery(24.0, cuts)
    for start in range(0, 96, 7):
        scenery.write(two_shots()[start : start + 7])
    assert scenery.cuts == [0, 48]
    assert scenery.since_cut_s(47) is None  # no cut began the first shot
    assert scenery.since_cut_s(60) == pytest.approx(0.5)
    assert scenery.motion(20) == 0.0
    assert scenery.motion(80) > 5.0
