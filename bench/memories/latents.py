"""The ceiling: every latent of the history, so that nothing is lost but what the VAE loses.

A memory that is read through this VAE cannot give back more than this one. Its bytes are the latents in float16.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float16

from bench.backbones.causal import Stream
from bench.checkpoints.about import digest, read_about
from bench.checkpoints.folder import checkpoint_folder
from bench.checkpoints.latents import LatentSpace
from bench.checkpoints.load import space as load_space
from bench.errors import KeepframeError
from bench.memories.header import Header
from bench.memories.intake import History, begun
from bench.memories.picture import Picture
from bench.memories.resampling import Resampling, latent_of, scaled
from bench.memories.sections import SECTION_LATENTS, Sections
from bench.types import Frames, Size

KIND = b"V"
NAME_BYTES = 8  # of the sha256 of the VAE, before the latents


@dataclass(frozen=True)
class LatentMemory:
    """Latents in float16, `[time, channel, height, width]`, normalised."""

    header: Header
    space: LatentSpace
    latents: Float16[np.ndarray, "time channel height width"]

    @property
    def tokens(self) -> int:
        """Tokens that these latents are for a DiT, uncompressed."""
        height, width = self.space.shapes.token_grid(self.space.size)
        return len(self.latents) * height * width

    @property
    def floats(self) -> int:
        """Numbers kept."""
        return int(self.latents.size)

    def to_bytes(self) -> bytes:
        """Header, 8 bytes that name the VAE, and the latents."""
        return self.header.pack(KIND, bytes.fromhex(self.space.digest)[:NAME_BYTES] + self.latents.tobytes())

    def recall(self, at_s: Sequence[float]) -> Frames:
        """Decoded from the first latent to the last that is asked for, as a causal decoder must."""
        kept = Resampling(self.header.fps, float(self.space.fps)).kept_at(self.header, at_s)
        width, height = self.header.size
        recalled = np.empty((len(kept), height, width, 3), np.uint8)
        asked = set(kept)
        for index, frame in self._decoded(max(kept, default=-1)):
            if index in asked:
                recalled[np.array(kept) == index] = scaled(frame, self.header.size)
        return recalled

    def _decoded(self, last: int) -> Iterator[tuple[int, Picture]]:
        """Kept frames from the first to `last`, with their index."""
        stream: Stream = {}
        index = 0
        for start in range(0, latent_of(last) + 1 if last >= 0 else 0, SECTION_LATENTS):
            part = torch.from_numpy(self.latents[start : start + SECTION_LATENTS].astype(np.float32))
            part = part.movedim(0, 1)[None].to(self.space.device)
            for frame in self.space.to_frames(self.space.decode(part, stream)):
                yield index, frame
                index += 1


class Latents:
    """Keeps what the VAE gives of a history: the ceiling of every memory that is read through it.

    Frames are resampled to the rate and size that the VAE was trained at.

    Raises `UnavailableError` when there is no trained VAE.
    """

    def __init__(self, *, backbone: str = "nano") -> None:
        self._folder = checkpoint_folder(backbone)
        read_about(self._folder / "vae.safetensors")
        self._history: History | None = None

    def weights(self) -> dict[str, str]:
        """sha256 of the VAE; part of a run's key."""
        return {"vae": digest(self._folder / "vae.safetensors")}

    def begin(self, fps: float, size: Size) -> None:
        """Start a history; loads the VAE."""
        self._space = self._loaded()
        self._history = History(fps, size)
        self._sections = Sections(self._history, float(self._space.fps), self._space.size)
        self._stream: Stream = {}
        self._kept: list[Float16[np.ndarray, "_ channel height width"]] = []

    def write(self, frames: Frames) -> None:
        """Encode the sections that this chunk completes."""
        begun(self._history)
        for section in self._sections.write(frames):
            self._encode(section)

    def finish(self) -> LatentMemory:
        """The memory."""
        header = begun(self._history).header()
        self._history = None
        self._encode(self._sections.finish())
        return LatentMemory(header, self._space, np.concatenate(self._kept))

    def from_bytes(self, data: bytes) -> LatentMemory:
        """The inverse of `to_bytes`. Raises KeepframeError for bytes that another VAE made."""
        header, payload = Header.unpack(KIND, data)
        space = self._loaded()
        made_by, payload = payload[:NAME_BYTES], payload[NAME_BYTES:]
        if made_by != bytes.fromhex(space.digest)[:NAME_BYTES]:
            raise KeepframeError(
                f"These latents were made by the VAE {made_by.hex()}…, and ours is {space.digest[:16]}….",
                "Read them with the weights that wrote them, or encode the history again.",
            )
        count = latent_of(Resampling(header.fps, float(space.fps)).count(header.frames) - 1) + 1
        shape = (count, space.shapes.latent_channels, *space.shapes.latent_grid(space.size))
        if len(payload) != 2 * int(np.prod(shape)):
            raise KeepframeError(f"{len(payload)} bytes are not latents of shape {shape}.", "Encode the history again.")
        return LatentMemory(header, space, np.frombuffer(payload, "<f2").reshape(shape))

    def _loaded(self) -> LatentSpace:
        return load_space(self._folder)

    def _encode(self, section: Frames) -> None:
        latents = self._space.encode(self._space.to_pixels(section), self._stream)
        self._kept.append(latents[0].movedim(1, 0).cpu().numpy().astype("<f2"))
