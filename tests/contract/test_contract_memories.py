"""Every built-in memory keeps the contract that plug-ins are held to."""

from typing import Any

import pytest

from bench.registry import BUILT_IN, bind, resolve
from runners.contract import check_encoder

CASES: list[tuple[str, dict[str, Any]]] = [
    ("constant", {}),
    ("mean-frame", {}),
    ("last-frame", {}),
    ("keyframes", {}),
    ("keyframes", {"budget_bytes": 6000}),
    ("keyframes", {"budget_bytes": 700}),
    ("keyframes", {"budget_tokens": 36, "quality": 100}),
    ("thumbnails", {"width": 16, "every": 2}),
    ("codec", {"codec": "h264"}),
    ("codec", {"codec": "hevc"}),
    ("codec", {"codec": "av1"}),
    ("shuffled", {}),
    ("shuffled", {"of": "codec", "args": {"bitrate_kbps": 50.0}}),
    ("withheld", {}),
]


def test_every_memory_that_needs_no_training_is_here() -> None:
    own = {name for name, target in BUILT_IN["memory"].items() if target.startswith("bench.memories.")}
    trained = {"history", "latents"}  # tests/unit/test_memories_tiny_history.py holds them to it, with tiny weights
    assert own - trained <= {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "args"), CASES, ids=[f"{name}-{'-'.join(map(str, args))}" for name, args in CASES])
def test_the_contract_holds(name: str, args: dict[str, Any]) -> None:
    target = resolve("memory", name)
    checks = check_encoder(lambda: target(**bind(target, args)))
    assert [(check.name, check.detail) for check in checks if check.passed is False] == []
    assert {check.name for check in checks if check.passed is None} <= {"declared"}
