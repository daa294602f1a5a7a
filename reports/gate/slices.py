"""Where a candidate lost: by tag, by length of history, by position in the history. To look at, never to decide.

Twenty slices would find a "loss" somewhere in every harmless change, so Holm's correction goes over all of them, and
none of them gates: a slice that matters deserves a suite of its own.
"""

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Float64

from bench.stats import Interval, exact_mean, holm, t_test
from bench.store import Results
from reports.gate.pair import BASELINE, CANDIDATE
from reports.gate.verdicts import SliceRow
from reports.videos import CaseScores, case_scores, per_video

LEAST = 5  # videos of a slice: fewer have intervals that say nothing
THIRDS = {"oldest third": (0.0, 1 / 3), "middle third": (1 / 3, 2 / 3), "newest third": (2 / 3, 1.01)}


def slices(results: Results, scores: CaseScores, alpha: float) -> tuple[SliceRow, ...]:
    """One row a slice and metric with a direction. Slices of everything, and of fewer than 5 videos, are left out."""
    plan = scores.plan
    metrics = [m for m, metric in enumerate(plan.metrics) if metric.sign]
    everything = _by_video(scores, metrics, np.ones(len(plan.cases), dtype=bool))
    found: list[tuple[str, Float64[np.ndarray, "metric video"]]] = []
    marks = {f"tag {tag}": np.array([tag in own for own in plan.tags]) for tag in sorted(frozenset().union(*plan.tags))}
    horizons = np.unique(plan.horizons_s)
    if len(horizons) > 1:
        marks |= {f"history {horizon:g} s": plan.horizons_s == horizon for horizon in horizons}
    for name, cases in marks.items():
        if not cases.all():
            found.append((name, _by_video(scores, metrics, cases)))
    position = results.scores["position"]
    for name, (low, high) in THIRDS.items():
        rows = pc.and_(pc.greater_equal(position, low), pc.less(position, high))
        part = replace(results, scores=results.scores.filter(pc.fill_null(rows, False)))
        if part.scores.num_rows:
            found.append((name, _by_video(case_scores(part, plan), metrics, np.ones(len(plan.cases), dtype=bool))))
    found = [(name, gaps) for name, gaps in found if not np.array_equal(gaps, everything, equal_nan=True)]
    if not found:
        return ()
    test = t_test(np.stack([gaps for _, gaps in found]), 1 - alpha)
    tested = np.where(test.n < LEAST, np.nan, test.p)
    adjusted = holm(tested.reshape(-1)).reshape(tested.shape)
    rows_ = []
    for i, (name, gaps) in enumerate(found):
        for j, m in enumerate(metrics):
            values = gaps[j][~np.isnan(gaps[j])]
            if len(values) < LEAST:
                continue
            mean, half, p = exact_mean(values.tolist()), float(test.half_width[i, j]), float(adjusted[i, j])
            interval = Interval(mean - half, mean + half)
            rows_.append(SliceRow(name, plan.metrics[m].name, len(values), mean, interval, p, mean < 0 and p <= alpha))
    return tuple(rows_)


def _by_video(scores: CaseScores, metrics: list[int], cases: np.ndarray) -> Float64[np.ndarray, "metric video"]:
    plan = scores.plan
    one, other = plan.systems.index(CANDIDATE), plan.systems.index(BASELINE)
    gaps = np.stack([scores.differences(m, [one], other)[0] for m in metrics])
    return per_video(np.where(cases, gaps, np.nan), plan)
