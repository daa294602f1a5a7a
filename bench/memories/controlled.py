"""The memory that a control is about, made from the name and arguments that a spec would use for it."""

from typing import Any

from bench.protocols import MemoryEncoder
from bench.registry import bind, resolve


def built(of: str, args: dict[str, Any]) -> MemoryEncoder:
    """The encoder `of` with `args`. Raises UsageError for an unknown name or wrong arguments.

    >>> type(built("keyframes", {"every_s": 2})).__name__
    'Keyframes'
    """
    target = resolve("memory", of)
    encoder: MemoryEncoder = target(**bind(target, args))
    return encoder
