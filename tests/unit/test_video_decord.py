"""decord works behind the same interface, and this is why it is not the default."""

import builtins
import sys

import numpy as np
import pytest
from unit.stamped_files import stamped

from bench.errors import UnavailableError, VideoError
from bench.types import Size
from bench.video.readers import reader
from bench.video.stamped import check_exactness, read_stamp


@pytest.fixture
def decord_reader():
    pytest.importorskip("decord")
    return reader("decord")


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_on_an_easy_film_it_shows_what_pyav_shows(decord_reader, fit) -> None:
    clip, wanted, size = stamped("h264-bframes"), [95, 3, 40, 40], Size(90, 90)
    theirs = decord_reader.read_frames(clip, wanted, size=size, fit=fit)
    ours = reader("pyav").read_frames(clip, wanted, size=size, fit=fit)
    assert np.abs(theirs.astype(int) - ours).mean() < 3
    streamed = np.concatenate(list(decord_reader.stream(clip, sorted(wanted), size=size, fit=fit, chunk=3)))
    assert np.array_equal(streamed, theirs[[1, 2, 3, 0]])


def test_it_is_silently_wrong_on_open_groups_and_the_check_says_so(decord_reader, tmp_path, record_property) -> None:
    [ours] = check_exactness(tmp_path, ["hevc-open-gop"])
    [theirs] = check_exactness(tmp_path, ["hevc-open-gop"], reader_name="decord")
    record_property("decord_wrong_of_looked_up", f"{theirs.wrong} of {theirs.looked_up}")
    assert ours.wrong == 0
    # Frames 20 to 23 stand before the keyframe 24 but are decoded after it: a seek to 24 cannot bring them.
    assert 0 < theirs.wrong < theirs.looked_up


def test_single_looks_are_off_without_an_error(decord_reader) -> None:
    clip = stamped("hevc-open-gop")
    seen = {i: read_stamp(decord_reader.read_frames(clip, [i])[0]) for i in (22, 46, 70)}
    assert any(shown != asked for asked, shown in seen.items())
    assert [read_stamp(reader().read_frames(clip, [i])[0]) for i in seen] == list(seen)


@pytest.mark.parametrize("kind", ["edit-list", "av1"])
def test_what_it_cannot_read_is_an_error_that_names_the_way_out(decord_reader, kind) -> None:
    with pytest.raises(VideoError, match=r"decord.*\n.*reader 'pyav'"):
        decord_reader.read_frames(stamped(kind), [0])


def test_without_decord_the_error_says_how_to_install_it(monkeypatch) -> None:
    genuine = builtins.__import__

    def without_decord(name: str, *rest, **more):
        if name == "decord":
            raise ImportError(name)
        return genuine(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "decord", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_decord)
    with pytest.raises(UnavailableError, match=r'pip install "keepframe\[decord\]"'):
        reader("decord").read_frames(stamped("h264-bframes"), [0])
