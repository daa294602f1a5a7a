"""Every way to reach a frame, in every kind of film that breaks readers: the stamp in the picture is the truth."""

import random
from dataclasses import replace

import numpy as np
import pytest
from unit.stamped_files import stamped

from bench.types import Frames, Size
from bench.video.decode import decode
from bench.video.picture import Picture
from bench.video.read import frame_at, grid, read_at, read_frames, stream
from bench.video.stamped import FRAMES, KINDS, QUICK, Exactness, check_exactness, read_stamp, shown_at, stamp
from bench.video.timeline import timeline

SMALL = Size(160, 120)
ALL = list(range(FRAMES))
UNEVEN = {"vfr"}
MILLISECONDS = {"vp9", "vp8", "odd-size", "start-offset-mkv", "ntsc-mkv"}

every_kind = pytest.mark.parametrize("kind", KINDS)


def stamps(frames: Frames) -> list[int]:
    return [read_stamp(frame) for frame in frames]


@every_kind
def test_clip_is_what_was_written(kind: str) -> None:
    clip = stamped(kind)
    recipe = KINDS[kind]
    assert clip.frames == FRAMES
    assert clip.size == (Size(*reversed(recipe.size)) if recipe.rotation % 180 else recipe.size)
    if kind not in UNEVEN:
        assert clip.fps == recipe.fps
        assert clip.duration_s == float(FRAMES / recipe.fps)
    assert clip.times_s[0] == 0.0
    rounding = 0.001 if kind in MILLISECONDS else 1e-9
    assert clip.times_s == pytest.approx([float(t) for t in shown_at(kind)], abs=rounding)


@every_kind
def test_stream_shows_every_frame_once(kind: str) -> None:
    chunks = list(stream(stamped(kind), size=SMALL, fit="stretch", chunk=7))
    assert [len(chunk) for chunk in chunks] == [7] * 13 + [5]
    assert stamps(np.concatenate(chunks)) == ALL


@every_kind
def test_scattered_numbers_show_what_was_asked(kind: str) -> None:
    clip = stamped(kind)
    random_order = random.Random(kind)
    for wanted in ([95], [0], [95, 0, 50, 50], random_order.choices(ALL, k=16)):
        assert stamps(read_frames(clip, wanted, size=SMALL, fit="stretch")) == wanted


@every_kind
def test_moments_show_the_frame_on_screen(kind: str) -> None:
    clip = stamped(kind)
    begins = [float(t) for t in shown_at(kind)]
    middles = [(a + b) / 2 for a, b in zip(begins, [*begins[1:], clip.duration_s], strict=True)]
    assert [frame_at(clip, at) for at in begins] == ALL
    assert [frame_at(clip, at) for at in middles] == ALL
    assert [frame_at(clip, at) for at in clip.times_s] == ALL
    asked = random.Random(kind).choices(ALL, k=8)
    assert stamps(read_at(clip, [middles[i] for i in asked], size=SMALL, fit="stretch")) == asked


@every_kind
def test_seeking_and_streaming_give_the_same_bytes(kind: str) -> None:
    clip = stamped(kind)
    wanted = [3, 23, 24, 25, 47, 60, 60, 94]
    size = Size(96, 54)  # another shape: cropped
    together = np.concatenate(list(stream(clip, wanted, size=size, chunk=3)))
    everything = np.concatenate(list(stream(clip, size=size)))
    assert np.array_equal(together, everything[wanted])
    assert np.array_equal(read_frames(clip, wanted, size=size), together)
    for index in (24, 60):
        assert np.array_equal(read_frames(clip, [index], size=size)[0], everything[index])


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - UNEVEN))
def test_the_grid_of_a_constant_rate_is_every_frame_once(kind: str) -> None:
    assert grid(stamped(kind)) == ALL


def test_the_grid_of_a_varying_rate_is_what_a_screen_would_show() -> None:
    clip = stamped("vfr")
    begins = shown_at("vfr")
    shown = [max(i for i, t in enumerate(begins) if t * 60 <= k) for k in range(int(60 * clip.duration_s))]
    assert grid(clip, 60) == shown
    assert len(set(shown)) == FRAMES
    assert len(grid(clip)) == FRAMES  # its mean rate


def test_the_grid_thins_out_and_ends_where_told() -> None:
    clip = stamped("h264-bframes")
    assert grid(clip, 4) == list(range(0, 96, 6))
    assert grid(clip, 4, until_s=1.0) == [0, 6, 12, 18]
    assert grid(clip, 48)[:5] == [0, 0, 1, 1, 2]
    assert grid(clip, until_s=1000) == ALL


@pytest.mark.parametrize("kind", ["h264-bframes", "h264-open-gop", "hevc-open-gop", "vp9"])
def test_an_index_that_lies_costs_time_but_no_exactness(kind: str) -> None:
    clip = stamped(kind)
    line = timeline(clip.path)
    wanted = [20, 46, 47, 70, 93]
    picture = Picture(SMALL, "stretch", line.rotation)
    out = np.empty((SMALL.height, SMALL.width, 3), np.uint8)
    for keyframes in (line.pts, (), line.pts[45:46], line.pts[90:]):
        seen = []
        for index, frame in decode(clip.path, replace(line, keyframes=keyframes), wanted):
            picture.into(frame, out)
            seen.append((index, read_stamp(out)))
        assert seen == [(i, i) for i in wanted]


def test_stamps_survive_scaling_and_noise_and_refuse_mixtures() -> None:
    rng = np.random.default_rng(0)
    for index in (0, 1, 95, 1234, 4095):
        picture = stamp(index, Size(321, 241))
        noisy = np.clip(picture + rng.normal(0, 25, picture.shape), 0, 255).astype(np.uint8)
        assert read_stamp(noisy) == index
        assert read_stamp(noisy[::4, ::4]) == index
    half = stamp(7, SMALL)
    half[60:] = stamp(4088, SMALL)[60:]
    assert read_stamp(half) == -1


def test_the_check_that_doctor_runs_finds_nothing_wrong(tmp_path) -> None:
    assert check_exactness(tmp_path, QUICK[:2]) == [Exactness(kind, 216, 0) for kind in QUICK[:2]]
