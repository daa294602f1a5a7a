"""Numbered batches of latents: a stretch of history, and the frames of it (or after it) that are to be generated.

Most batches are cut out of the picture: reading a memory is learned as well on a third of the tokens, and a
third of the tokens is three times as many examples. Cuts lie on the grid of the memory's blocks, so that the
low-resolution latents can be cut alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bench.backbones.rate import Rate
from bench.backbones.text import to_bytes
from bench.errors import UsageError
from bench.training.latents import Segment

RUNS = {1: 0.3, 2: 0.4, 4: 0.3}
"""How many neighbouring latent frames are asked at a time, and how often."""


@dataclass(frozen=True)
class Plan:
    """How batches are drawn. Lengths are in latent frames, crops in tokens of the DiT (height, width)."""

    batch: int
    rates: tuple[Rate, ...]
    shortest: int = 4
    longest: int = 12  # of crops; whole pictures come with histories of up to twice that
    after: int = 0  # frames after the history that are to be generated; 0 asks for frames of the history
    crop: tuple[int, int] = (8, 12)
    whole: float = 0.05  # how often the whole picture is taken
    prompts: float = 0.5  # how often a prompt is given
    seed: int = 0


class Windows(Dataset[dict[str, Tensor]]):
    """Batch `i` is a function of the plan and `i` alone.

    `latents` is [batch, channel, time, height, width] (history, then the frames after it), `low` the low-resolution
    latents of the history's blocks, `rate` is (height, width, time), `query` the (first, end) of the frames to
    generate, `text` prompts as bytes.
    """

    def __init__(self, segments: Sequence[Segment], plan: Plan) -> None:
        self.segments = [segment for segment in segments if segment.latent_frames >= plan.shortest + plan.after]
        self.plan = plan
        if not self.segments:
            raise UsageError(
                f"No video is as long as {plan.shortest + plan.after} latent frames.",
                "Add longer videos: --footage FOLDER.",
            )
        self.lengths = np.array([segment.latent_frames for segment in self.segments])

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        plan = self.plan
        rng = np.random.default_rng((plan.seed, index))
        rate = plan.rates[rng.integers(len(plan.rates))]
        whole = rng.random() < plan.whole
        # short stretches more often: they cost less, and reading is the same
        longest = 2 * plan.longest if whole else plan.longest
        most = int(np.exp(rng.uniform(np.log(plan.shortest), np.log(longest))))
        length = max(plan.shortest, rate.time, most // rate.time * rate.time)
        fitting = np.flatnonzero(self.lengths >= length + plan.after)
        if not len(fitting):
            fitting = np.array([int(self.lengths.argmax())])
            length = (int(self.lengths.max()) - plan.after) // rate.time * rate.time
        batch = max(1, plan.batch // 4) if whole else plan.batch
        if plan.after:
            first, count = length, plan.after
        else:
            count = min(length, int(rng.choice(list(RUNS), p=list(RUNS.values()))))
            first = int(rng.integers(length - count + 1))
        weights = self.lengths[fitting] / self.lengths[fitting].sum()
        rows, prompts = [], []
        for _ in range(batch):
            segment = self.segments[int(rng.choice(fitting, p=weights))]
            start = int(rng.integers((segment.latent_frames - length - plan.after) // rate.time + 1)) * rate.time
            start *= int(rng.random() < 0.7)  # a history that begins with the video is what is met in use
            high = segment.latents(start, length + plan.after)
            low = segment.low(rate, start // rate.time, length // rate.time)
            rows.append((high, low) if whole else self._cut(rng, high, low, rate))
            prompts.append(segment.prompt(start + first) if rng.random() < plan.prompts else "")
        return {
            "latents": torch.stack([high for high, _ in rows]),
            "low": torch.stack([low for _, low in rows]),
            "rate": torch.tensor([rate.height, rate.width, rate.time]),
            "query": torch.tensor([first, first + count]),
            "text": to_bytes(prompts),
        }

    def _cut(self, rng: np.random.Generator, high: Tensor, low: Tensor, rate: Rate) -> tuple[Tensor, Tensor]:
        """The same part of both: `high` has 2x2 latents to a token, `low` 2x2 latents to a block."""
        tokens = high.shape[2] // 2, high.shape[3] // 2
        steps = rate.height, rate.width
        sides = [min(side, all_) // step * step for side, all_, step in zip(self.plan.crop, tokens, steps, strict=True)]
        top, left = (
            int(rng.integers((all_ - side) // step + 1)) * step
            for all_, side, step in zip(tokens, sides, steps, strict=True)
        )
        blocks = [(at // step, side // step) for at, side, step in zip((top, left), sides, steps, strict=True)]
        (row, rows), (column, columns) = blocks
        return (
            high[:, :, 2 * top : 2 * (top + sides[0]), 2 * left : 2 * (left + sides[1])],
            low[:, :, 2 * row : 2 * (row + rows), 2 * column : 2 * (column + columns)],
        )


class Alternating(Dataset[dict[str, Tensor]]):
    """Batches of several sets in turn."""

    def __init__(self, *sets: Dataset[dict[str, Tensor]]) -> None:
        self.sets = sets

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        number, which = divmod(index, len(self.sets))
        return self.sets[which][number]
