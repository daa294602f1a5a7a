"""The kit must let a sound encoder pass, and catch each fault by exactly the check that is about it."""

import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from bench.types import Size
from runners.contract import Check, check_encoder

STEP = 3


class SoundMemory:
    """Every third frame, raw. Written without anything of `bench.memories`, as a plug-in would be."""

    def __init__(self, fps: float, kept: list[np.ndarray], note: bytes = b"") -> None:
        self.fps, self.kept, self.note = fps, kept, note

    tokens: Any = None
    floats: Any = 12

    def to_bytes(self) -> Any:
        shape = np.array([self.fps, len(self.kept), *self.kept[0].shape[:2], len(self.note)], np.float64)
        return shape.tobytes() + self.note + np.stack(self.kept).tobytes()

    def recall(self, at_s: Any) -> Any:
        return np.stack([self.kept[min(int(t * self.fps + 1e-3) // STEP, len(self.kept) - 1)] for t in at_s])


class Sound:
    """A sound encoder; each fault below changes one thing in it."""

    memory: type[SoundMemory] = SoundMemory

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []
        self.seen = 0

    def begin(self, fps: float, size: Size) -> None:
        self.fps, self.size, self.kept, self.seen = fps, size, [], 0

    def write(self, frames: np.ndarray) -> None:
        for frame in frames:
            if self.seen % STEP == 0:
                self.kept.append(frame.copy())
            self.seen += 1

    def finish(self) -> Any:
        return self.memory(self.fps, self.kept)

    def from_bytes(self, data: bytes) -> Any:
        fps, count, height, width, note = np.frombuffer(data[:40], np.float64)
        start = 40 + int(note)
        kept = np.frombuffer(data[start:], np.uint8).reshape(int(count), int(height), int(width), 3)
        return self.memory(float(fps), list(kept), data[40:start])


class NoFinish(Sound):
    finish = None  # type: ignore[assignment]


class CrashesInWrite(Sound):
    def write(self, frames: np.ndarray) -> None:
        raise RuntimeError("the weights are for another size")


class ForgetsTokens(Sound):
    def finish(self) -> Any:
        return object()


class NotBytes(Sound):
    class memory(SoundMemory):
        def to_bytes(self) -> Any:
            return bytearray(super().to_bytes())


class TokensAreFloat(Sound):
    class memory(SoundMemory):
        tokens = 19.5


class TokensAreNumpy(Sound):
    class memory(SoundMemory):
        tokens = np.int64(19)


class NormalisesInPlace(Sound):
    def write(self, frames: np.ndarray) -> None:
        frames -= frames % 2
        super().write(frames)


class AddsNoise(Sound):
    noise = itertools.count()

    def finish(self) -> Any:
        return self.memory(self.fps, self.kept, bytes(8 * [next(self.noise) % 256]))  # each time, all bytes differ


class DependsOnChunks(Sound):
    def write(self, frames: np.ndarray) -> None:
        self.kept.append(frames[0].copy())


class KeepsViews(Sound):
    def write(self, frames: np.ndarray) -> None:
        for frame in frames:
            if self.seen % STEP == 0:
                self.kept.append(frame)
            self.seen += 1


class LooksAhead(Sound):
    def write(self, frames: np.ndarray) -> None:
        self.ahead = (frames if frames.base is None else frames.base)[-1].copy()
        super().write(frames)

    def finish(self) -> Any:
        return self.memory(self.fps, [*self.kept[:-1], self.ahead])


class NeverForgets(Sound):
    def begin(self, fps: float, size: Size) -> None:
        self.fps = fps

    def finish(self) -> Any:
        return self.memory(self.fps, list(self.kept))


class SharesItsBuffer(Sound):
    def begin(self, fps: float, size: Size) -> None:
        kept = self.kept
        kept.clear()
        super().begin(fps, size)
        self.kept = kept


class AnswersFloats(Sound):
    class memory(SoundMemory):
        def recall(self, at_s: Any) -> Any:
            return super().recall(at_s) / 255.0


class ChannelsFirst(Sound):
    class memory(SoundMemory):
        def recall(self, at_s: Any) -> Any:
            return super().recall(at_s).transpose(0, 3, 1, 2)


class ForgetsTheScale(Sound):
    class memory(SoundMemory):
        def recall(self, at_s: Any) -> Any:
            return np.round(super().recall(at_s) / 255.0).astype(np.uint8)


class SortsTheQuestions(Sound):
    class memory(SoundMemory):
        def recall(self, at_s: Any) -> Any:
            return super().recall(sorted(at_s))


class AnswersAtRandom(Sound):
    class memory(SoundMemory):
        def recall(self, at_s: Any) -> Any:
            answer = super().recall(at_s)
            return answer ^ np.random.default_rng().integers(0, 2, answer.shape, dtype=np.uint8)


class LosesInTransit(Sound):
    def from_bytes(self, data: bytes) -> Any:
        memory = super().from_bytes(data)
        memory.kept = [frame // 2 * 2 for frame in memory.kept]
        return memory


class LosesItsTokens(Sound):
    def from_bytes(self, data: bytes) -> Any:
        memory = super().from_bytes(data)
        memory.floats = None
        return memory


class Smuggles(Sound):
    """Pays for eight bytes, keeps the frames in the class."""

    stash: ClassVar[tuple[float, list[np.ndarray]]]

    class memory(SoundMemory):
        def to_bytes(self) -> Any:
            return b"8 bytes."

    def finish(self) -> Any:
        Smuggles.stash = (self.fps, self.kept)
        return super().finish()

    def from_bytes(self, data: bytes) -> Any:
        return self.memory(*Smuggles.stash)


class NeedsMultiplesOf16(Sound):
    def finish(self) -> Any:
        height, width = (side // 16 * 16 for side in self.kept[0].shape[:2])
        return self.memory(self.fps, [frame[:height, :width] for frame in self.kept])


class NeedsTwoFrames(Sound):
    def finish(self) -> Any:
        if self.seen < 2:
            raise ValueError("a section has at least two frames")
        return super().finish()


class CannotDeclare(Sound):
    def declare(self, at_s: Any) -> None:
        raise NotImplementedError


FAULTS: list[tuple[type[Sound], str, str]] = [
    (NoFinish, "protocol", "finish"),
    (CrashesInWrite, "encodes", "RuntimeError: the weights are for another size"),
    (ForgetsTokens, "encodes", "tokens, floats, to_bytes"),
    (NotBytes, "bytes", "bytearray"),
    (TokensAreFloat, "costs", "19.5"),
    (TokensAreNumpy, "costs", "int64"),
    (NormalisesInPlace, "untouched", "changed the frames"),
    (AddsNoise, "deterministic", "8 of"),
    (DependsOnChunks, "chunks", "chunks of 1"),
    (KeepsViews, "own copy", "overwrites"),
    (LooksAhead, "future", "not written yet"),
    (NeverForgets, "reuse", "begin()"),
    (SharesItsBuffer, "frozen", "another history"),
    (AnswersFloats, "frames", "float64"),
    (ChannelsFirst, "frames", "(5, 3, 48, 64)"),
    (ForgetsTheScale, "range", "up to 1"),
    (SortsTheQuestions, "order", "asked alone"),
    (AnswersAtRandom, "same answer", "asked twice"),
    (LosesInTransit, "round trip", "other frames"),
    (LosesItsTokens, "round trip", "None, 12"),
    (Smuggles, "no smuggling", "kept aside"),
    (NeedsMultiplesOf16, "odd size", "(5, 32, 64, 3)"),
    (NeedsTwoFrames, "one frame", "at least two frames"),
    (CannotDeclare, "declared", "NotImplementedError"),
]


def failures(make: Callable[[], Any]) -> list[Check]:
    return [check for check in check_encoder(make) if check.passed is False]


def test_a_sound_plug_in_passes_everything_that_applies() -> None:
    checks = check_encoder(Sound)
    assert {check.name for check in checks if check.passed is not True} == {"declared"}
    assert all(check.detail for check in checks)


@pytest.mark.parametrize(("broken", "name", "detail"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_each_fault_is_caught_by_its_own_check(broken: type[Sound], name: str, detail: str) -> None:
    caught = failures(broken)
    assert [check.name for check in caught] == [name]
    assert detail in caught[0].detail


def test_every_check_can_fail() -> None:
    names = {check.name for check in check_encoder(Sound)}
    assert names == {name for _, name, _ in FAULTS}


def test_what_builds_on_a_failed_check_is_not_asked() -> None:
    checks = {check.name: check for check in check_encoder(AddsNoise)}
    assert checks["chunks"].passed is None
    assert "'deterministic'" in checks["chunks"].detail


def test_a_crash_names_the_line() -> None:
    assert "test_contract_kit.py, line" in failures(CrashesInWrite)[0].detail


def test_a_constructor_that_crashes_is_a_failure_of_the_first_check() -> None:
    def make() -> Any:
        raise OSError("no weights")

    checks = check_encoder(make)
    assert (checks[0].name, checks[0].passed) == ("protocol", False)
    assert all(check.passed is None for check in checks[1:])


class Mute(Sound):
    """Needs a generator to be read."""

    class memory(SoundMemory):
        recall = None  # type: ignore[assignment]


class Reader:
    def generate(self, memory: Any, request: Any, *, seed: int) -> Any:
        for moment in request.at_s:
            yield SoundMemory.recall(memory, [moment])


def test_a_memory_that_needs_a_generator_is_read_through_it() -> None:
    without = {check.name: check.passed for check in check_encoder(Mute)}
    assert without["frames"] is None
    assert without["round trip"] is None
    assert without["chunks"] is True
    through = {check.name: check.passed for check in check_encoder(Mute, Reader())}
    assert through["frames"] is True
    assert through["no smuggling"] is True
    assert through["order"] is None  # promised by memories that answer by themselves
    assert False not in through.values()
