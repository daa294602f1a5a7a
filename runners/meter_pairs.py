"""Two versions, interleaved: A, B, B, A, each in a fresh process, so that a machine that slows down slows both alike.

In blocks (all of A, then all of B) the same noise makes a third of equal versions look different. The process is the
unit: calls inside one rise and fall together. A version is a profile, or other code for the same profile.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.errors import NotComparableError
from runners.meter_process import Request, measure

Report = Callable[[int, int, str], None]
Round = Sequence[tuple[str, dict[str, Any]]]
"""The four documents of a round with their arms, as they came."""


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
    before: Sequence[Round] = (),
    keep: Callable[[Round], None] = lambda _: None,
) -> Pairs:
    """Measure both until there are `rounds` of A-B-B-A, those that were measured `before` included; each new one is
    given to `keep` when it is whole. Half a round is worth nothing: the places of its arms are what cancels a drift.

    Raises NotComparableError where a process did not come to its end, or they ran in different environments.
    """
    whole = [list(one) for one in before]
    for done in range(len(whole), rounds):
        found: list[tuple[str, dict[str, Any]]] = []
        for place, arm in enumerate("ABBA"):
            report(4 * done + place, 4 * rounds, f"round {done + 1}, {arm}")
            document = run(baseline if arm == "A" else candidate)
            if document["outcome"] != "done":
                raise NotComparableError(
                    f"{'The baseline' if arm == 'A' else 'The candidate'} ended with {document['outcome']!r}: "
                    f"{document.get('message', '')}.",
                    "Compare what fits: fewer layers, a shorter history.",
                )
            found.append((arm, document))
            _same_machine((whole[0] if whole else found)[0][1], document)
        keep(found)
        whole.append(found)
    ratios: dict[str, list[float]] = {}
    for one in whole:
        for stage, ratio in _log_ratios(one).items():
            ratios.setdefault(stage, []).append(ratio)
    report(4 * rounds, 4 * rounds, "")
    return Pairs(ratios, tuple(pair for one in whole for pair in one))


def _log_ratios(one: Round) -> dict[str, float]:
    """Candidate over baseline in one round, of the stages that all four processes had."""
    times = {arm: [_warm(document) for which, document in one if which == arm] for arm in "AB"}
    shared = [stage for stage in times["A"][0] if all(stage in t for t in (*times["A"], *times["B"]))]
    logs = {s: [math.log(b[s] / a[s]) for a, b in zip(times["A"], times["B"], strict=True)] for s in shared}
    return {stage: sum(values) / len(values) for stage, values in logs.items()}


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
