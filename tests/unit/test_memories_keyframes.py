"""Keyframes: exact where kept, never over budget, evenly spread, and bounded while streaming."""

import random

import numpy as np
import pytest

from bench.errors import KeepframeError, UsageError
from bench.memories.keyframes import KeyframeMemory, Keyframes
from bench.memories.spread import FEWEST, OVERSAMPLING, Budget, Candidates, most_that_fit
from bench.types import Size

FPS = 24.0


def numbered(frames: int, width: int = 32, height: int = 16) -> np.ndarray:
    """Frame i is noise around a level that names it, so every frame is unlike any other."""
    noise = np.random.default_rng(0).integers(0, 40, (frames, height, width, 3), dtype=np.uint8)
    return noise + (np.arange(frames) * 7 % 200).astype(np.uint8)[:, None, None, None]


def encoded(encoder: Keyframes, history: np.ndarray, fps: float = FPS) -> KeyframeMemory:
    encoder.begin(fps, Size(history.shape[2], history.shape[1]))
    for start in range(0, len(history), 5):
        encoder.write(history[start : start + 5])
    return encoder.finish()


def kept(memory: KeyframeMemory) -> list[int]:
    return [index for index, _ in memory.pictures]


def test_a_kept_frame_comes_back_exactly_and_others_as_the_nearest() -> None:
    history = numbered(96)
    memory = encoded(Keyframes(every_s=1.0, quality=100), history)
    assert memory.kept_s == (0.0, 1.0, 2.0, 3.0)
    asked = [0, 24, 72, 95, 12, 13, 35, 37]
    nearest = [0, 24, 72, 72, 0, 24, 24, 48]  # 12 is half-way: the earlier one
    assert (memory.recall([i / FPS for i in asked]) == history[nearest]).all()


def test_one_every_so_often_at_a_broken_rate() -> None:
    fps = 30000 / 1001
    memory = encoded(Keyframes(every_s=0.5), numbered(96), fps)
    assert kept(memory) == [0, 15, 29, 44, 59, 74, 89]  # floor((k / 2 + 0.0005) * fps)


def test_more_often_than_there_are_frames_keeps_every_frame() -> None:
    assert kept(encoded(Keyframes(every_s=0.01), numbered(30))) == list(range(30))


def test_one_a_second_when_nothing_is_said() -> None:
    assert encoded(Keyframes(), numbered(60)).kept_s == (0.0, 1.0, 2.0)


@pytest.mark.parametrize("frames", [1, 2, 3, 24, 95])
@pytest.mark.parametrize("budget", [1500, 4000, 20_000, 10_000_000])
def test_the_byte_budget_is_kept_and_used(frames: int, budget: int) -> None:
    memory = encoded(Keyframes(budget_bytes=budget), numbered(frames))
    size = len(memory.to_bytes())
    largest = max(len(picture) for _, picture in memory.pictures) + 8
    assert size <= budget
    assert len(memory.pictures) == frames or size + 1.2 * largest > budget


def test_a_budget_below_one_frame_lowers_the_quality_as_little_as_it_must() -> None:
    history = numbered(40, 64, 48)
    full = len(encoded(Keyframes(budget_bytes=10**6), history[:1]).to_bytes())
    memory = encoded(Keyframes(budget_bytes=full // 2), history)
    assert len(memory.pictures) == 1
    assert 0.85 * (full // 2) < len(memory.to_bytes()) <= full // 2
    assert 10 <= kept(memory)[0] < 30  # from the middle, where it is nearest to everything


def test_a_budget_that_holds_no_picture_at_all_is_an_error() -> None:
    with pytest.raises(KeepframeError, match="budget_bytes = 60 holds no frame of 32x16"):
        encoded(Keyframes(budget_bytes=60), numbered(10))


@pytest.mark.parametrize(("tokens", "frames"), [(2, 1), (7, 3), (20, 10), (10_000, 96)])
def test_the_token_budget_is_used_whole(tokens: int, frames: int) -> None:
    memory = encoded(Keyframes(budget_tokens=tokens), numbered(96))  # 32x16 pixels are 2 tokens
    assert len(memory.pictures) == frames
    assert memory.tokens == 2 * frames


def test_a_token_budget_below_one_frame_is_an_error() -> None:
    with pytest.raises(UsageError, match="which costs 1560"):
        Keyframes(budget_tokens=1559).begin(FPS, Size(832, 480))


@pytest.mark.parametrize("frames", [60, 61, 97, 128, 200])
@pytest.mark.parametrize("places", [1, 2, 5, 12])
def test_chosen_frames_are_evenly_spread(frames: int, places: int) -> None:
    memory = encoded(Keyframes(budget_tokens=2 * places), numbered(frames))
    gap = frames / places
    edges = np.array([-gap / 2, *kept(memory), frames - 1 + gap / 2])
    assert np.abs(np.diff(edges) - gap).max() <= 0.5 * gap + 1


def test_candidates_stay_few_however_long_the_history() -> None:
    draw = random.Random(0)
    candidates = Candidates(Budget(total_bytes=1000))
    for index in range(20_000):
        if candidates.wants(index):
            candidates.add(index, bytes(draw.randrange(50, 150)))
            held = sum(len(picture) for picture in candidates._pictures.values())
            assert held <= OVERSAMPLING * 1000
    assert 5 <= len(candidates.best(overhead=0)) <= 20


def test_a_few_candidates_stay_for_the_smallest_budget() -> None:
    candidates = Candidates(Budget(total_bytes=1))
    for index in range(1000):
        if candidates.wants(index):
            candidates.add(index, b"too much")
    assert candidates.best(overhead=0) == {}
    assert len(candidates._pictures) <= FEWEST
    assert 300 <= candidates.middle()[0] <= 700


def test_most_that_fit_counts_overhead() -> None:
    pictures = dict.fromkeys(range(10), b"1234")
    assert len(most_that_fit(pictures, Budget(total_bytes=48), overhead=8)) == 4
    assert len(most_that_fit(pictures, Budget(total_bytes=47), overhead=8)) == 3
    assert most_that_fit(pictures, Budget(), overhead=8) == pictures


def test_declared_moments_are_kept_exactly() -> None:
    history = numbered(96)
    asked = [0.3, 1.999, 2.5, 3.9]
    encoder = Keyframes(every_s=1.0, quality=100)
    encoder.declare(asked)
    memory = encoded(encoder, history)
    assert kept(memory) == [7, 47, 60, 93]
    assert (memory.recall(asked) == history[[7, 47, 60, 93]]).all()


def test_declaring_buys_no_more_frames() -> None:
    history = numbered(96)
    for encoder in (Keyframes(every_s=1.0), Keyframes(budget_tokens=8)):
        encoder.declare([i / FPS for i in range(96)])
        assert len(encoded(encoder, history).pictures) == 4
    plain = encoded(Keyframes(budget_bytes=5000), history)
    declared = Keyframes(budget_bytes=5000)
    declared.declare([i / FPS for i in range(0, 96, 2)])
    memory = encoded(declared, history)
    assert len(memory.to_bytes()) <= 5000
    assert abs(len(memory.pictures) - len(plain.pictures)) <= 1
    assert all(index % 2 == 0 for index in kept(memory))


def test_a_declaration_is_for_one_history() -> None:
    history = numbered(48)
    encoder = Keyframes(every_s=1.0)
    encoder.declare([0.5])
    assert kept(encoded(encoder, history)) == [12]
    assert kept(encoded(encoder, history)) == [0, 24]


def test_declaring_only_moments_outside_is_an_error() -> None:
    encoder = Keyframes(every_s=1.0)
    encoder.declare([9.0])
    with pytest.raises(KeepframeError, match="declared"):
        encoded(encoder, numbered(48))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UsageError, match="every_s and budget_bytes"):
        Keyframes(every_s=1.0, budget_bytes=10)
    with pytest.raises(UsageError, match=r"every_s = 0\.0"):
        Keyframes(every_s=0.0)
    with pytest.raises(UsageError, match="budget_tokens = -1"):
        Keyframes(budget_tokens=-1)
    with pytest.raises(UsageError, match="quality = 0"):
        Keyframes(quality=0)
