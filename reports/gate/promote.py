"""A run, written down as a baseline: everything that a later check wants to know of it."""

import time

import pyarrow.compute as pc

from bench.baselines import Baseline, Promotion
from bench.errors import NotComparableError
from bench.store import Store
from reports.gate import noise
from reports.gate.gate import deciding
from reports.gate.subject import Subject, cases_digest, weights_of


def entry(store: Store, found: Subject, reason: str, by: str) -> Baseline:
    """The lock file's entry of a subject, with its noise floor where it was calibrated in this store.

    Raises NotComparableError for a run without a single score: nothing could be compared with it.
    """
    results, side = found.results, found.side
    mine = results.planned.filter(pc.equal(results.planned["system"], side.system))
    scored = set(results.scores.filter(pc.equal(results.scores["system"], side.system))["metric"].to_pylist())
    if not scored:
        raise NotComparableError(f"Run {side.run[:8]} has no score of {side.system!r}.", "keepframe run SPEC")
    versions = dict(zip(mine["metric"].to_pylist(), mine["metric_version"].to_pylist(), strict=True))
    metrics = {name: versions[name] for name in versions if name in scored}
    return Baseline(
        run=side.run,
        system=side.system,
        suite=str(results.run["spec"]["suite"]["name"]),
        videos=len(set(mine["group"].to_pylist())),
        cases=cases_digest(results, side.system),
        checkpoints=side.weights,
        metrics=metrics,
        weights=weights_of(metrics),
        noise=noise.floors_of([noise.find(store, results.run, side.system)], metrics),
        environment=deciding(side.environment),
        promotions=(
            Promotion(run=side.run, by=by, at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), reason=reason),
        ),
    )
