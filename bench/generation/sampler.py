"""From noise to latents: Euler steps along the velocity that the DiT predicts.

Noise belongs to a moment and not to a request: latent frame `j` starts from noise that depends on the seed and on
`j`, so asking for a moment again, or among others, starts at the same place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from bench.backbones.dit import MemoryCache, VideoDiT
from bench.backbones.tokens import MemoryTokens, TextTokens
from bench.errors import UsageError
from bench.memories.history_stream import seeded_noise

Latents = Float[Tensor, "1 channel time height width"]


@dataclass(frozen=True, eq=False)
class Sight:
    """What the DiT looks at while it generates: a prompt, a memory, and clean latents beside the noisy ones."""

    text: TextTokens
    memory: MemoryTokens | MemoryCache | None = None
    clean: Latents | None = None  # a sliding window
    clean_times: tuple[int, ...] = ()  # their indices in the video

    @torch.no_grad()
    def kept(self, dit: VideoDiT) -> "Sight":
        """The same, with the memory's keys and values computed, where the DiT lets its memory be kept."""
        if dit.isolated_memory and isinstance(self.memory, MemoryTokens):
            return replace(self, memory=dit.remember(self.memory, self.text))
        return self


@dataclass(frozen=True)
class Sampler:
    """`steps` Euler steps from noise to latents. `shift` above 1 spends more of them where there is much noise.

    Source: the shifted schedule of Stable Diffusion 3 (arXiv 2403.03206), `sigma' = s sigma / (1 + (s - 1) sigma)`.

    >>> [round(sigma, 2) for sigma in Sampler(steps=4, shift=3.0).sigmas]
    [1.0, 0.9, 0.75, 0.5, 0.0]
    """

    steps: int = 4
    shift: float = 3.0

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.shift > 0:
            raise UsageError(
                f"A sampler with steps = {self.steps}, shift = {self.shift} goes nowhere.",
                "Take at least 1 step and a shift above 0.",
            )

    @property
    def sigmas(self) -> list[float]:
        """Noise levels from 1 to 0, one more than there are steps."""
        even = [1 - step / self.steps for step in range(self.steps + 1)]
        return [self.shift * sigma / (1 + (self.shift - 1) * sigma) for sigma in even]

    @torch.no_grad()
    def sample(self, dit: VideoDiT, times: Sequence[int], size: tuple[int, int], sight: Sight, seed: int) -> Latents:
        """Latents of the frames with these indices; `size` is height and width in latents."""
        device = dit.first_layer.weight.device
        shape = (dit.shapes.latent_channels, *size)
        x = torch.stack([seeded_noise((seed, time), shape, device) for time in times], dim=1)[None]
        indices = torch.tensor([*sight.clean_times, *times], dtype=torch.float32, device=device)
        sight, kept = sight.kept(dit), len(sight.clean_times)
        level = torch.zeros(1, len(indices), device=device)
        for sigma, after in zip(self.sigmas, self.sigmas[1:], strict=False):
            level[:, kept:] = sigma
            shown = x if sight.clean is None else torch.cat([sight.clean, x], dim=2)
            velocity = dit(shown, level, indices, sight.text, sight.memory)[:, :, kept:]
            x = x + (after - sigma) * velocity
        return x
