"""What the `args` of a history checkpoint mean: everything about φ and its reader that the shapes do not say."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.backbones.rate import Rate
from bench.errors import KeepframeError


@dataclass(frozen=True)
class HistoryArgs:
    """The encoder's rate and variant, and how the DiT reads its tokens.

    Several encoders have their rates joined by `+`. `lora_alpha` is that of bench/backbones/lora.py; its rank is seen
    in the weights. `window` is how many latents before the queried ones the DiT saw clean in training.

    >>> HistoryArgs("4x4x2+2x2x8").rates
    (Rate(height=4, width=4, time=2), Rate(height=2, width=2, time=8))
    """

    rate: str
    variant: str = "proposed"
    stage: int = 1
    lora_alpha: float | None = None  # None: as large as the rank, so the adapters count as they are
    cross_attention: bool = False  # the tokens are read by attention of their own as well
    isolated_memory: bool = False  # the tokens do not look at the frames, so their keys and values can be kept
    window: int = 0

    @property
    def rates(self) -> tuple[Rate, ...]:
        """One per encoder. Raises `UsageError` for what is no rate."""
        return tuple(Rate.parse(part) for part in self.rate.split("+"))

    def as_args(self) -> dict[str, Any]:
        """For `About.args`."""
        return asdict(self)

    @classmethod
    def of(cls, args: Mapping[str, Any], where: Path) -> "HistoryArgs":
        """From `About.args`; what is not about φ is left alone. Raises KeepframeError when there is no rate."""
        known = {one.name for one in fields(cls)}
        if "rate" not in args:
            raise KeepframeError(f"{where} does not say at which rate it compresses.", "Train it again.")
        return cls(**{name: value for name, value in args.items() if name in known})
