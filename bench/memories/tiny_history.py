"""The memory of the paper: a history as a few tokens of the DiT, by a trained φ (arXiv 2512.23851, "PFP").

A generator reads it; by itself it answers nothing. Its bytes are the tokens in float16 and 8 bytes that say which
weights made them, because they mean nothing to others.

Decisions, where the paper leaves them open: frames are resampled to the rate and size of the backbone
(bench/memories/resampling.py). A history that ends inside a block is filled up with its last frame, so that its last
moments can be asked for. Declared moments are left clean and everything else is mixed with noise at sigma 0.8, the
median of what training draws (the paper's L(0.2, 1), read as in bench/training/flow.py).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.backbones.causal import Stream
from bench.backbones.rate import Rate
from bench.backbones.tokens import MemoryTokens, block_tokens, joined
from bench.checkpoints.about import digest
from bench.checkpoints.folder import about_history, checkpoint_folder, history_name
from bench.checkpoints.history_args import HistoryArgs
from bench.checkpoints.load import Reader
from bench.checkpoints.load import backbone as load_backbone
from bench.checkpoints.load import history as load_history
from bench.errors import KeepframeError
from bench.memories.context import Context
from bench.memories.header import Header
from bench.memories.history_stream import HistoryStream, Mask
from bench.memories.intake import History, begun
from bench.memories.resampling import Resampling, latent_of
from bench.memories.sections import Sections
from bench.types import Frames, Size

KIND = b"H"
LAYOUT = struct.Struct("<8sI")  # first bytes of the sha256 of the weights; bytes of what going on needs, at the end
MASK_SIGMA = 0.8


@dataclass(frozen=True)
class HistoryMemory:
    """Tokens of a history. `state` is what going on from its end needs, or empty."""

    header: Header
    reader: Reader
    parts: tuple[bytes, ...]  # float16 tokens of each encoder, time first
    state: bytes

    @property
    def tokens(self) -> int:
        """Tokens that the DiT reads."""
        return self.floats // self.reader.backbone.shapes.width

    @property
    def floats(self) -> int:
        """Numbers in these tokens."""
        return sum(map(len, self.parts)) // 2

    def to_bytes(self) -> bytes:
        """Header, 12 bytes, the tokens in float16, and the state."""
        start = LAYOUT.pack(bytes.fromhex(self.reader.digest[:16]), len(self.state))
        return self.header.pack(KIND, start + b"".join(self.parts) + self.state)

    def context(self) -> Context:
        """What the generator reads."""
        past = HistoryStream.unpack(self.reader, self.state) if self.state else None
        if not self.floats:
            return Context(self.reader, self.header, None, past)
        tokens, settled = self._tokens
        return Context(self.reader, self.header, tokens, past, settled)

    def asked(self, at_s: Sequence[float]) -> Sequence[float]:
        """The moments themselves."""
        return at_s

    @cached_property
    def _tokens(self) -> tuple[MemoryTokens, Tensor]:
        """What the DiT reads, and which of it stands for a block that was full without the still at the end."""
        backbone = self.reader.backbone
        latents = _latents(self.header, self.reader)
        parts, settled = [], []
        for rate, part in zip(self.reader.args.rates, self.parts, strict=True):
            height, width = backbone.shapes.memory_grid(backbone.space.size, rate)
            values = np.frombuffer(part, "<f2").reshape(1, -1, backbone.shapes.width)
            tokens = torch.from_numpy(values.astype(np.float32)).to(backbone.space.device)
            blocks = values.shape[1] // (height * width), height, width
            parts.append(block_tokens(tokens, 0, blocks, rate))
            settled.append(torch.arange(values.shape[1]) < latents // rate.time * height * width)
        return joined(parts), torch.cat(settled)


class TinyHistory:
    """The trained history encoder: at `rate` (height x width x time, in tokens of the DiT), read by `reference`.

    `variant` is proposed, only-lr, without-lr or large-patchifier; `checkpoint` names other weights than those that
    follow from the two (a name in the backbone's folder, or a file). Several encoders have rates joined by `+`.
    With `continuable` the bytes also hold what a rollout needs to go on from the end of the history.

    `declare` names the moments that will be asked of the next history: the others are masked with noise before φ.

    In a spec: memory = "history", args = { rate = "4x4x2" }, generator = "reference".

    Raises `UnavailableError` when there are no trained weights, and `UsageError` for a rate that leaves no token.
    """

    def __init__(
        self,
        *,
        rate: str = "4x4x2",
        variant: str = "proposed",
        checkpoint: str = "",
        continuable: bool = False,
        backbone: str = "nano",
    ) -> None:
        rates = [Rate.parse(part) for part in rate.split("+")]
        self._folder = checkpoint_folder(backbone)
        self._path, self._about = about_history(checkpoint or history_name(rate, variant), self._folder)
        args = HistoryArgs.of(self._about.args, self._path)
        if args.rates != tuple(rates) or args.variant != variant:
            raise KeepframeError(
                f"{self._path} was trained at {args.rate} as {args.variant!r}, not at {rate} as {variant!r}.",
                f'Give rate = "{args.rate}", variant = "{args.variant}", or name another checkpoint.',
            )
        self._continuable = continuable
        self._next_declared: tuple[float, ...] = ()
        self._history: History | None = None

    def weights(self) -> dict[str, str]:
        """sha256 of the files that decide what this encoder does; part of a run's key."""
        parents = {name: value for name, value in self._about.parents.items() if name in ("vae", "dit")}
        return {"history": digest(self._path), **parents}

    def declare(self, at_s: Sequence[float]) -> None:
        """The moments (seconds) that will be asked of the history that begins next, and of no other."""
        self._next_declared = tuple(at_s)

    def begin(self, fps: float, size: Size) -> None:
        """Start a history; loads the weights. Raises KeepframeError for files that do not belong together."""
        reader = self._reader()
        space = reader.backbone.space
        for rate in reader.args.rates:
            reader.backbone.shapes.memory_grid(space.size, rate)
        self._history = History(fps, size)
        self._sections = Sections(self._history, float(space.fps), space.size)
        self._stream = HistoryStream(reader, self._mask(fps, float(space.fps)))
        self._parts: list[list[bytes]] = [[] for _ in reader.encoders]
        self._vae_stream: Stream = {}
        self._next_declared = ()

    def write(self, frames: Frames) -> None:
        """Encode the sections that this chunk completes."""
        begun(self._history)
        for section in self._sections.write(frames):
            self._keep(self._stream, section)

    def finish(self) -> HistoryMemory:
        """The memory."""
        header = begun(self._history).header()
        self._history = None
        last = self._sections.finish()
        self._stream.ends_at(latent_of(self._sections.resampling.count(header.frames) - 1))
        self._keep(self._stream, last)
        # the rollout goes on from the last latent that holds a frame, not from the still that fills up the last block
        state = self._stream.copy().pack() if self._continuable else b""
        missing = -self._stream.latents % self._step()
        if missing:
            self._keep(self._stream, np.repeat(last[-1:], 4 * missing, axis=0))
        return HistoryMemory(header, self._stream.reader, tuple(b"".join(part) for part in self._parts), state)

    def from_bytes(self, data: bytes) -> HistoryMemory:
        """The inverse of `to_bytes`. Raises KeepframeError for bytes that other weights made."""
        header, payload = Header.unpack(KIND, data)
        reader = self._reader()
        if len(payload) < LAYOUT.size:
            raise KeepframeError("A history memory ends before its first token.", "Encode the history again.")
        made_by, state = LAYOUT.unpack_from(payload)
        if made_by != bytes.fromhex(reader.digest[:16]):
            raise KeepframeError(
                f"This memory was made by the weights {made_by.hex()}…, and {reader.path} is {reader.digest[:16]}….",
                "Read it with the encoder that wrote it, or encode the history again.",
            )
        sizes = [2 * numbers for numbers in _floats(header, reader)]
        if len(payload) != LAYOUT.size + sum(sizes) + state:
            raise KeepframeError(
                f"A history memory has {len(payload)} bytes where {LAYOUT.size + sum(sizes) + state} belong.",
                "Encode the history again.",
            )
        parts, offset = [], LAYOUT.size
        for size in sizes:
            parts.append(payload[offset : offset + size])
            offset += size
        return HistoryMemory(header, reader, tuple(parts), payload[offset:])

    def withheld(self, header: Header) -> Context:
        """A context of that history without a token: what the DiT makes of nothing."""
        return Context(self._reader(), header, None)

    def nothing(self) -> "HistoryMemory":
        """The memory of a video that has not begun, at the backbone's rate and size: it can only be gone on from."""
        reader = self._reader()
        space = reader.backbone.space
        header = Header(float(space.fps), space.size, 0)
        return HistoryMemory(header, reader, (b"",) * len(reader.encoders), HistoryStream(reader).pack())

    def whole_blocks(self, frames: int) -> int:
        """How many of `frames` frames, at the backbone's rate, fill blocks; all that fill latents if none is full."""
        step = self._step()
        latents = 1 + (frames - 1) // 4
        return 1 + 4 * (latents - (latents % step if latents >= step else 0) - 1)

    @property
    def checkpoint(self) -> Path:
        """The file of its weights."""
        return self._path

    def _step(self) -> int:
        """Latents after which every encoder has finished a block."""
        return lcm(*(rate.time for rate in HistoryArgs.of(self._about.args, self._path).rates))

    def _reader(self) -> Reader:
        return load_history(self._path, load_backbone(self._folder))

    def _mask(self, fps: float, wanted_fps: float) -> Mask | None:
        if not self._next_declared:
            return None
        endless = Header(fps, Size(1, 1), 2**32 - 1)
        kept = Resampling(fps, wanted_fps).kept_at(endless, self._next_declared)
        return Mask(frozenset(map(latent_of, kept)), MASK_SIGMA)

    def _keep(self, stream: HistoryStream, section: Frames) -> None:
        space = stream.reader.backbone.space
        pixels = space.to_pixels(section)
        for part, new in zip(self._parts, stream.append(pixels, space.encode(pixels, self._vae_stream)), strict=True):
            with np.errstate(over="ignore"):
                half = new.tokens.cpu().numpy().astype("<f2")
            if not np.isfinite(half).all():
                raise KeepframeError(
                    f"{stream.reader.path} gives tokens that are not finite in float16.",
                    "Its training has failed: train it again from an earlier state.",
                )
            part.append(half.tobytes())


def _latents(header: Header, reader: Reader) -> int:
    """How many latents hold the kept frames of a history."""
    resampling = Resampling(header.fps, float(reader.backbone.space.fps))
    return latent_of(resampling.count(header.frames) - 1) + 1


def _floats(header: Header, reader: Reader) -> list[int]:
    """How many numbers each encoder keeps of a history."""
    space, shapes = reader.backbone.space, reader.backbone.shapes
    latents = _latents(header, reader)
    latents += -latents % lcm(*(rate.time for rate in reader.args.rates))
    floats = []
    for rate in reader.args.rates:
        height, width = shapes.memory_grid(space.size, rate)
        floats.append(latents // rate.time * height * width * shapes.width)
    return floats
