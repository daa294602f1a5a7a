"""The scenario that is profiled: load, read a history, go on from it section by section.

It calls what a recorded run calls (bench/memories/history_stream.py, bench/generation/sampler.py, the VAE), in the
same order as bench/generation/rollout.py, with a meter around every stage. Pixels are noise from a fixed seed: cost
does not depend on what is shown, but for the size of the file that is written.

Each kind of work is done once cold, then again from the same state until it settles (`warming`), and only then
measured (`warm`): a rollout grows with every section, so its own drift must not be taken for a warm-up, nor hide one.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from bench.backbones.causal import Stream
from bench.backbones.tokens import MemoryTokens, joined
from bench.checkpoints.load import Reader
from bench.generation.sampler import Sampler, Sight
from bench.memories.history_stream import HistoryStream
from bench.types import Frames, Size
from bench.video.write import VideoWriter
from suites.cost.build import build
from suites.cost.profile import MOST_WARMING, PROMPT_BYTES, SECTION_LATENTS, Profile
from suites.cost.summary import settled

Phase = Literal["cold", "warming", "warm"]

LEAVES = (
    "load",
    "vae encode",
    "compress",
    "decoder start",
    "prefill",
    "denoise step",
    "vae decode",
    "memory update",
    "write",
)
"""The stages, in order. `section` and `first frame` span several of them."""


@runtime_checkable
class Meter(Protocol):
    """What measures stages. `phase` and `section` say which call of a stage it is."""

    phase: Phase
    section: int

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Measure what happens inside."""

    def last_ms(self, name: str) -> float:
        """Wall time of the last stage of that name."""


@dataclass
class Facts:
    """What the scenario found out beside the samples."""

    history_tokens: int = 0
    frames_per_section: int = 0
    settled: dict[str, bool] = field(default_factory=dict)  # by kind of work: whether the rule ended its warm-up


@dataclass
class _State:
    """A video being read and gone on from. A copy shares tensors, which streams replace and never change."""

    history: HistoryStream
    vae: Stream = field(default_factory=dict)
    decoder: Stream = field(default_factory=dict)
    tokens: list[MemoryTokens] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)  # only what goes into the DiT uncompressed

    def copy(self) -> "_State":
        """One that goes on by itself."""
        return _State(self.history.copy(), dict(self.vae), dict(self.decoder), list(self.tokens), list(self.latents))


def play(
    profile: Profile,
    meter: Meter,
    folder: Path,
    *,
    sections: int,
    most_warming: int = MOST_WARMING,
    counter: Meter | None = None,
) -> Facts:
    """Run the scenario once, with `sections` warm sections; the video is written into `folder`.

    With a `counter`, every stage is done once more afterwards, in its steady state, under that meter.

    Raises what torch raises where memory ends: `meter` knows in which stage.
    """
    torch.manual_seed(0)
    with torch.no_grad(), ExitStack() as stack:
        if profile.weights == "random" and profile.dtype == "bfloat16":
            stack.enter_context(torch.autocast(torch.device(profile.device).type, torch.bfloat16))
        meter.phase = "cold"
        with meter.stage("load"):
            reader = build(profile)
        player = _Player(profile, reader, meter, folder)
        stack.enter_context(player.steps_timed())
        return player.play(sections, most_warming, counter)


class _Player:
    def __init__(self, profile: Profile, reader: Reader, meter: Meter, folder: Path) -> None:
        self._profile, self._reader, self._meter, self._folder = profile, reader, meter, folder
        self._space = reader.backbone.space
        self._sampler = Sampler(profile.steps)
        self._text = reader.backbone.prompt("x" * PROMPT_BYTES)
        self._compressed = profile.memory_rate is not None
        self.facts = Facts()

    @contextmanager
    def steps_timed(self) -> Iterator[None]:
        """Every pass of the DiT is a stage, though the sampler has no place for a meter."""
        stages: list[AbstractContextManager[None]] = []

        def begin(*_: object) -> None:
            stages.append(self._meter.stage("denoise step"))
            stages[-1].__enter__()

        def end(*_: object) -> None:
            stages.pop().__exit__(None, None, None)

        dit = self._reader.dit
        hooks = [dit.register_forward_pre_hook(begin), dit.register_forward_hook(end)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def play(self, sections: int, most_warming: int, counter: Meter | None) -> Facts:
        state = _State(HistoryStream(self._reader))
        frames = _noise(self._profile.history_frames, self._space.size)
        cut = [frames[:13], *(frames[at : at + 16] for at in range(13, len(frames), 16))]
        self._warm_up("read", "vae encode", lambda: self._read(state.copy(), cut[0]), most_warming)
        for index, part in enumerate(cut):
            self._meter.section = index
            self._read(state, part)
        self.facts.history_tokens = self._tokens(state)
        assert state.history.recent is not None
        self._meter.phase, self._meter.section = "cold", 0
        with self._meter.stage("decoder start"):  # once per video: the causal decoder needs a past
            self._space.decode(state.history.recent, state.decoder)
        ended = state.copy() if counter is not None else None  # a memory pass has none: it would be counted
        size = self._space.size
        with VideoWriter(self._folder / "warming.mp4", float(self._space.fps), size) as writer:
            self._warm_up("go on", "section", lambda: self._go_on(state.copy(), writer, 0), most_warming)
        with VideoWriter(self._folder / "warm.mp4", float(self._space.fps), size) as writer:
            for index in range(sections):
                self._meter.section = index
                self._go_on(state, writer, index)
        if counter is not None and ended is not None:
            self._count(counter, ended)
        return self.facts

    def _count(self, counter: Meter, state: _State) -> None:
        """A section of history and the first one of rollout under another meter, once the measurement is over."""
        self._meter = counter
        size = self._space.size
        self._read(state.copy(), _noise(self._space.shapes.vae_stride[0] * SECTION_LATENTS, size))
        with VideoWriter(self._folder / "counted.mp4", float(self._space.fps), size) as writer:
            self._go_on(state, writer, 0)

    def _warm_up(self, kind: str, watched: str, once: Callable[[], None], most: int) -> None:
        """One cold call, then warming ones until the last times agree; afterwards the phase is `warm`."""
        self._meter.phase, self._meter.section = "cold", 0
        once()
        self._meter.phase = "warming"
        times: list[float] = []
        while len(times) < most and not settled(times):
            self._meter.section = len(times)
            once()
            times.append(self._meter.last_ms(watched))
        self.facts.settled[kind] = settled(times)
        self._meter.phase = "warm"

    def _read(self, state: _State, frames: Frames) -> None:
        """One section of history into the memory."""
        with self._meter.stage("vae encode"):
            pixels = self._space.to_pixels(frames)
            latents = self._space.encode(pixels, state.vae)
        self._remember(state, pixels, latents, "compress")

    def _remember(self, state: _State, pixels: Tensor, latents: Tensor, stage: str) -> None:
        with self._meter.stage(stage):
            state.tokens += state.history.append(pixels, latents)
        if not self._compressed:
            state.latents.append(latents)

    def _go_on(self, state: _State, writer: VideoWriter, seed: int) -> None:
        """One section of rollout: sample, decode, append to the memory, write."""
        meter, space = self._meter, self._space
        first = state.history.latents
        times = list(range(first, first + SECTION_LATENTS))
        with meter.stage("section"):
            with meter.stage("first frame"):
                sight = self._sight(state, first)
                if self._reader.dit.isolated_memory and self._compressed:
                    with meter.stage("prefill"):
                        sight = sight.kept(self._reader.dit)
                latents = self._sampler.sample(
                    self._reader.dit, times, space.shapes.latent_grid(space.size), sight, seed
                )
                with meter.stage("vae decode"):
                    frames = space.to_frames(space.decode(latents, state.decoder))
            self._remember(state, space.to_pixels(frames), latents, "memory update")
            with meter.stage("write"):
                writer.write(frames)
        self.facts.frames_per_section = len(frames)

    def _sight(self, state: _State, first: int) -> Sight:
        if not self._compressed:
            return Sight(self._text, None, torch.cat(state.latents, dim=2), tuple(range(first)))
        tokens = joined(state.tokens)
        return Sight(self._text, tokens if tokens.tokens.shape[1] else None)

    def _tokens(self, state: _State) -> int:
        if self._compressed:
            return sum(part.tokens.shape[1] for part in state.tokens)
        height, width = self._space.shapes.token_grid(self._space.size)
        return state.history.latents * height * width


def _noise(frames: int, size: Size) -> Frames:
    """Noise, a tile of it repeated: drawing whole frames would cost more than some stages."""
    tile = np.random.default_rng(0).integers(0, 256, (1, size.height, size.width, 3), np.uint8)
    return np.broadcast_to(tile, (frames, size.height, size.width, 3))
