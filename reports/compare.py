"""`keepframe compare`: which memory keeps more, and how sure we are.

Every number is a mean over videos of one number per video. Differences are paired: both systems on the same video, so
that easy and hard videos cancel. Only cases that both systems answered count in a pair, and how many are left out
is said. Ranks come from the tests of all pairs, so systems that cannot be told apart share their ranks; a ceiling has
none.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import NotComparableError, UsageError, did_you_mean
from bench.stats import CONFIDENCE, Interval, exact_mean, holm, mean_interval, rank_intervals, sign_flip_p, t_test
from bench.store import Results
from reports.comparison import BDRow, Cell, Comparison, Costs, Difference, FailureGroup, Slice, SystemRow, Verdict
from reports.curves import bd_rates
from reports.grids import counted
from reports.unscored import unavailable_said
from reports.videos import CaseScores, Plan, case_rates, case_scores, per_video, read_plan
from suites.judging.protocol import DroppedOut

PROVED_VIDEOS = 10  # the fewest that the simulations of the intervals cover
Ranks = tuple[int, int] | None


def compare(
    results: Results,
    *,
    baseline: str | None = None,
    systems: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Comparison:
    """Summarise a run's systems (or only these), and compare them with `baseline` when one is named.

    Holm's correction covers all differences of the table: every system against the baseline on every metric that has
    a direction. `seed` draws the resamples of BD-rates and of the sign-flip test above 14 videos.

    Raises `UsageError` for an unknown name, `NotComparableError` when metric versions or cases differ or when a
    system has no case in common with the baseline.
    """
    if baseline is not None and systems is not None:
        systems = [*dict.fromkeys([baseline, *systems])]
    plan = read_plan(results, systems)
    if baseline is not None and baseline not in plan.systems:
        raise UsageError(f"The run has no system {baseline!r}.", did_you_mean(baseline, plan.systems))
    scores = case_scores(results, plan)
    rates = case_rates(results, plan)
    ranks = _ranks(scores, 1 - confidence)
    everything = np.ones(len(plan.cases), dtype=bool)
    cells = _cells(scores, everything, ranks, confidence)
    differences: tuple[Difference, ...] = ()
    bd: tuple[BDRow, ...] = ()
    if baseline is not None:
        differences = _differences(scores, baseline, everything, confidence, seed)
        bd = bd_rates(scores, rates["bytes"], baseline, confidence=confidence, seed=seed)
    return Comparison(
        run=results.key,
        confidence=confidence,
        baseline=baseline,
        baseline_curve=None if baseline is None else plan.curves[plan.systems.index(baseline)],
        videos=len(plan.videos),
        metrics=plan.metrics,
        systems=_best_first(scores, cells, rates),
        cells=cells,
        differences=differences,
        bd=bd,
        slices=_slices(scores, baseline, confidence),
        failures=_failures(results, plan),
        warnings=_warnings(results, plan, cells, differences),
    )


def _cells(
    scores: CaseScores, cases: np.ndarray, ranks: dict[tuple[int, int], Ranks], confidence: float
) -> tuple[Cell, ...]:
    """One cell per system and metric, over the marked cases."""
    plan = scores.plan
    means = np.where(cases, scores.means, np.nan)
    by_video = per_video(means, plan)
    done = (~np.isnan(means)).sum(axis=-1)
    planned = (plan.asked & cases).sum(axis=-1)
    cells = []
    for s, system in enumerate(plan.systems):
        for m, metric in enumerate(plan.metrics):
            values = by_video[m, s][~np.isnan(by_video[m, s])]
            estimate = mean_interval(values, confidence) if len(values) else None
            cells.append(
                Cell(
                    system=system,
                    metric=metric.name,
                    mean=estimate.mean if estimate else None,
                    interval=estimate.interval if estimate else None,
                    videos=len(values),
                    cases=int(done[m, s]),
                    planned=int(planned[s]),
                    ranks=ranks.get((m, s)),
                )
            )
    return tuple(cells)


def _ranks(scores: CaseScores, alpha: float) -> dict[tuple[int, int], Ranks]:
    """Rank intervals by (metric, system), among the systems that have any score on the metric and are no ceiling."""
    plan, found = scores.plan, dict[tuple[int, int], Ranks]()
    for m, metric in enumerate(plan.metrics):
        present = np.flatnonzero(~np.isnan(scores.means[m]).all(axis=-1) & ~np.array(plan.ceiling))
        if metric.sign == 0 or not len(present):
            continue
        gaps, p = np.zeros((2, len(present), len(present)))
        for i in range(len(present) - 1):
            test = t_test(-per_video(scores.differences(m, present[i + 1 :].tolist(), int(present[i])), plan))
            gaps[i, i + 1 :], p[i, i + 1 :] = test.mean, test.p
        for system, interval in zip(present.tolist(), rank_intervals(gaps, p, alpha), strict=True):
            found[m, system] = interval
    return found


def _differences(
    scores: CaseScores, baseline: str, cases: np.ndarray, confidence: float, seed: int | None
) -> tuple[Difference, ...]:
    """Every other system against the baseline, on every metric with a direction, over the marked cases. Without a seed,
    the sign-flip test is not made."""
    plan = scores.plan
    base = plan.systems.index(baseline)
    others = [s for s in range(len(plan.systems)) if s != base]
    metrics = [m for m, metric in enumerate(plan.metrics) if metric.sign]
    if not others or not metrics:
        return ()
    gaps = np.stack([np.where(cases, scores.differences(m, others, base), np.nan) for m in metrics], axis=1)
    have = ~np.isnan(np.where(cases, scores.means[metrics], np.nan))
    either = (have[:, others] | have[:, [base]]).sum(axis=-1).T
    both = (~np.isnan(gaps)).sum(axis=-1)
    by_video = per_video(gaps, plan)
    test = t_test(by_video, confidence)
    flips = np.full(test.p.shape, np.nan) if seed is None else sign_flip_p(by_video, seed)
    adjusted = holm(test.p.reshape(-1)).reshape(test.p.shape)
    rows = []
    for i, s in enumerate(others):
        if cases.all() and not both[i].any() and either[i].any():
            raise NotComparableError(
                f"{plan.systems[s]!r} and {baseline!r} have no case in common.", "Run both on the same footage."
            )
        for j, m in enumerate(metrics):
            values = by_video[i, j][~np.isnan(by_video[i, j])]
            mean, half, n = exact_mean(values.tolist()) if len(values) else None, test.half_width[i, j], len(values)
            rows.append(
                Difference(
                    system=plan.systems[s],
                    metric=plan.metrics[m].name,
                    mean=mean,
                    interval=None if mean is None or n < 2 else Interval(mean - float(half), mean + float(half)),
                    p=_known(test.p[i, j]),
                    p_sign_flip=_known(flips[i, j]) if n > 1 else None,
                    p_holm=_known(adjusted[i, j]),
                    verdict=_verdict(mean, _known(adjusted[i, j]), 1 - confidence),
                    videos=n,
                    left_out=int(either[i, j] - both[i, j]),
                    note=_note(_known(test.p[i, j]), flips[i, j], 1 - confidence),
                )
            )
    return tuple(rows)


def _verdict(mean: float | None, p: float | None, alpha: float) -> Verdict:
    if mean is None or p is None:
        return "too few videos"
    if p > alpha:
        return "no difference shown"
    return "better" if mean > 0 else "worse"


def _note(p: float | None, p_sign_flip: float, alpha: float) -> str:
    """The two tests assume different things; where they part, few or odd videos decide."""
    if p is None or np.isnan(p_sign_flip) or (p <= alpha) == (p_sign_flip <= alpha):
        return ""
    return f"the sign-flip test disagrees (p = {p_sign_flip:.3f})"


def _slices(scores: CaseScores, baseline: str | None, confidence: float) -> tuple[Slice, ...]:
    """By tag, and by length of history where there are several."""
    plan = scores.plan
    marks = {f"tag {tag}": np.array([tag in own for own in plan.tags]) for tag in sorted(frozenset().union(*plan.tags))}
    horizons = np.unique(plan.horizons_s)
    if len(horizons) > 1:
        marks |= {f"history {horizon:g} s": plan.horizons_s == horizon for horizon in horizons}
    return tuple(
        Slice(
            name=name,
            videos=len(np.unique(plan.video_of[cases])),
            cells=_cells(scores, cases, {}, confidence),
            differences=() if baseline is None else _differences(scores, baseline, cases, confidence, None),
        )
        for name, cases in marks.items()
        if not cases.all()
    )


def _best_first(scores: CaseScores, cells: Sequence[Cell], rates: dict[str, np.ndarray]) -> tuple[SystemRow, ...]:
    """Systems with their costs, in the order of the first metric that has scores."""
    plan = scores.plan
    scored = {cell.metric for cell in cells if cell.cases}
    first = next((metric for metric in plan.metrics if metric.name in scored), plan.metrics[0])
    exact, answers = scores.exact.max(axis=0), scores.moments.sum(axis=-1).max(axis=0)
    score = {c.system: c for c in cells if c.metric == first.name}
    by_video = {name: per_video(grid, plan) for name, grid in rates.items()}

    def mean(name: str, system: int) -> float | None:
        values = by_video[name][system]
        values = values[~np.isnan(values)]
        return exact_mean(values.tolist()) if len(values) else None

    def order(row: SystemRow) -> tuple[bool, float, str]:
        value = score[row.name].mean
        return value is None, -(first.sign or 1) * (value or 0.0), row.name

    rows = [
        SystemRow(
            name=name,
            curve=plan.curves[s],
            tested=plan.tested[s],
            ceiling=plan.ceiling[s],
            costs=Costs(
                bytes_per_s=mean("bytes", s),
                tokens_per_s=mean("tokens", s),
                floats_per_s=mean("floats", s),
                encode_ms_per_s=mean("encode_ms", s),
                recall_ms=mean("recall_ms", s),
            ),
            exact=int(exact[s]),
            answers=int(answers[s]),
        )
        for s, name in enumerate(plan.systems)
    ]
    return tuple(sorted(rows, key=order))


def _failures(results: Results, plan: Plan) -> tuple[FailureGroup, ...]:
    failures = results.failures.filter(pc.is_in(results.failures["system"], pa.array(plan.systems, pa.string())))
    groups: dict[tuple[str, str | None, str, str, str], list[str]] = {}
    for row in failures.to_pylist():
        message = row["message"]
        if row["error"] == DroppedOut.__name__:  # the case is named beside it, and many may share the reason
            message = message.removeprefix(f"{row['case'].rpartition('/')[2]}: ")
        what = (row["system"], row["metric"], row["stage"], row["error"], message)
        groups.setdefault(what, []).append(row["case"])
    return tuple(
        FailureGroup(system, metric, stage, error, message, tuple(sorted(cases)))
        for (system, metric, stage, error, message), cases in sorted(groups.items(), key=lambda g: str(g[0]))
    )


def _warnings(
    results: Results, plan: Plan, cells: Sequence[Cell], differences: Sequence[Difference]
) -> tuple[str, ...]:
    """What a reader must know before believing the table. Metrics and systems with the same trouble share a line."""
    empty = {metric.name for metric in plan.metrics} - {cell.metric for cell in cells if cell.cases}
    unavailable = {name: why for name, why in (results.run.get("unavailable") or {}).items() if name in empty}
    systems: dict[tuple[str, str], list[str]] = {}  # of (trouble, metric)
    for cell in cells:
        if cell.cases < cell.planned and cell.metric not in unavailable:
            trouble = f"{cell.cases} of {cell.planned} cases scored"
            systems.setdefault((trouble, cell.metric), []).append(cell.system)
    for row in differences:
        if row.left_out:
            trouble = f"pairs with the baseline leave out {row.left_out} of the cases that either has"
            systems.setdefault((trouble, row.metric), []).append(row.system)
    metrics: dict[tuple[str, str], list[str]] = {}  # of (trouble, systems)
    for (trouble, metric), names in systems.items():
        metrics.setdefault((trouble, _few(names, len(plan.systems))), []).append(metric)
    lines = [*(results.run.get("warnings") or ()), *unavailable_said(unavailable)]
    lines += [f"{', '.join(names)}: {trouble} ({who})." for (trouble, who), names in metrics.items()]
    if len(plan.videos) < PROVED_VIDEOS:
        lines.append(f"Only {counted(len(plan.videos), 'video')}: the intervals are proved from {PROVED_VIDEOS} on.")
    return tuple(lines)


def _few(systems: Sequence[str], of: int) -> str:
    if len(systems) == of > 1:
        return "all systems"
    return ", ".join(systems[:3]) + (f" and {len(systems) - 3} more" if len(systems) > 3 else "")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
