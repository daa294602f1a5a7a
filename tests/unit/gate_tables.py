"""Two systems with known differences, decided: for the tests of the gate."""

from dataclasses import replace
from typing import Any

import numpy as np

from reports.gate.decide import decide
from reports.gate.policy import Policy
from reports.gate.verdicts import Check, Look, MetricVerdict, Side
from tests.unit.tables import Made

WHOLE = Look(1, 1, 0.05, ())
SIDES = (Side("old", "a" * 32, "old", {}, {}), Side("new", "b" * 32, "new", {}, {}))


def scores(shift: float, *, videos: int = 50, spread: float = 0.4, moments: int = 4, seed: int = 0) -> dict[str, Any]:
    """`baseline` and `candidate` [case, moment], the candidate `shift` higher on average; videos differ by 4 dB."""
    draw = np.random.default_rng(seed)
    baseline = draw.normal(28, 4, (videos, 1)) + draw.normal(0, 1, (videos, moments))
    gap = shift + draw.normal(0, spread, (videos, 1))
    return {"baseline": baseline, "candidate": baseline + gap}


def decided(
    values: dict[str, dict[str, np.ndarray]],
    policy: dict[str, Any] | None = None,
    *,
    look: Look = WHOLE,
    floors: dict[str, float] | None = None,
    **made: Any,
) -> Check:
    results = Made(values, **made).results()
    results = replace(results, run={**results.run, "spec": {"suite": {"name": "retrieval", "args": {}}}})
    return decide(results, Policy.model_validate(policy or {}), look, floors or {}, SIDES)


def metric(check: Check, name: str = "psnr") -> MetricVerdict:
    return next(one for one in check.metrics if one.metric.name == name)
