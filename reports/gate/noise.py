"""The noise floor of a system: how far two runs of the very same one differ.

From n runs of it, with s the standard deviation of their means over videos, two of them differ by at most
t(n - 1, 97.5 %) · √2 · s in 95 % of cases: the repeatability limit of ISO 5725, 2.8 · s with many runs, wider with few.
A margin below that would flag a system against itself.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.digest import key
from bench.errors import NotComparableError, StoreError
from bench.stats import exact_mean
from bench.store import Results, Store
from reports.gate.subject import ARGUMENT
from reports.videos import case_scores, per_video, read_plan


@dataclass(frozen=True)
class Floor:
    """The floor of each metric, in its unit, of one system; and how it was got."""

    system: str
    metrics: dict[str, float]
    versions: dict[str, str]
    means: dict[str, list[float]]  # of each run
    videos: int
    runs: int
    repeats: list[dict[str, Any]]  # seed, workers, batch and device of each
    environment: dict[str, Any]


def repeatability(means: Sequence[float]) -> float:
    """How far two runs differ at most, in 95 % of cases, given the means of some.

    >>> round(repeatability([1.0, 1.1, 0.9, 1.0, 1.0]), 3), repeatability([26.16, 26.16, 26.16])
    (0.278, 0.0)
    """
    from scipy.special import stdtrit

    apart = [value - means[0] for value in means]  # exactly 0 where all are equal
    centre = exact_mean(apart)
    spread = math.sqrt(math.fsum((value - centre) ** 2 for value in apart) / (len(means) - 1))
    return float(stdtrit(len(means) - 1, 0.975) * math.sqrt(2.0) * spread)


def floor(runs: Sequence[Results], system: str, repeats: Sequence[Mapping[str, Any]]) -> Floor:
    """The noise floor of one system from runs of it, over the cases that all of them answered.

    Raises NotComparableError where they have none in common.
    """
    plans = [read_plan(results, [system]) for results in runs]
    plan = plans[0]
    by_run = np.stack([case_scores(results, plan).means[:, 0] for results in runs])
    by_video = per_video(np.where(np.isnan(by_run).any(axis=0), np.nan, by_run), plan)
    means: dict[str, list[float]] = {}
    for m, metric in enumerate(plan.metrics):
        present = ~np.isnan(by_video[0, m])
        if present.any():
            means[metric.name] = [exact_mean(run[m][present].tolist()) for run in by_video]
    if not means:
        raise NotComparableError(
            f"No case of {system!r} has a score in all {len(runs)} runs.", "keepframe status says what failed."
        )
    return Floor(
        system=system,
        metrics={name: repeatability(values) for name, values in means.items()},
        versions={metric.name: metric.version for metric in plan.metrics if metric.name in means},
        means=means,
        videos=len(plan.videos),
        runs=len(runs),
        repeats=[dict(one) for one in repeats],
        environment=runs[-1].run["sessions"][-1]["environment"],
    )


def address(run: Mapping[str, Any], system: str) -> str:
    """What a floor belongs to: the system, what is asked and how frames are read; not the videos, nor the checkpoint,
    so that the floor of one checkpoint holds for the next."""
    spec = run["spec"]
    mine = next(one for one in spec["systems"] if one["name"] == system)
    named = {name: mine[name] for name in ("memory", "args", "generator", "generator_args")}
    named["args"] = {name: value for name, value in mine["args"].items() if name != ARGUMENT}
    return key("noise", system=named, suite=spec["suite"], decode=spec["decode"])


def save(store: Store, run: Mapping[str, Any], found: Floor) -> None:
    """Keep the floor for the checks of this system."""
    path = store.root / "noise" / f"{address(run, found.system)}.json"
    aside = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        aside.write_text(json.dumps(asdict(found), indent=1), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror}.", "Mend the permissions.") from error


def find(store: Store, run: Mapping[str, Any], system: str) -> Floor | None:
    """The floor of a system, if it was calibrated in this store."""
    path = store.root / "noise" / f"{address(run, system)}.json"
    if not path.exists():
        return None
    try:
        return Floor(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{path} is damaged: {error}.", "keepframe calibrate SPEC makes it again.") from error


def floors_of(floors: Sequence[Floor | None], versions: Mapping[str, str]) -> dict[str, float]:
    """The larger floor of each metric, of those measured with the version that is compared."""
    found: dict[str, float] = {}
    for one in floors:
        if one is not None:
            known = {name: value for name, value in one.metrics.items() if versions.get(name) == one.versions[name]}
            found |= {name: max(value, found.get(name, 0.0)) for name, value in known.items()}
    return found
