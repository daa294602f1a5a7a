"""A spec written back as TOML, so that a report says what was run in the words that run it again."""

import json
from collections.abc import Mapping
from typing import Any


def spec_text(spec: Mapping[str, Any]) -> str:
    """The spec of run.json as TOML: plain keys first, then tables, then lists of tables. What is None is left out.

    >>> print(spec_text({"seed": 0, "suite": {"name": "retrieval"}, "systems": [{"memory": "codec", "curve": None}]}))
    seed = 0
    <BLANKLINE>
    [suite]
    name = "retrieval"
    <BLANKLINE>
    [[systems]]
    memory = "codec"
    """
    blocks = [_block("", {k: v for k, v in spec.items() if not isinstance(v, Mapping) and not _tables(v)})]
    blocks += [_block(f"[{k}]", v) for k, v in spec.items() if isinstance(v, Mapping)]
    blocks += [_block(f"[[{k}]]", one) for k, v in spec.items() if _tables(v) for one in v]
    return "\n\n".join(block for block in blocks if block)


def _tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _block(head: str, table: Mapping[str, Any]) -> str:
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None and v != {}]
    return "\n".join([head, *lines] if head else lines)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items() if v is not None)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
