"""φ at work: a video goes in section by section, tokens come out, and what the next section needs is kept.

A history being read and a rollout being generated are encoded by the same lines, so appending to a memory is what
encoding the longer video would have been. What is kept between sections can be written down, for a memory that is to
be continued from its bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.causal import Stream
from bench.backbones.tokens import MemoryTokens
from bench.checkpoints.load import Reader
from bench.memories.history_low import low_video

RECENT = 3  # latents kept for a sliding window and to begin decoding (the paper's window: 3 latents, 0.75 s)


@dataclass(frozen=True)
class Mask:
    """The paper's noise-as-mask: every latent is mixed with noise, but for the ones that will be asked for.

    `sigma` is the level, as in `(1 - sigma) * latent + sigma * noise`. A low-resolution latent stays clean when its
    block holds an asked one. Noise depends on the latent's index alone.
    """

    asked: frozenset[int]  # indices of latents
    sigma: float

    def apply(self, latents: Tensor, first: int, step: int, branch: int) -> Tensor:
        """Noise on `latents`, of which the first has index `first` and each stands for `step` latents of the video."""
        out = latents.clone()
        for place in range(latents.shape[2]):
            index = first + place
            if self.asked.isdisjoint(range(index * step, (index + 1) * step)):
                noise = seeded_noise((branch, index), latents[:, :, place].shape, latents.device)
                out[:, :, place] = (1 - self.sigma) * latents[:, :, place] + self.sigma * noise
        return out


def seeded_noise(seed: tuple[int, ...], shape: torch.Size | tuple[int, ...], device: torch.device) -> Tensor:
    """Normal noise that depends on `seed` and `shape` only.

    >>> seeded_noise((1, 2), (2,), torch.device("cpu")).equal(seeded_noise((1, 2), (2,), torch.device("cpu")))
    True
    """
    from bench.digest import key

    generator = torch.Generator().manual_seed(int(key("noise", seed=list(seed))[:15], 16))
    return torch.randn(shape, generator=generator).to(device)


class HistoryStream:
    """Encodes a video that goes on. `latents` and `frames` count what went in."""

    def __init__(self, reader: Reader, mask: Mask | None = None) -> None:
        self.reader = reader
        self.frames = 0
        self.latents = 0
        self.recent: Tensor | None = None  # the last latents, normalised: [1, channel, up to 3, height, width]
        self._mask = mask
        self._blocks = [0] * len(reader.encoders)  # low-resolution latents so far, by encoder
        self._encoder: Stream = {}
        self._low: list[Stream] = [{} for _ in reader.encoders]

    @torch.no_grad()
    def append(
        self,
        pixels: Float[Tensor, "1 3 time height width"],  # of the backbone's size
        latents: Float[Tensor, "1 channel time2 height2 width2"],  # the same frames, normalised
    ) -> list[MemoryTokens]:
        """The tokens that are new, of each encoder."""
        recent = latents if self.recent is None else torch.cat([self.recent, latents], dim=2)
        high = latents if self._mask is None else self._mask.apply(latents, self.latents, 1, branch=0)
        tokens = []
        for index, encoder in enumerate(self.reader.encoders):
            low = self._small(index, pixels) if encoder.reads_low else high
            tokens.append(encoder(high, low, self.reader.dit.first_layer, self._encoder))
        self.frames += pixels.shape[2]
        self.latents += latents.shape[2]
        self.recent = recent[:, :, -RECENT:].clone()
        return tokens

    def ends_at(self, last: int) -> None:
        """The video ends with latent `last`, so what was asked for after it is answered by that one."""
        if self._mask is not None:
            asked = frozenset(min(index, last) for index in self._mask.asked)
            self._mask = replace(self._mask, asked=asked)

    def _small(self, index: int, pixels: Tensor) -> Tensor:
        encoder, space = self.reader.encoders[index], self.reader.backbone.space
        low = low_video(pixels, self.frames, encoder.shapes, encoder.rate)
        latents = space.encode(low, self._low[index])
        if self._mask is not None:
            latents = self._mask.apply(latents, self._blocks[index], encoder.rate.time, branch=1 + index)
        self._blocks[index] += latents.shape[2]
        return latents

    def copy(self) -> "HistoryStream":
        """One that goes on from here by itself. Tensors are shared: streams replace them and never change them."""
        twin = HistoryStream(self.reader, self._mask)
        twin.frames, twin.latents, twin.recent = self.frames, self.latents, self.recent
        twin._blocks = list(self._blocks)
        twin._encoder = dict(self._encoder)
        twin._low = [dict(stream) for stream in self._low]
        return twin

    def pack(self) -> bytes:
        """What going on needs, with floats in float16."""
        from safetensors.torch import save

        parts = {"counts": torch.tensor([self.frames, self.latents, *self._blocks])}
        if self.recent is not None:
            parts["recent"] = self.recent
        for prefix, stream, names in self._streams():
            for module, value in stream.items():
                parts |= {f"{prefix}{names[module]}/{name}": part for name, part in _parts(value).items()}
        half = {
            name: (part.half() if part.is_floating_point() else part).cpu().contiguous() for name, part in parts.items()
        }
        data: bytes = save(half)
        return data

    @classmethod
    def unpack(cls, reader: Reader, data: bytes) -> "HistoryStream":
        """The inverse of `pack`, to half precision."""
        from safetensors.torch import load

        device = reader.backbone.space.device
        parts = {name: (part.float() if part.is_floating_point() else part) for name, part in load(data).items()}
        stream = cls(reader)
        stream.frames, stream.latents, *stream._blocks = parts.pop("counts").tolist()
        recent = parts.pop("recent", None)
        stream.recent = None if recent is None else recent.to(device)
        for prefix, inner, names in stream._streams():
            modules = {name: module for module, name in names.items()}
            values: dict[str, dict[str, Tensor]] = {}
            for name, part in parts.items():
                where, _, kind = name.rpartition("/")
                if where.startswith(prefix):
                    values.setdefault(where.removeprefix(prefix), {})[kind] = part.to(device)
            inner.update({modules[name]: _value(found) for name, found in values.items()})
        return stream

    def _streams(self) -> Iterator[tuple[str, Stream, Mapping[nn.Module, str]]]:
        """Every stream with a prefix of its own, and names for the modules that keep something in it."""
        encoders = nn.ModuleList(self.reader.encoders)
        yield "encoder:", self._encoder, {module: name for name, module in encoders.named_modules()}
        vae = {module: name for name, module in self.reader.backbone.space.vae.named_modules()}
        for index, stream in enumerate(self._low):
            yield f"low{index}:", stream, vae


def _parts(value: Any) -> dict[str, Tensor]:
    """What a layer keeps (bench/backbones: a tensor, a count, or both) as tensors."""
    if isinstance(value, tuple):
        count, tensor = value
        return {"count": torch.tensor(count), "tensor": tensor}
    return {"tensor": value} if isinstance(value, Tensor) else {"count": torch.tensor(int(value))}


def _value(parts: Mapping[str, Tensor]) -> Any:
    count = int(parts["count"]) if "count" in parts else None
    if "tensor" not in parts:
        return count
    return parts["tensor"] if count is None else (count, parts["tensor"])
