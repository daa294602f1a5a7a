"""What is written is what can be read: frames, times, colours; whole files or none."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UnavailableError, UsageError, VideoError
from bench.types import Frames, Size
from bench.video.clip import probe
from bench.video.read import stream
from bench.video.stamped import read_stamp, stamp
from bench.video.write import VideoWriter, decode_lossless, encode_lossless, write_video


def film(count: int, size: Size | None = None) -> Frames:
    size = size or Size(160, 96)
    return np.stack([stamp(k, size) for k in range(count)])


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "libx264"), (".mov", "libx265"), (".webm", "libvpx-vp9"), (".mkv", "libsvtav1"), (".mkv", "ffv1")],
)
def test_frames_and_times_come_back(suffix: str, codec: str, tmp_path: Path) -> None:
    frames = film(30)
    path = write_video(tmp_path / f"film{suffix}", [frames[:7], frames[7:]], Fraction(24000, 1001), codec=codec)
    clip = probe(path)
    assert (clip.fps, clip.frames, clip.size) == (Fraction(24000, 1001), 30, Size(160, 96))
    back = np.concatenate(list(stream(clip)))
    assert [read_stamp(frame) for frame in back] == list(range(30))
    assert np.abs(back.astype(int) - frames).mean() < (1e-9 if codec == "ffv1" else 3)


def test_colours_survive(tmp_path: Path) -> None:
    colours = np.array(
        [[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30], [250, 250, 250], [5, 5, 5]], np.uint8
    )
    frames = np.broadcast_to(colours[:, None, None], (6, 64, 64, 3))
    path = write_video(tmp_path / "colours.mp4", [frames], 1, crf=4)
    back = np.concatenate(list(stream(probe(path))))
    assert np.abs(back.astype(int) - frames).max() <= 3
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
        assert context.pix_fmt == "yuv420p"


def test_an_odd_size_keeps_its_size(tmp_path: Path) -> None:
    clip = probe(write_video(tmp_path / "odd.mp4", [film(3, Size(161, 97))], 24))
    assert clip.size == Size(161, 97)


def test_an_mp4_can_start_before_it_is_all_there(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.mp4", [film(4)], 24).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for suffix, codec in ((".mp4", "libx264"), (".mkv", "ffv1")):
        first, second = (write_video(tmp_path / f"{name}{suffix}", [film(24)], 24, codec=codec) for name in "ab")
        assert first.read_bytes() == second.read_bytes()
    assert encode_lossless(film(3)) == encode_lossless(film(3))


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with pytest.raises(RuntimeError, match="killed"), VideoWriter(path, 24, Size(160, 96)) as writer:
        writer.write(film(30))
        assert not path.exists()
        raise RuntimeError("killed")
    assert list(tmp_path.iterdir()) == []
    with VideoWriter(path, 24, Size(160, 96)) as writer:
        writer.write(film(30))
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", [film(3)], 24)
    with pytest.raises(UsageError), VideoWriter(path, 24, Size(160, 96)) as writer:
        writer.write(film(1, Size(32, 32)))
    assert probe(path).frames == 3


def test_wrong_use_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown video suffix\n.*\.mp4"):
        VideoWriter(tmp_path / "film.txt", 24, Size(160, 96))
    with pytest.raises(VideoError, match="no frame was written"), VideoWriter(tmp_path / "a.mp4", 24, Size(160, 96)):
        pass
    with pytest.raises(VideoError, match="no frame was written"):
        write_video(tmp_path / "a.mp4", [], 24)
    with pytest.raises(UnavailableError, match="libx264"):
        VideoWriter(tmp_path / "a.webm", 24, Size(160, 96), codec="libx264")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32))
def test_lossless_is_lossless(count: int, height: int, width: int, seed: int) -> None:
    frames = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)
    assert np.array_equal(decode_lossless(encode_lossless(frames)), frames)


def test_lossless_is_smaller_and_can_be_played(tmp_path: Path) -> None:
    frames = film(16, Size(416, 240))
    data = encode_lossless(frames, fps=4)
    assert len(data) < frames.nbytes / 3
    (tmp_path / "a.mkv").write_bytes(data)
    clip = probe(tmp_path / "a.mkv")
    assert (clip.fps, clip.frames) == (4, 16)
    assert np.array_equal(np.concatenate(list(stream(clip))), frames)


def test_one_flipped_bit_in_storage_is_never_silent() -> None:
    frames = film(4)
    data = encode_lossless(frames)
    rng = np.random.default_rng(0)
    noticed = 0
    for place, bit in zip(rng.integers(0, len(data), 40), rng.integers(0, 8, 40), strict=True):
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        try:
            assert np.array_equal(decode_lossless(bytes(changed)), frames)  # it hit nothing but padding
        except VideoError as error:
            assert "damaged" in error.what
            noticed += 1
    assert noticed > 30


@pytest.mark.parametrize("data", [encode_lossless(film(2))[:-300], b"", b"words"])
def test_what_is_no_storage_is_said(data: bytes) -> None:
    with pytest.raises(VideoError, match="damaged"):
        decode_lossless(data)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no scheduling policies")
def test_av1_does_not_make_us_run_before_all_others(tmp_path: Path) -> None:
    """SVT-AV1 under root makes the thread that opens it real-time, and what that starts inherits it."""
    with VideoWriter(tmp_path / "film.mp4", 24, Size(160, 96), codec="libsvtav1") as writer:
        writer.write(film(2))
        threads = [int(one.name) for one in Path("/proc/self/task").iterdir()]
        assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
