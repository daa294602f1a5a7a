"""One configuration whose cost is asked for. Data only: what it needs is built in another process.

Cost does not depend on the values of the weights, so the paper's sizes are profiled with random ones, and with fewer
layers where the whole model does not fit. Both are said wherever the figures are shown.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from bench.backbones.config import Shapes, shapes
from bench.backbones.rate import Rate
from bench.digest import key
from bench.errors import UsageError
from bench.types import Size

SECTION_LATENTS = 4  # as in bench/memories/sections.py, which imports numpy and more
UNCOMPRESSED = "none"
PROMPT_BYTES = 256
MOST_WARMING = 8  # sections; beyond this it is said that nothing settled

Dtype = Literal["float32", "bfloat16"]
Weights = Literal["random", "trained"]

# frames per second and size that each backbone is meant for
_VIDEO = {"nano": (8.0, Size(320, 192)), "wan-14b": (16.0, Size(832, 480)), "hunyuan": (24.0, Size(832, 480))}


@dataclass(frozen=True)
class Profile:
    """What is profiled. `rate` is `none` for latents that go into the DiT as they are; `layers` of the DiT are built.

    With `isolated` the memory does not look at the frames, so its keys and values are computed once per section.
    Raises UsageError for what cannot be built.

    >>> one = profile("wan-14b", layers=4)
    >>> one.history_latents, one.history_tokens, one.scale
    (81, 3640, 10.0)
    """

    size: str
    layers: int
    rate: str
    history_s: float
    width: int
    height: int
    fps: float
    steps: int
    isolated: bool
    weights: Weights
    device: str
    dtype: Dtype

    def __post_init__(self) -> None:
        whole = shapes(self.size)
        if not 1 <= self.layers <= whole.layers:
            raise UsageError(
                f"{self.size} has {whole.layers} layers, so {self.layers} cannot be built.",
                f"Take 1 to {whole.layers}.",
            )
        if not (0 < self.history_s < math.inf and 0 < self.fps < math.inf and self.steps >= 1):
            raise UsageError(
                f"A history of {self.history_s} s at {self.fps} frames per second with {self.steps} steps is none.",
                "All three are above 0, and finite.",
            )
        if self.weights == "trained" and (self.size != "nano" or self.layers != whole.layers):
            raise UsageError(
                "Trained weights exist for the whole of nano only.", "Leave out --trained, or take --size nano."
            )
        whole.token_grid(self.frame)
        if self.memory_rate is not None:
            whole.memory_grid(self.frame, self.memory_rate)

    @property
    def shapes(self) -> Shapes:
        """Shapes of what is built: as many layers as asked."""
        return replace(shapes(self.size), layers=self.layers)

    @property
    def scale(self) -> float:
        """How many times more layers the whole DiT has. Only the time and FLOPs of its blocks scale with it."""
        return shapes(self.size).layers / self.layers

    @property
    def frame(self) -> Size:
        """Size of a frame in pixels."""
        return Size(self.width, self.height)

    @property
    def memory_rate(self) -> Rate | None:
        """None for uncompressed latents."""
        return None if self.rate == UNCOMPRESSED else Rate.parse(self.rate)

    @property
    def history_frames(self) -> int:
        """Frames of the history: those of whole groups of four, and the first."""
        return 1 + 4 * (self.history_latents - 1)

    @property
    def history_latents(self) -> int:
        """Latents of the history."""
        return 1 + round(self.history_s * self.fps) // 4

    @property
    def history_tokens(self) -> int:
        """What the DiT reads of the history: whole blocks of memory, or every token of the latents."""
        rate = self.memory_rate
        if rate is None:
            height, width = self.shapes.token_grid(self.frame)
            return self.history_latents * height * width
        height, width = self.shapes.memory_grid(self.frame, rate)
        return self.history_latents // rate.time * height * width

    @property
    def name(self) -> str:
        """What it is called in tables."""
        whole = shapes(self.size).layers
        part = "" if self.layers == whole else f" ({self.layers} of {whole} layers)"
        return f"{self.size}{part} {self.rate} {self.history_s:g} s"

    def as_dict(self) -> dict[str, Any]:
        """Plain data; `Profile(**data)` is the inverse."""
        return asdict(self)

    def key(self, environment: dict[str, Any]) -> str:
        """The address of this cost on this machine: here, unlike for scores, the environment is part of it.

        The commit is not: `code` in the environment says more exactly which code it was.
        """
        here = {name: value for name, value in environment.items() if name != "commit"}
        return key("cost", profile=self.as_dict(), environment=here)


def profile(
    size: str = "nano",
    *,
    layers: int | None = None,
    rate: str = "4x4x2",
    history_s: float = 20.0,
    frame: Size | None = None,
    device: str = "cpu",
    **more: Any,
) -> Profile:
    """A profile with what is usual for this backbone: its frame rate and size, 4 steps, bfloat16 on a GPU.

    Raises UsageError as `Profile` does, and for a backbone that does not exist.
    """
    known = shapes(size)
    fps, usual = _VIDEO[size]
    frame = frame or usual
    given: dict[str, Any] = {
        "fps": fps,
        "steps": 4,
        "isolated": False,
        "weights": "random",
        "dtype": "bfloat16" if device.startswith("cuda") else "float32",
    }
    return Profile(
        size=size,
        layers=known.layers if layers is None else layers,
        rate=rate,
        history_s=history_s,
        width=frame.width,
        height=frame.height,
        device=device,
        **(given | more),
    )
