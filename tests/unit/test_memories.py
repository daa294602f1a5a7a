"""What each memory without training keeps, against plain numpy."""

from typing import Any

import numpy as np
import pytest

from bench.errors import KeepframeError, UsageError
from bench.generation.readout import ReadOut
from bench.memories.constant import ConstantColour
from bench.memories.header import HEADER_BYTES
from bench.memories.last_frame import LastFrame
from bench.memories.mean_frame import MeanFrame
from bench.memories.shuffled import SPANS, Shuffled, moved_spans
from bench.memories.thumbnails import Thumbnails
from bench.memories.withheld import Withheld
from bench.registry import BUILT_IN, resolve
from bench.types import Continue, Prompt, Recall, Size

FPS = 24.0


def moving(frames: int = 48, width: int = 96, height: int = 64) -> np.ndarray:
    """Waves that move, and a bright square on a path of its own."""
    y, x = np.mgrid[:height, :width]
    history = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        history[t] = 120 + 50 * np.sin((x[..., None] + y[..., None] * 0.5 + 2 * t) / np.array([9.0, 13.0, 17.0]))
        left, top = 3 * t % (width - 12), 2 * t % (height - 12)
        history[t, top : top + 12, left : left + 12] = (250, 210, 40)
    return history


def encoded(encoder: Any, history: np.ndarray, chunk: int = 7) -> Any:
    encoder.begin(FPS, Size(history.shape[2], history.shape[1]))
    for start in range(0, len(history), chunk):
        encoder.write(history[start : start + chunk])
    return encoder.finish()


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def half_up(values: np.ndarray) -> np.ndarray:
    return np.floor(values + 0.5).astype(np.uint8)


def test_the_constant_colour_is_the_mean_and_costs_three_bytes() -> None:
    history = moving()
    memory = encoded(ConstantColour(), history)
    expected = half_up(history.reshape(-1, 3).mean(axis=0, dtype=np.float64))
    assert (memory.recall([0.0, 1.9]) == expected).all()
    assert len(memory.to_bytes()) == HEADER_BYTES + 3


def test_the_mean_frame_is_the_mean_frame() -> None:
    history = moving()
    memory = encoded(MeanFrame(quality=100), history)
    expected = half_up(history.mean(axis=0, dtype=np.float64))
    assert (memory.recall([0.5])[0] == expected).all()
    assert memory.tokens == 6 * 4


def test_lower_quality_costs_less_and_loses_more() -> None:
    history = moving()
    lossless, good, poor = (encoded(LastFrame(quality=q), history) for q in (100, 90, 20))
    assert len(poor.to_bytes()) < len(good.to_bytes())
    assert (lossless.recall([0.0])[0] == history[-1]).all()
    assert psnr(poor.recall([0.0])[0], history[-1]) < psnr(good.recall([0.0])[0], history[-1])


def test_the_last_frame_says_when_it_was_shown() -> None:
    assert encoded(LastFrame(), moving(12)).kept_s == (11 / FPS,)


def test_thumbnails_keep_time_but_not_detail() -> None:
    history = moving()
    memory = encoded(Thumbnails(width=24, quality=100), history)
    recalled = memory.recall([i / FPS for i in range(48)])
    for t in range(48):  # the right frame every time: it is nearer to its own than to the one 4 later
        assert psnr(recalled[t], history[t]) > psnr(recalled[t], history[(t + 4) % 48])
    wider = encoded(Thumbnails(width=48, quality=100), history).recall([1.0])
    assert psnr(wider[0], history[24]) > psnr(recalled[24], history[24])


def test_thumbnails_as_wide_as_the_frame_are_the_frame() -> None:
    history = moving(5)
    memory = encoded(Thumbnails(width=500, quality=100), history)
    assert (memory.recall([i / FPS for i in range(5)]) == history).all()


def test_every_other_thumbnail_answers_for_its_neighbour() -> None:
    history = moving(9)
    recalled = encoded(Thumbnails(width=96, every=4, quality=100), history).recall([i / FPS for i in range(9)])
    assert [int(np.argmin([np.abs(frame - history.astype(int)).sum((1, 2, 3))])) for frame in recalled] == [
        0, 0, 4, 4, 4, 4, 8, 8, 8,
    ]  # fmt: skip


def test_thumbnails_fill_more_than_one_block() -> None:
    history = moving(150, 32, 16)
    memory = encoded(Thumbnails(width=32, quality=100), history)
    assert len(memory.blocks) == 3
    assert (memory.recall([149 / FPS, 0.0, 64 / FPS])[[1, 2, 0]] == history[[0, 64, 149]]).all()


@pytest.mark.parametrize("seed", range(50))
def test_no_span_answers_for_itself(seed: int) -> None:
    spans = moved_spans(seed)
    assert sorted(spans) == list(range(SPANS))
    assert all(place != span for place, span in enumerate(spans))


def test_another_seed_is_another_shuffle() -> None:
    assert len({tuple(moved_spans(seed)) for seed in range(20)}) == 20


def test_the_shuffle_moves_spans_and_keeps_the_place_in_them() -> None:
    history = moving(64, 32, 16)  # 4 frames a span
    args = {"every_s": 1 / FPS, "quality": 100}
    memory = encoded(Shuffled(of="keyframes", args=args, seed=3), history)
    recalled = memory.recall([(i + 0.5) / FPS for i in range(64)])
    expected = [moved_spans(3)[i // 4] * 4 + i % 4 for i in range(64)]
    assert (recalled == history[expected]).all()
    assert not any((recalled[i] == history[i]).all() for i in range(64))


def test_shuffled_has_the_same_memory_behind_its_header() -> None:
    history = moving(24)
    plain = encoded(resolve("memory", "keyframes")(every_s=0.25), history)
    shuffled = encoded(Shuffled(of="keyframes", args={"every_s": 0.25}), history)
    assert shuffled.to_bytes()[HEADER_BYTES:] == plain.to_bytes()
    assert shuffled.tokens == plain.tokens


def test_withheld_answers_mid_grey_and_keeps_only_the_header() -> None:
    memory = encoded(Withheld(of="keyframes"), moving(24))
    assert (memory.recall([0.0, 0.5]) == 128).all()
    assert (len(memory.to_bytes()), memory.tokens) == (HEADER_BYTES, 0)


def test_controls_refuse_what_they_cannot_build() -> None:
    with pytest.raises(UsageError, match="Did you mean 'keyframes'"):
        Shuffled(of="keyframe")
    with pytest.raises(UsageError, match="every_sec"):
        Withheld(of="keyframes", args={"every_sec": 1})


TRAINED = {"history", "latents"}  # need weights: test_memories_tiny_history.py asks the same of them
NAMES = sorted(
    name for name, target in BUILT_IN["memory"].items() if target.startswith("bench.memories.") and name not in TRAINED
)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_are_an_error_and_not_a_picture(name: str) -> None:
    make = resolve("memory", name)
    data = encoded(make(), moving(12)).to_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for wrong in (b"", b"K", data[:-1], data[: HEADER_BYTES - 1], data + b"x", bytes(flipped), b"\x00" * 200):
        with pytest.raises(KeepframeError):
            make().from_bytes(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_moments_outside_the_history_are_an_error(name: str) -> None:
    memory = encoded(resolve("memory", name)(), moving(12))
    assert memory.recall([0.0, 0.5]).shape == (2, 64, 96, 3)  # 0.5 s is the end: the last frame
    assert memory.recall([]).shape == (0, 64, 96, 3)
    for moment in (-0.1, 0.6, float("nan")):
        with pytest.raises(KeepframeError, match=r"history of 0\.5 s"):
            memory.recall([moment])


@pytest.mark.parametrize("name", NAMES)
def test_calls_out_of_order_are_an_error(name: str) -> None:
    encoder = resolve("memory", name)()
    with pytest.raises(KeepframeError, match="begin"):
        encoder.write(moving(1))
    with pytest.raises(KeepframeError, match="begin"):
        encoder.finish()
    encoder.begin(FPS, Size(96, 64))
    with pytest.raises(KeepframeError, match="no frames"):
        encoder.finish()


@pytest.mark.parametrize("name", NAMES)
def test_frames_of_another_size_are_an_error(name: str) -> None:
    encoder = resolve("memory", name)()
    encoder.begin(FPS, Size(64, 96))
    with pytest.raises(KeepframeError, match="64x96"):
        encoder.write(moving(1))


def test_a_history_needs_a_rate_and_a_size() -> None:
    for fps, size in [(0.0, Size(4, 4)), (float("nan"), Size(4, 4)), (24.0, Size(0, 4)), (24.0, Size(4, 20000))]:
        with pytest.raises(KeepframeError):
            ConstantColour().begin(fps, size)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_has_bounds(quality: int) -> None:
    for make in (MeanFrame, LastFrame, Thumbnails):
        with pytest.raises(UsageError, match="1 to 100"):
            make(quality=quality)


def test_thumbnails_need_a_width_and_a_step() -> None:
    with pytest.raises(UsageError, match="width = 0"):
        Thumbnails(width=0)
    with pytest.raises(UsageError, match="every = 0"):
        Thumbnails(every=0)


def test_the_read_out_hands_on_what_the_memory_answers() -> None:
    memory = encoded(LastFrame(), moving(12))
    (chunk,) = ReadOut().generate(memory, Recall((0.0, 0.25)), seed=0)
    assert (chunk == memory.recall([0.0, 0.25])).all()


def test_the_read_out_refuses_before_the_first_frame() -> None:
    memory = encoded(LastFrame(), moving(12))
    with pytest.raises(UsageError, match="cannot continue"):
        ReadOut().generate(memory, Continue((Prompt(0.0, "a dog"),), 2.0), seed=0)
    with pytest.raises(UsageError, match="no recall"):
        ReadOut().generate(Mute(), Recall((0.0,)), seed=0)


class Mute:
    tokens = None
    floats = None

    def to_bytes(self) -> bytes:
        return b""
