"""One dataclass from which every shape of the reference system comes: VAE, DiT and history encoder.

The small instance that runs on a CPU and the paper's sizes differ in these numbers only, so the token counts
that the paper states can be computed, and the modules at its widths built, on any machine. No torch in here.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from bench.backbones.rate import Rate
from bench.errors import UsageError, did_you_mean
from bench.types import Size

GATE_WIDTH = 48
"""What φ's gate sums up of a place before it decides (`NoiseGate`)."""


@dataclass(frozen=True)
class Shapes:
    """Shapes of a backbone. Tuples are (time, height, width), as in tensors.

    >>> wan = shapes("wan-14b")
    >>> wan.tokens_per_s(Size(832, 480), Fraction(16), Rate.parse("4x4x2"))
    Fraction(195, 1)
    """

    name: str
    width: int  # of the DiT's hidden state, and so of a memory token
    heads: int
    layers: int
    mlp_width: int
    text_width: int
    vae_width: int  # channels of the VAE's first level; the next two have 2 and 4 times as many
    history_channels: tuple[int, int, int, int]  # of φ, whose file says its own: see `About.differences`
    latent_channels: int = 16
    vae_stride: tuple[int, int, int] = (4, 8, 8)
    patch: tuple[int, int, int] = (1, 2, 2)
    rope_base: float = 10000.0  # of the rotary positions: how much slower the slowest wave turns than the fastest
    rope_fastest: float = 1.0  # what the fastest wave turns by from one token to the next, in radians
    rotate_values: bool = False  # positions turn what is read too: see `SelfAttention`
    first_guess: int = 0  # width of a linear guess from the memory before all layers (`FirstGuess`); 0: there is none
    history_heads: int = 8
    history_window: int = 4  # frames of memory that the encoder's attention looks at, its own included
    history_gate: bool = False  # whether φ tells clean latents from noise by a gate (`NoiseGate`)

    def latent_frames(self, frames: int) -> int:
        """Latent frames that `frames` frames give: the first one alone, then one per full group of four."""
        return 1 + (frames - 1) // self.vae_stride[0] if frames > 0 else 0

    def latent_grid(self, size: Size) -> tuple[int, int]:
        """Height and width in latents. Raises `UsageError` for a size that the VAE's stride does not divide."""
        _, rows, columns = self.vae_stride
        if size.height % rows or size.width % columns or min(size) < 1:
            near = Size(max(columns, size.width // columns * columns), max(rows, size.height // rows * rows))
            raise UsageError(
                f"A VAE of stride {rows}x{columns} cannot encode frames of {size}.",
                f"Crop or scale them, for example to {near}.",
            )
        return size.height // rows, size.width // columns

    def token_grid(self, size: Size) -> tuple[int, int]:
        """Height and width in tokens of the DiT. An odd row or column of latents is dropped (floor)."""
        height, width = self.latent_grid(size)
        return height // self.patch[1], width // self.patch[2]

    def memory_grid(self, size: Size, rate: Rate) -> tuple[int, int]:
        """Height and width in tokens of memory (floor: 30x52 at 4x4 gives 7x13, as in the paper's figure 2).

        Raises `UsageError` for a rate that leaves no token.
        """
        height, width = self.token_grid(size)
        if height < rate.height or width < rate.width:
            raise UsageError(
                f"The rate {rate} leaves no token: frames of {size} are only {height}x{width} tokens (HxW).",
                "Take a lower rate or larger frames.",
            )
        return height // rate.height, width // rate.width

    def memory_tokens(self, size: Size, frames: int, rate: Rate) -> int:
        """Tokens in the memory of `frames` frames: whole blocks only. Raises `UsageError` where there is none.

        >>> shapes("hunyuan").memory_tokens(Size(832, 480), 480, Rate(4, 4, 2))  # 20 s at 24 fps: 7 x 13 x 60
        5460
        """
        height, width = self.memory_grid(size, rate)
        latent_frames = self.latent_frames(frames)
        if not (blocks := latent_frames // rate.time):
            raise UsageError(
                f"The rate {rate} leaves no token: {frames} frames are only {latent_frames} latent frames.",
                "Take a lower rate or a longer history.",
            )
        return blocks * height * width

    def tokens_per_s(self, size: Size, fps: Fraction, rate: Rate) -> Fraction:
        """The paper's CTX/s: what a second of video costs in tokens, before rounding down to whole blocks."""
        self.memory_grid(size, rate)
        height, width = self.token_grid(size)
        return fps / (self.vae_stride[0] * self.patch[0]) * height * width / rate.factor


_PAPER_HISTORY = (64, 128, 256, 512)
_SHAPES = {
    known.name: known
    for known in (
        # at 192x320 pixels: 12x20 tokens per latent frame, and 3x5 per pair of latent frames at 4x4x2.
        # Widths are what two CPU cores can train, and what 60 MB of weights hold with all variants of the encoder.
        # Its rotary base is small: of base 10000, half of the waves would not turn by a tenth within 20 tokens. Its
        # waves are faster: a memory token stands half a token beside those it covers, and at 1 radian a token the
        # turn of 0.5 that tells its four quarters apart would hardly show. φ's branch is as wide as a token: narrower
        # ones (128 to 184) leave the small video room, as in the paper, and recall less with it (docs/RESULTS.md).
        Shapes(
            *("nano", 192, 4, 4, 768, 128),
            vae_width=16,
            history_channels=(24, 48, 128, 192),
            rope_base=100.0,
            rope_fastest=math.pi,
            rotate_values=True,
            first_guess=1536,
            history_gate=True,
        ),
        Shapes("wan-14b", 5120, 40, 40, 13824, 4096, vae_width=96, history_channels=_PAPER_HISTORY),
        # the published model has 20 blocks of two streams and 40 of one, 12.8 billion parameters; our blocks are all
        # alike, so the DiT built from these shapes has 9.2 billion. Memory tokens depend on the width alone.
        Shapes("hunyuan", 3072, 24, 60, 12288, 4096, vae_width=128, history_channels=_PAPER_HISTORY),
    )
}


def shapes(name: str) -> Shapes:
    """The shapes called `nano`, `wan-14b` or `hunyuan`. Raises `UsageError` for another name."""
    if name not in _SHAPES:
        raise UsageError(f"There is no backbone called {name!r}.", did_you_mean(name, _SHAPES))
    return _SHAPES[name]
