"""A compression rate, as the paper writes it: `4x4x2`.

Height x width x time, in tokens of the DiT's grid: `4x4x2` puts 4 by 4 tokens of 2 latent frames into one token of
memory. The order is the paper's and differs from the order of tensors (time, height, width), so it has a type.
"""

import re
from dataclasses import dataclass

from bench.errors import UsageError


@dataclass(frozen=True)
class Rate:
    """How many tokens of the DiT's grid one memory token stands for, per axis.

    >>> Rate.parse("4x4x2")
    Rate(height=4, width=4, time=2)
    >>> str(Rate(2, 2, 8)), Rate(2, 2, 8).factor
    ('2x2x8', 32)
    """

    height: int
    width: int
    time: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.time) < 1:
            raise UsageError(f"The rate {self} has an axis below 1.", "Every axis of a rate is 1 or more, as in 4x4x2.")

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read `HxWxT`. Raises `UsageError` for anything else."""
        if not (match := re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})x([0-9]{1,4})", text)):
            raise UsageError(f"{text!r} is not a rate.", "Write height x width x time in tokens, as in 4x4x2.")
        return cls(*(int(axis) for axis in match.groups()))

    @property
    def factor(self) -> int:
        """Tokens of the DiT that become one token of memory."""
        return self.height * self.width * self.time

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.time}"
