"""One pass: one decode whatever is asked, the same numbers however it is cut, nothing kept that is stale."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bench.errors import KeepframeError, UnavailableError, VideoError
from bench.types import Clip, Frames, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from suites.features import one_pass, pixels
from suites.features.cache import FeatureCache, address
from suites.features.differences import FrameDifferences
from suites.features.one_pass import extract
from suites.features.protocols import Arrays, Evidence, Feature, VideoMetric, View
from suites.features.sampling import middle
from suites.vbench.flickering import TemporalFlickering
from tests.unit.opencv_frames import opencv_frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clips")
    return probe(write_clip("high-motion", 1, folder, size=Size(128, 96), fps=8, seconds=5))


def half(frames: Frames) -> Frames:
    half.calls += 1  # type: ignore[attr-defined]
    return frames[:, ::2, ::2]


half.calls = 0  # type: ignore[attr-defined]


class Sums:
    """A feature of some frames: which ones came, and the sum of each."""

    version = "1"
    weights: tuple[str, ...] = ()

    def __init__(self, name: str, indices: Sequence[int], view: View | None = None, fails_at: int = -1) -> None:
        self.name = name
        self.indices = indices
        self.view = view
        self.fails_at = fails_at

    def frames(self, clip: Clip) -> Sequence[int]:
        return self.indices

    def begin(self, clip: Clip) -> Any:
        outer = self

        class Reading:
            def __init__(self) -> None:
                self.sums: list[int] = []

            def write(self, frames: Frames) -> None:
                if 0 <= outer.fails_at <= len(self.sums):
                    raise RuntimeError("boom")
                self.sums += [int(frame.sum(dtype=np.int64)) for frame in frames]

            def finish(self) -> Arrays:
                return {"sum": np.array(self.sums)}

        return Reading()


def truth(clip: Clip, indices: Sequence[int]) -> list[int]:
    return [int(frame.sum(dtype=np.int64)) for frame in opencv_frames(clip.path)[list(indices)]]


def test_one_decode_feeds_all_and_each_gets_the_frames_it_asked_for(
    clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[list[int]] = []
    original = pixels.stream

    def counted(clip: Clip, indices: Sequence[int], **options: Any) -> Any:
        streams.append(list(indices))
        for frames in original(clip, indices, **options):
            assert len(frames) <= one_pass.CHUNK  # memory does not grow with the clip
            yield frames

    monkeypatch.setattr(pixels, "stream", counted)
    asked = {"few": [3, 20, 39], "thirds": list(range(0, 40, 3)), "one": [20]}
    found = extract(clip, [Sums(name, indices) for name, indices in asked.items()])
    union = sorted({index for indices in asked.values() for index in indices})
    assert streams == [union]
    assert found.frames_decoded == len(union)
    for name, indices in asked.items():
        assert found.arrays[name]["sum"].tolist() == truth(clip, indices)


def test_a_view_is_computed_once_for_all_that_share_it(clip: Clip) -> None:
    half.calls = 0  # type: ignore[attr-defined]
    found = extract(clip, [Sums("a", range(0, 16, 2), half), Sums("b", range(0, 16, 4), half), Sums("c", range(16))])
    assert half.calls == 2  # type: ignore[attr-defined]  # two chunks of eight
    assert found.arrays["a"]["sum"][::2].tolist() == found.arrays["b"]["sum"].tolist()
    whole = opencv_frames(clip.path)[:16:2]
    assert found.arrays["a"]["sum"].tolist() == [int(f[::2, ::2].sum(dtype=np.int64)) for f in whole]


def test_a_feature_that_fails_costs_only_itself(clip: Clip) -> None:
    found = extract(
        clip,
        [Sums("good", [1, 2]), Sums("bad", range(20), fails_at=8), Sums("disordered", [2, 1]), Sums("far", [3, 3])],
    )
    assert set(found.arrays) == {"good"}
    assert str(found.failures["bad"]) == "boom"
    assert isinstance(found.failures["disordered"], KeepframeError)
    assert isinstance(found.failures["far"], KeepframeError)


def test_a_view_that_fails_costs_those_that_use_it(clip: Clip) -> None:
    def broken(frames: Frames) -> Frames:
        raise ValueError("no")

    found = extract(clip, [Sums("a", [1], broken), Sums("b", [1])])
    assert set(found.arrays) == {"b"} and set(found.failures) == {"a"}


def test_what_is_not_a_number_is_a_failure_and_is_not_kept(clip: Clip, tmp_path: Path) -> None:
    class Broken(Sums):
        def begin(self, clip: Clip) -> Any:
            reading = super().begin(clip)
            reading.finish = lambda: {"sum": np.array([1.0, np.nan])}
            return reading

    for _ in range(2):
        found = extract(clip, [Broken("nan", [0])], FeatureCache(tmp_path))
        assert re.search(r"not finite numbers\.\n  It must raise", str(found.failures["nan"]))  # it has no weights
    assert not list(tmp_path.rglob("*.npz"))


def test_the_cache_saves_the_decode_and_a_damaged_file_is_made_anew(clip: Clip, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    first = extract(clip, [FrameDifferences()], cache)
    again = extract(clip, [FrameDifferences()], cache)
    assert first.frames_decoded == clip.frames and again.frames_decoded == 0
    assert np.array_equal(first.arrays["frame_differences"]["mean"], again.arrays["frame_differences"]["mean"])
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    assert extract(clip, [FrameDifferences()], cache).frames_decoded == clip.frames


def test_the_address_holds_what_decides_the_numbers(clip: Clip) -> None:
    class Other(Sums):
        version = "2"

    class Weighty(Sums):
        weights = ("alexnet",)

    plain = address(clip, Sums("a", [0]))
    assert plain == address(clip, Sums("a", [0]))
    others = [Sums("b", [0]), Other("a", [0]), Weighty("a", [0])]
    assert len({plain, *(address(clip, one) for one in others)}) == 4


def test_a_broken_video_is_the_callers_to_handle(clip: Clip, tmp_path: Path) -> None:
    copy = tmp_path / "cut.mp4"
    copy.write_bytes(clip.path.read_bytes())
    short = probe(copy)
    copy.write_bytes(clip.path.read_bytes()[:-2000])
    with pytest.raises((VideoError, UnavailableError)):
        extract(short, [FrameDifferences()])


def test_flickering_is_vbenchs_formula(clip: Clip) -> None:
    metric = TemporalFlickering()
    features = metric.features(Evidence(clip))
    assert isinstance(metric, VideoMetric) and all(isinstance(f, Feature) for f in features)
    found = extract(clip, features)
    series = metric(Evidence(clip, found.arrays))
    frames = [frame.astype(np.float32) for frame in opencv_frames(clip.path)]
    published = [float(np.mean(cv2.absdiff(a, b))) for a, b in itertools.pairwise(frames)]
    expected = (255.0 - float(np.mean(published))) / 255.0
    assert series.values.mean() == pytest.approx(expected, rel=1e-7)
    assert len(series.values) == clip.frames - 1
    assert 0.5 < expected < 0.999  # it moves


def test_middle_frames_are_those_of_the_published_rule() -> None:
    assert middle(33, 8) == [1, 5, 9, 13, 17, 21, 25, 30]
    assert middle(8, 8) == list(range(8))
    assert middle(1, 3) == [0, 0, 0]
