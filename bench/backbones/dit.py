"""The video DiT that reads a memory: a flow-matching transformer in which every group of tokens has a noise level.

Tokens of memory stand in the same sequence as the frames being generated, and self-attention is how they are read.
They are clean (sigma 0) and the frames are not, so the timestep acts per group: the memory is one group and each
latent frame is one. That also serves a sliding window: recent frames with sigma 0 beside noisy ones.
The blocks follow Wan 2.1: a modulation shared by all layers plus a learned table in each, cross-attention to text.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.attention import KeyValue, attend
from bench.backbones.config import Shapes
from bench.backbones.first_guess import FirstGuess
from bench.backbones.memory_attention import MemoryAttention
from bench.backbones.rope import Rotation, frame_coordinates, rotate, rotation
from bench.backbones.tokens import MemoryTokens, TextTokens
from bench.errors import UsageError

LEFT_BY_GUESS = 0.3
"""Spread of what a first guess leaves of latents whose spread is one, until it is measured (`VideoDiT.spreads`)."""


class Groups(NamedTuple):
    """Values per group of tokens, and which group each token is in."""

    values: Float[Tensor, "batch groups part width"]
    of_token: Int[Tensor, " tokens"]

    def part(self, index: int) -> Float[Tensor, "batch tokens width"]:
        """One of the parts, spread over the tokens."""
        return self.values[:, self.of_token, index]


class MemoryCache(NamedTuple):
    """What the layers made of a memory, for a DiT whose memory does not look at the frames: see `remember`."""

    layers: list[KeyValue]  # by layer: what frames find in the sequence
    readings: list[KeyValue]  # by layer: what they find by attention of its own; empty without it
    tokens: MemoryTokens  # what the first guess reads


class RMSNorm(nn.RMSNorm):
    """PyTorch's, which under autocast would leave its fast path: the gain is cast to what it multiplies."""

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        assert self.weight is not None
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class SelfAttention(nn.Module):
    """Attention over the whole sequence, with normalised queries and keys and rotary positions.

    With `rotate_values` the values are turned by their positions as the keys are, and what was read is turned back
    by the reader's (GTA, arXiv 2310.10375): a reader then knows from where, relative to itself, each thing was read.
    Without it, the tokens of a block cannot tell which part of the block's memory is theirs but by where they look.
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width, self.heads, self.rotate_values = shapes.width, shapes.heads, shapes.rotate_values
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_query, self.norm_key = RMSNorm(width, eps=1e-6), RMSNorm(width, eps=1e-6)

    def key_value(self, x: Float[Tensor, "batch tokens width"], positions: Rotation) -> KeyValue:
        """What others find in these tokens."""
        key = rotate(self.norm_key(self.key(x)).unflatten(-1, (self.heads, -1)), positions)
        value = self.value(x).unflatten(-1, (self.heads, -1))
        return KeyValue(key, rotate(value, positions) if self.rotate_values else value)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], positions: Rotation, seen: KeyValue
    ) -> Float[Tensor, "batch tokens width"]:
        query = rotate(self.norm_query(self.query(x)).unflatten(-1, (self.heads, -1)), positions)
        read = attend(query, seen.key, seen.value)
        if self.rotate_values:
            read = rotate(read.reshape(query.shape), positions.back).flatten(-2)
        y: Tensor = self.out(read)
        return y


class CrossAttention(nn.Module):
    """How tokens read the prompt."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_query, self.norm_key = RMSNorm(width, eps=1e-6), RMSNorm(width, eps=1e-6)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch words width"],
        kept: Bool[Tensor, "batch words"],
    ) -> Float[Tensor, "batch tokens width"]:
        key = self.norm_key(self.key(text)).unflatten(-1, (self.heads, -1))
        value = self.value(text).unflatten(-1, (self.heads, -1))
        y: Tensor = self.out(attend(self.queries(x), key, value, kept[:, None, None]))
        return y

    def queries(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens heads channel"]:
        """What each token looks for."""
        query: Tensor = self.norm_query(self.query(x)).unflatten(-1, (self.heads, -1))
        return query


class Block(nn.Module):
    """Self-attention, the prompt, an MLP. The noise level shifts, scales and gates the first and the last."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width = shapes.width
        self.modulation = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attention = SelfAttention(shapes)
        self.norm_text = nn.LayerNorm(width, eps=1e-6)
        self.read_text = CrossAttention(width, shapes.heads)
        self.read_memory: MemoryAttention | None = None  # see `VideoDiT.add_memory_attention`
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, shapes.mlp_width), nn.GELU(approximate="tanh"), nn.Linear(shapes.mlp_width, width)
        )

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        positions: Rotation,
        noise: Groups,
        text: TextTokens,
        memory: KeyValue | None = None,  # tokens that stand before `x` and are not in it
        reading: KeyValue | None = None,  # the memory, for attention of its own
    ) -> tuple[Float[Tensor, "batch tokens width"], KeyValue]:
        """The tokens after this layer, and what others find in them."""
        level = Groups(noise.values + self.modulation, noise.of_token)
        y: Tensor = self.norm1(x) * (1 + level.part(1)) + level.part(0)
        own = self.attention.key_value(y, positions)
        x = x + self.attention(y, positions, own if memory is None else memory.before(own)) * level.part(2)
        y = self.norm_text(x)
        read = self.read_text(y, text.tokens, text.kept)
        if self.read_memory is not None and reading is not None:
            read = read + self.read_memory(self.read_text.queries(y), positions, reading)
        x = x + read
        y = self.norm2(x) * (1 + level.part(4)) + level.part(3)
        y = self.mlp(y) * level.part(5)
        return x + y, own


class VideoDiT(nn.Module):
    """Predicts the velocity `noise - latents` of `x = (1 - sigma) * latents + sigma * noise`.

    Part of the answer is known without looking: the best linear guess from `x` alone. It is added at the end, and the
    layers predict what is left of it, scaled to a spread of one at every noise level, as in EDM (Karras et al. 2022,
    arXiv 2206.00364, table 1, for this path). So noise need not be carried through all layers to be taken away.
    A `FirstGuess` from the memory, where the shapes have one, is known too: it is shown to the layers, which predict
    what is left. `spreads` are those of each channel of the latents, and of what the guess leaves of it: channels
    differ by five, and by one spread for all, the noise in the weak ones would be taken for the picture.
    `first_layer` is the patchifier with its projection: the history encoder puts its low-resolution branch through it.
    With `isolated_memory` the memory's tokens look only at each other, not at the frames, and so are the same at every
    sampling step: `remember` computes them once. A DiT is trained one way or the other.

    >>> from bench.backbones.config import shapes
    >>> dit = VideoDiT(shapes("nano"))
    >>> text = TextTokens(torch.zeros(1, 1, 128), torch.ones(1, 1, dtype=torch.bool))
    >>> noisy = torch.zeros(1, 16, 2, 4, 6)
    >>> tuple(dit(noisy, torch.ones(1, 2), torch.tensor([0.0, 5.0]), text).shape)
    (1, 16, 2, 4, 6)
    """

    def __init__(self, shapes: Shapes, *, isolated_memory: bool = False) -> None:
        super().__init__()
        width = shapes.width
        self.shapes = shapes
        self.isolated_memory = isolated_memory
        self.first_layer = nn.Conv3d(shapes.latent_channels, width, shapes.patch, shapes.patch)
        self.first_guess = FirstGuess(shapes) if shapes.first_guess else None
        self.spreads: Tensor
        self.register_buffer("spreads", torch.tensor([1.0, LEFT_BY_GUESS])[:, None].repeat(1, shapes.latent_channels))
        self.text_in = nn.Sequential(
            nn.Linear(shapes.text_width, width), nn.GELU(approximate="tanh"), nn.Linear(width, width)
        )
        self.sigma_in = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.sigma_to_blocks = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList([Block(shapes) for _ in range(shapes.layers)])
        self.last_modulation = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.last_norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        rows, columns = shapes.patch[1:]
        self.last_layer = nn.Linear(width, shapes.latent_channels * rows * columns)

    def forward(
        self,
        noisy: Float[Tensor, "batch channel time height width"],  # height and width are even
        sigma: Float[Tensor, "batch time"],  # 0 is clean, 1 is noise
        times: Float[Tensor, " time"],  # index of each latent frame in the video: frames may be asked for in any order
        text: TextTokens,
        memory: MemoryTokens | MemoryCache | None = None,
    ) -> Float[Tensor, "batch channel time height width"]:
        rows, columns = self.shapes.patch[1:]
        if noisy.shape[3] % rows or noisy.shape[4] % columns:
            raise UsageError(
                f"The DiT cannot generate {noisy.shape[3]}x{noisy.shape[4]} latents: its patches are {rows}x{columns}.",
                "Take frames whose sides are multiples of 16 pixels.",
            )
        level_of = sigma[:, None, :, None, None].to(noisy.dtype)
        spread = (level_of.square() + (1 - level_of).square()).sqrt()  # of `noisy`, whose latents have a spread of one
        frames, height, width = noisy.shape[2], noisy.shape[3] // rows, noisy.shape[4] // columns
        x, coordinates, _ = self.patchify(noisy / spread, times)
        group = torch.arange(frames, device=x.device).repeat_interleave(height * width)
        if isinstance(memory, MemoryTokens) and self.isolated_memory:
            memory = self.remember(memory, text)
        guess, unknown = torch.zeros_like(noisy), self.unknown(memory, times)[..., None, None].to(noisy.dtype)
        if self.first_guess is not None and memory is not None and bool(self._guessed(memory, times).any()):
            guess = self.guess(memory, times, height, width)
            x = x + F.conv3d(guess, self.first_layer.weight, stride=self.shapes.patch).flatten(2).transpose(1, 2)
        if isinstance(memory, MemoryTokens):
            x = torch.cat([memory.tokens.to(x.dtype), x], dim=1)
            coordinates = torch.cat([memory.coordinates, coordinates])
            group = F.pad(group + 1, (len(memory.coordinates), 0))
            sigma = torch.cat([torch.zeros_like(sigma[:, :1]), sigma], dim=1)
            memory = MemoryCache([], self._readings(memory, x.dtype), memory)
        level = self.sigma_in(waves(sigma).to(x.dtype))
        x, _ = self._through_blocks(x, coordinates, self._noise(level, group), text, memory)
        shown = frames * height * width
        x = x[:, -shown:]  # the memory was read; it is not an output
        last = Groups(level[:, :, None] + self.last_modulation, group[-shown:])
        x = self.last_layer(self.last_norm(x) * (1 + last.part(1)) + last.part(0))
        left = self._unpatchify(x, frames, height, width)
        seen = (level_of.square() + ((1 - level_of) * unknown).square()).sqrt()  # spread of `noisy` without the guess
        known = (level_of - (1 - level_of) * unknown**2) / seen.square() * (noisy - (1 - level_of) * guess) - guess
        return known + left * unknown / seen

    def patchify(
        self, latents: Float[Tensor, "batch channel time height width"], times: Float[Tensor, " time"]
    ) -> MemoryTokens:
        """Latent frames as they are: the tokens of the first layer, and where they sit."""
        x = self.first_layer(latents)
        coordinates = frame_coordinates(times, *x.shape[3:])
        return MemoryTokens(x.flatten(2).transpose(1, 2), coordinates, torch.ones_like(coordinates[:, 0]))

    def guess(
        self, memory: MemoryTokens | MemoryCache, times: Float[Tensor, " time"], height: int, width: int
    ) -> Float[Tensor, "batch channel time height2 width2"]:
        """The first guess alone, of latents on a grid of `height` by `width` tokens.

        Raises ValueError for a DiT that has none.
        """
        if self.first_guess is None:
            raise ValueError("this DiT makes no first guess")
        told = _tokens(memory)
        told = told._replace(tokens=told.tokens.to(self.first_layer.weight.dtype))
        return self._unpatchify(self.first_guess(told, times, height, width), len(times), height, width)

    def unknown(
        self, memory: MemoryTokens | MemoryCache | None, times: Float[Tensor, " time"]
    ) -> Float[Tensor, "channel time"]:
        """Spread of what is to be found out about each frame: less of it where the first guess has a say."""
        return self.spreads[self._guessed(memory, times).long()].T

    def _guessed(
        self, memory: MemoryTokens | MemoryCache | None, times: Float[Tensor, " time"]
    ) -> Bool[Tensor, " time"]:
        if self.first_guess is None or memory is None:
            return torch.zeros_like(times, dtype=torch.bool)
        return _tokens(memory).covers(times).any(1)

    def remember(self, memory: MemoryTokens, text: TextTokens) -> MemoryCache:
        """What the layers make of a memory under a prompt: give it to `forward` in place of the tokens, at each step.

        Raises ValueError for a DiT whose memory looks at the frames: there it is another one at every step.
        """
        if not self.isolated_memory:
            raise ValueError("only the memory of a DiT with isolated_memory can be kept")
        dtype = self.first_layer.weight.dtype
        tokens = memory.tokens.to(dtype)
        clean = torch.zeros(len(tokens), 1, device=tokens.device)
        group = torch.zeros(tokens.shape[1], dtype=torch.long, device=tokens.device)
        noise = self._noise(self.sigma_in(waves(clean).to(dtype)), group)
        own = MemoryCache([], self._readings(memory, dtype), memory)
        _, layers = self._through_blocks(tokens, memory.coordinates, noise, text, own)
        return own._replace(layers=layers)

    def add_memory_attention(self) -> None:
        """Give every layer attention of its own to the memory (bench/backbones/memory_attention.py), untrained."""
        for block in self.blocks:
            assert isinstance(block, Block)
            block.read_memory = MemoryAttention(self.shapes.width, self.shapes.heads).to(self.first_layer.weight)

    def _through_blocks(
        self,
        x: Float[Tensor, "batch tokens width"],
        coordinates: Float[Tensor, "tokens 3"],
        noise: Groups,
        text: TextTokens,
        memory: MemoryCache | None,
    ) -> tuple[Float[Tensor, "batch tokens width"], list[KeyValue]]:
        """The tokens after all layers, and what others find in them at each."""
        positions = self._rotation(coordinates)
        prompt = TextTokens(self.text_in(text.tokens), text.kept)
        layers = []
        for index, block in enumerate(self.blocks):
            before = memory.layers[index] if memory and memory.layers else None
            reading = memory.readings[index] if memory and memory.readings else None
            x, own = block(x, positions, noise, prompt, before, reading)
            layers.append(own)
        return x, layers

    def _rotation(self, coordinates: Float[Tensor, "tokens 3"]) -> Rotation:
        shapes = self.shapes
        return rotation(coordinates, shapes.width // shapes.heads, shapes.rope_base, shapes.rope_fastest)

    def _noise(self, level: Float[Tensor, "batch groups width"], group: Int[Tensor, " tokens"]) -> Groups:
        return Groups(self.sigma_to_blocks(level).unflatten(-1, (6, -1)), group)

    def _readings(self, memory: MemoryTokens, dtype: torch.dtype) -> list[KeyValue]:
        places = self._rotation(memory.coordinates)
        readers = [block.read_memory for block in self.blocks if isinstance(block, Block)]
        return [reader.key_value(memory.tokens.to(dtype), places) for reader in readers if reader is not None]

    def _unpatchify(
        self, x: Float[Tensor, "batch tokens patch"], frames: int, height: int, width: int
    ) -> Float[Tensor, "batch channel time height2 width2"]:
        rows, columns = self.shapes.patch[1:]
        x = x.reshape(len(x), frames, height, width, rows, columns, -1)
        return x.permute(0, 6, 1, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)  # batch c t (h r) (w s)


def _tokens(memory: MemoryTokens | MemoryCache) -> MemoryTokens:
    return memory.tokens if isinstance(memory, MemoryCache) else memory


def waves(sigma: Float[Tensor, "batch groups"]) -> Float[Tensor, "batch groups 256"]:
    """A noise level as sines and cosines of 128 frequencies, after scaling [0, 1] to the usual 0 to 1000."""
    frequencies = 10000.0 ** -(torch.arange(128, dtype=torch.float32, device=sigma.device) / 128)
    angles = 1000.0 * sigma.float()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
