"""The contract kit: what a memory encoder must do before its numbers mean anything.

Each check makes one promise of `bench.protocols` concrete on small synthetic histories, so a plug-in can be tried
in seconds and without a video. A check that cannot be asked, because another one it builds on fails, is reported
as not checked: one fault gives one failure. A crash is the failure of the check that met it.

What it cannot see: an encoder that stores histories in a table of the process (or on disk) under a digest of its
bytes. Runs find that out, because there the bytes may be read in another process.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.protocols import DeclarableEncoder, MemoryEncoder, VideoGenerator
from bench.types import Size
from runners.trial import ASKED_S, CHUNK, FPS, FRAMES, ODD_SIZES, SIZE, Trial, synthetic_history


@dataclass(frozen=True)
class Check:
    """One promise. `passed` is None where it does not apply or could not be asked; `detail` says what was seen."""

    name: str
    passed: bool | None
    detail: str


class _Broken(Exception):
    """The promise is not kept."""


class _NotAsked(Exception):
    """The promise does not apply to this encoder."""


def check_encoder(make: Callable[[], MemoryEncoder], generator: VideoGenerator | None = None) -> list[Check]:
    """Every check on the encoders that `make` builds, each call a fresh one with the same arguments.

    A memory without `recall` is read through `generator`; without one the checks that need frames are not asked.

    >>> from bench.memories.constant import ConstantColour
    >>> {check.passed for check in check_encoder(ConstantColour) if check.name != "declared"}
    {True}
    """
    trial = Trial(make, generator)
    checks: dict[str, Check] = {}
    for name, needs, ask in CHECKS:
        missing = [need for need in needs if checks[need].passed is not True]
        if missing:
            checks[name] = Check(name, None, f"not checked: it builds on {missing[0]!r}")
            continue
        try:
            checks[name] = Check(name, True, ask(trial))
        except _NotAsked as reason:
            checks[name] = Check(name, None, str(reason))
        except _Broken as fault:
            checks[name] = Check(name, False, str(fault))
        except Exception as error:  # whatever a plug-in raises is its own failure, never the kit's
            checks[name] = Check(name, False, _described(error))
    return list(checks.values())


def _protocol(trial: Trial) -> str:
    encoder = trial.make()
    missing = [
        name for name in ("begin", "write", "finish", "from_bytes") if not callable(getattr(encoder, name, None))
    ]
    if missing:
        raise _Broken(f"{type(encoder).__name__} has no method {', '.join(missing)}")
    return "begin, write, finish and from_bytes are there"


def _encodes(trial: Trial) -> str:
    memory = trial.encode()
    missing = [name for name in ("tokens", "floats", "to_bytes") if name not in dir(memory)]
    if missing:
        raise _Broken(f"the memory ({type(memory).__name__}) has no {', '.join(missing)}")
    return f"{FRAMES} frames of {SIZE} became a memory, {type(memory).__name__}"


def _bytes(trial: Trial) -> str:
    memory = trial.encode()
    data = memory.to_bytes()
    if type(data) is not bytes:
        raise _Broken(f"to_bytes() gives {type(data).__name__}, not bytes")
    if memory.to_bytes() != data:
        raise _Broken("to_bytes() gives other bytes when called a second time")
    return f"{len(data)} bytes"


def _costs(trial: Trial) -> str:
    memory = trial.encode()
    for name, value in {"tokens": memory.tokens, "floats": memory.floats}.items():
        if value is not None and (type(value) is not int or value < 0):
            raise _Broken(f"{name} is {value!r} ({type(value).__name__}); it must be an int from 0 up, or None")
    return f"tokens {memory.tokens}, floats {memory.floats}"


def _frames(trial: Trial) -> str:
    memory = trial.encode()
    if trial.generator is None and not callable(getattr(memory, "recall", None)):
        raise _NotAsked("the memory has no recall(at_s): name the generator that reads it")
    return _shape(trial.recall(memory), len(ASKED_S), SIZE)


def _range(trial: Trial) -> str:
    recalled = trial.recall(trial.encode())
    if recalled.max() <= 1:
        raise _Broken(f"a bright history came back with values up to {recalled.max()}: frames are 0 to 255, not 0 to 1")
    return f"values from {recalled.min()} to {recalled.max()}"


def _order(trial: Trial) -> str:
    memory = trial.encode()
    if not callable(getattr(memory, "recall", None)):
        raise _NotAsked("only a memory that answers by itself promises this")
    together = trial.recall(memory)
    for place, moment in enumerate(ASKED_S):
        if not np.array_equal(trial.recall(memory, (moment,))[0], together[place]):
            raise _Broken(f"{moment} s asked alone differs from {moment} s asked as number {place + 1} of {ASKED_S}")
    return "each moment gets the same answer alone, among others and twice"


def _deterministic(trial: Trial) -> str:
    if (again := trial.encode().to_bytes()) != trial.data:
        raise _Broken(f"the same history twice gives other bytes ({_difference(trial.data, again)})")
    return "the same history twice gives the same bytes"


def _same_answer(trial: Trial) -> str:
    memory = trial.encode()
    if not np.array_equal(trial.recall(memory), trial.recall(memory)):
        raise _Broken("the same moments asked twice (with the same seed) come back different")
    return "the same question twice gets the same answer"


def _chunks(trial: Trial) -> str:
    for chunk in (1, 7, FRAMES):
        if (data := trial.encode(chunk=chunk).to_bytes()) != trial.data:
            raise _Broken(f"chunks of {chunk} and of {CHUNK} frames give other bytes ({_difference(trial.data, data)})")
    return f"chunks of 1, {CHUNK}, 7 and {FRAMES} frames give the same bytes"


def _future(trial: Trial) -> str:
    longer = np.concatenate([trial.history, trial.other])
    encoder = trial.make()
    encoder.begin(FPS, SIZE)
    for start in range(0, FRAMES, CHUNK):
        encoder.write(longer[start : start + CHUNK])  # a view: the frames that follow lie behind it in memory
    if encoder.finish().to_bytes() != trial.data:
        raise _Broken("the memory changes with frames that were not written yet (it reads beyond its chunk)")
    return "later frames in the same buffer change nothing"


def _own_copy(trial: Trial) -> str:
    buffer = np.empty_like(trial.history[:CHUNK])
    encoder = trial.make()
    encoder.begin(FPS, SIZE)
    for start in range(0, FRAMES, CHUNK):
        buffer[:] = trial.history[start : start + CHUNK]
        encoder.write(buffer)
        buffer[:] = 0
    if encoder.finish().to_bytes() != trial.data:
        raise _Broken("the memory changes when the caller overwrites a chunk after write(): copy what is kept")
    return "a chunk may be overwritten once write() returns"


def _untouched(trial: Trial) -> str:
    frames = trial.history.copy()
    encoder = trial.make()
    encoder.begin(FPS, SIZE)
    encoder.write(frames)
    encoder.finish()
    if not np.array_equal(frames, trial.history):
        raise _Broken("write() changed the frames it was given")
    return "the frames written are left as they were"


def _round_trip(trial: Trial) -> str:
    memory = trial.encode()
    again = trial.make().from_bytes(memory.to_bytes())
    if not np.array_equal(trial.recall(memory), trial.recall(again)):
        raise _Broken("from_bytes(to_bytes()) recalls other frames than the memory itself")
    if (memory.tokens, memory.floats) != (again.tokens, again.floats):
        raise _Broken(
            f"tokens, floats were {memory.tokens}, {memory.floats} and came back as {again.tokens}, {again.floats}"
        )
    return "the bytes alone recall the same frames"


def _no_smuggling(trial: Trial) -> str:
    data = trial.encode().to_bytes()
    before = trial.recall(trial.make().from_bytes(data))
    other = trial.encode(trial.other)
    if not np.array_equal(before, trial.recall(trial.make().from_bytes(data))):
        raise _Broken("the same bytes recall other frames after another history was encoded: something is kept aside")
    if other.to_bytes() == data and not np.array_equal(before, trial.recall(other)):
        raise _Broken("two histories give the same bytes and other frames: something is kept outside the bytes")
    return "the bytes recall the same frames after another history was encoded"


def _reuse(trial: Trial) -> str:
    encoder = trial.make()
    trial.encode(encoder=encoder)
    if trial.encode(trial.other, encoder=encoder).to_bytes() != trial.encode(trial.other).to_bytes():
        raise _Broken("an encoder that begins again gives other bytes than a fresh one: begin() must forget everything")
    return "an encoder that begins again gives the bytes of a fresh one"


def _frozen(trial: Trial) -> str:
    encoder = trial.make()
    memory = trial.encode(encoder=encoder)
    data = memory.to_bytes()
    trial.encode(trial.other, encoder=encoder)
    if memory.to_bytes() != data:
        raise _Broken("a finished memory changes when its encoder goes on to another history")
    return "a finished memory stays as it is"


def _odd_size(trial: Trial) -> str:
    for size in ODD_SIZES:
        _shape(trial.recall(trial.encode(synthetic_history(FRAMES, size))), len(ASKED_S), size)
    return f"{' and '.join(map(str, ODD_SIZES))} come back in their size"


def _one_frame(trial: Trial) -> str:
    return _shape(trial.recall(trial.encode(trial.history[:1]), (0.0,)), 1, SIZE)


def _declared(trial: Trial) -> str:
    encoder = trial.make()
    if not isinstance(encoder, DeclarableEncoder):
        raise _NotAsked("the encoder has no declare(at_s), so it is measured undeclared only")
    encoder.declare(ASKED_S)
    return _shape(trial.recall(trial.encode(encoder=encoder)), len(ASKED_S), SIZE)


# name, the checks it builds on, the check; a check comes after those it builds on
CHECKS: tuple[tuple[str, tuple[str, ...], Callable[[Trial], str]], ...] = (
    ("protocol", (), _protocol),
    ("encodes", ("protocol",), _encodes),
    ("bytes", ("encodes",), _bytes),
    ("costs", ("encodes",), _costs),
    ("untouched", ("encodes",), _untouched),
    ("deterministic", ("bytes",), _deterministic),
    ("chunks", ("deterministic",), _chunks),
    ("own copy", ("deterministic",), _own_copy),
    ("future", ("deterministic",), _future),
    ("reuse", ("deterministic",), _reuse),
    ("frozen", ("bytes",), _frozen),
    ("frames", ("encodes",), _frames),
    ("range", ("frames",), _range),
    ("same answer", ("frames",), _same_answer),
    ("order", ("same answer",), _order),
    ("round trip", ("bytes", "same answer"), _round_trip),
    ("no smuggling", ("round trip",), _no_smuggling),
    ("odd size", ("frames",), _odd_size),
    ("one frame", ("frames",), _one_frame),
    ("declared", ("frames",), _declared),
)


def _shape(recalled: Any, count: int, size: Size) -> str:
    expected = (count, size.height, size.width, 3)
    if not isinstance(recalled, np.ndarray):
        raise _Broken(f"recall gives {type(recalled).__name__}, not a numpy array")
    if recalled.dtype != np.uint8 or recalled.shape != expected:
        raise _Broken(f"recall gives {recalled.dtype} {recalled.shape}, not uint8 {expected}")
    return f"uint8 {expected}"


def _difference(a: bytes, b: bytes) -> str:
    if len(a) != len(b):
        return f"{len(a)} and {len(b)} long"
    return f"{sum(x != y for x, y in zip(a, b, strict=True))} of {len(a)} differ"


def _described(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(str(error).split())
    return f"{type(error).__name__}: {what} ({Path(place.filename).name}, line {place.lineno})"
