"""Two versions, interleaved: A, B, B, A, each in a fresh process, so that a machine that slows down slows both alike.

In blocks (all of A, then all of B) the same noise makes a third of equal versions look different. The process is the
unit: calls inside one rise and fall together. A version is a profile, or other code for the same profile.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.errors import NotComparableError
from runners.meter_process import Request, measure

Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Pairs:
    """`log_ratios` by stage, one a round: candidate over baseline, of median warm times. `documents` are as they came,
    four a round."""

    log_ratios: dict[str, list[float]]
    documents: tuple[tuple[str, dict[str, Any]], ...]


def interleaved(
    baseline: Request,
    candidate: Request,
    rounds: int,
    report: Report,
    run: Callable[[Request], dict[str, Any]] = measure,
) -> Pairs:
    """Measure both in `rounds` of A-B-B-A.

    Raises NotComparableError where a process did not come to its end, or they ran in different environments.
    """
    ratios: dict[str, list[float]] = {}
    kept: list[tuple[str, dict[str, Any]]] = []
    for done in range(rounds):
        times: dict[str, list[dict[str, float]]] = {"A": [], "B": []}
        for place, arm in enumerate("ABBA"):
            report(4 * done + place, 4 * rounds, f"round {done + 1}, {arm}")
            document = run(baseline if arm == "A" else candidate)
            if document["outcome"] != "done":
                raise NotComparableError(
                    f"{'The baseline' if arm == 'A' else 'The candidate'} ended with {document['outcome']!r}: "
                    f"{document.get('message', '')}.",
                    "Compare what fits: fewer layers, a shorter history.",
                )
            kept.append((arm, document))
            _same_machine(kept[0][1], document)
            times[arm].append(_warm(document))
        for stage in times["A"][0]:
            if all(stage in one for one in (*times["A"], *times["B"])):
                logs = [math.log(b[stage] / a[stage]) for a, b in zip(times["A"], times["B"], strict=True)]
                ratios.setdefault(stage, []).append(sum(logs) / len(logs))
    report(4 * rounds, 4 * rounds, "")
    return Pairs(ratios, tuple(kept))


def _warm(document: dict[str, Any]) -> dict[str, float]:
    """Median warm wall time by stage."""
    times: dict[str, list[float]] = {}
    for sample in document["samples"]:
        if sample["phase"] == "warm":
            times.setdefault(sample["stage"], []).append(sample["wall_ms"])
    return {stage: median(values) for stage, values in times.items()}


def _same_machine(first: dict[str, Any], other: dict[str, Any]) -> None:
    """Versions of code and libraries may differ: they may be what is compared. The machine must not."""
    for what in ("processor", "cores", "threads", "memory_bytes", "gpu", "driver"):
        if first["environment"].get(what) != other["environment"].get(what):
            raise NotComparableError(
                f"The {what} changed between two processes: {first['environment'].get(what)!r} and then "
                f"{other['environment'].get(what)!r}.",
                "Compare on a machine that stays the same.",
            )
