"""Going on from a memory, section by section: sample, decode, append to the memory, encode only what is new.

Each section is two seconds at the backbone's rate. What it costs does not grow with the length of the video, but for
the tokens of memory that every section reads.
"""

from collections.abc import Iterator
from math import ceil

import numpy as np

from bench.backbones.causal import Stream
from bench.backbones.tokens import MemoryTokens, joined
from bench.errors import UsageError
from bench.generation.prompts import nearest
from bench.generation.sampler import Sampler, Sight
from bench.memories.context import Context
from bench.memories.resampling import Resampling, scaled_all
from bench.memories.sections import SECTION_LATENTS
from bench.types import Continue, Frames


class Rollout:
    """A video that goes on from a memory. `window` is how many of the last latents the DiT sees beside the tokens.

    A context without a past remembers nothing, neither the history nor what is generated.
    """

    def __init__(self, context: Context, sampler: Sampler, window: int) -> None:
        self.reader = context.reader
        self.tokens: MemoryTokens | None = context.tokens
        self._settled = _settled(context)
        self._sampler = sampler
        self._window = window
        self._past = None if context.past is None else context.past.copy()
        self._next = 0 if self._past is None else self._past.latents
        self._decoder: Stream = {}
        if self._past is not None and self._past.recent is not None:
            self.reader.backbone.space.decode(self._past.recent, self._decoder)  # only for what the decoder keeps

    def section(self, words: str, seed: int) -> Frames:
        """The next section by a prompt: frames of the backbone's size, 16 of them (13 if it is the very first)."""
        space = self.reader.backbone.space
        times = list(range(self._next, self._next + SECTION_LATENTS))
        latents = self._sampler.sample(
            self.reader.dit, times, space.shapes.latent_grid(space.size), self._sight(words), seed
        )
        frames: Frames = space.to_frames(space.decode(latents, self._decoder))
        self._next += SECTION_LATENTS
        if self._past is not None:
            new = self._past.append(space.to_pixels(frames), latents)
            self.tokens = self._settled = joined([*([self._settled] if self._settled else []), *new])
        return frames

    def _sight(self, words: str) -> Sight:
        text = self.reader.backbone.prompt(words)
        recent = None if self._past is None else self._past.recent
        if recent is None or not self._window:
            return Sight(text, self.tokens)
        recent = recent[:, :, -self._window :]
        return Sight(text, self.tokens, recent, tuple(range(self._next - recent.shape[2], self._next)))


def rollout(context: Context, request: Continue, sampler: Sampler, window: int, seed: int) -> Iterator[Frames]:
    """`request.seconds` of video after the history, section by section, at the history's rate and size.

    Times of the storyboard count from the end of the history. Each section takes the prompt nearest to its start.
    Where the history is faster than the backbone, frames are shown more than once, so that the two make one video.
    """
    space = context.reader.backbone.space
    resampling = Resampling(context.header.fps, float(space.fps))
    wanted = ceil(request.seconds * context.header.fps - 1e-6)
    going = Rollout(context, sampler, window)
    given = made = 0
    while given < wanted:
        section = going.section(nearest(request.storyboard, made / resampling.kept_fps), seed)
        made += len(section)
        shown: list[int] = []  # places in the section, of the frames on screen at the history's rate
        while (
            given + len(shown) < wanted
            and (place := int((given + len(shown)) * resampling.kept_fps / context.header.fps + 1e-6)) < made
        ):
            shown.append(place - made + len(section))
        given += len(shown)
        yield scaled_all(section[shown], context.header.size)


def check_continuable(context: Context, seconds: float) -> None:
    """Raises `UsageError` for a request that leaves nothing to generate, or a memory that cannot be gone on from."""
    if not (np.isfinite(seconds) and seconds > 0):
        raise UsageError(f"A rollout of {seconds} s is no video.", "Ask for more than 0 seconds.")
    if context.tokens is not None and context.past is None:
        raise UsageError(
            "This memory holds no state to go on from: it can only be asked for moments.",
            "Encode the history with continuable = true in the memory's args.",
        )


def _settled(context: Context) -> MemoryTokens | None:
    """The tokens that stay when the video goes on."""
    whole: MemoryTokens | None = context.tokens
    if whole is None or context.settled is None:
        return whole
    return whole.picked(context.settled)
