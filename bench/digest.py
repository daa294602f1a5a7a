"""Content addresses. One function makes every key, and a golden test freezes what it returns.

Keys hash typed values: 64 and 64.0 and "64" are three different things, so values must come from the one
place that parses TOML (bench/spec.py).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KEY_LENGTH = 32  # hex digits: 128 bits, enough for any store, short enough to read in a table


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN.

    >>> canonical({"b": 1, "a": [1.0, "x", None, True]})
    '{"a":[1.0,"x",null,true],"b":1}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def key(kind: str, **parts: Any) -> str:
    """The address of a thing of this kind made from these parts.

    >>> key("memory", encoder="mean", clip="abc") == key("memory", clip="abc", encoder="mean")
    True
    """
    text = canonical({"kind": kind, "parts": parts})
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def digest_bytes(data: bytes) -> str:
    """sha256 of bytes, in hex, whole."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """sha256 of a file's content, in hex, whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
