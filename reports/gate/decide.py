"""One check, decided: the two systems' rows in, the verdict with its reasons out.

What is lost is never averaged away: a case that the baseline answered and the candidate did not is a regression of
every metric that it lost, whatever the others say.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64

from bench.errors import UsageError
from bench.stats import exact_mean
from bench.store import Results
from reports.compare import PROVED_VIDEOS
from reports.gate.judge import Answer, judge
from reports.gate.pair import BASELINE, CANDIDATE, without_nan
from reports.gate.policy import Judged, Policy, Role, judged
from reports.gate.say import count, reasons
from reports.gate.slices import slices
from reports.gate.verdicts import Check, Look, Lost, MetricVerdict, Side, Verdict, Worst, overall
from reports.videos import CaseScores, case_scores, per_video, read_plan

WORST = 5  # videos that are shown


def decide(
    joined: Results,
    policy: Policy,
    look: Look,
    floors: Mapping[str, float],
    sides: tuple[Side, Side],
) -> Check:
    """The check of `joined` (see `reports.gate.pair`); `sides` are the baseline and the candidate.

    `floors` are the noise floors of the mean difference by metric, in its unit, as far as they were calibrated.

    Raises UsageError for a policy that does not fit the run, or for a margin below the noise floor.
    """
    results, not_finite = without_nan(joined)
    plan = read_plan(results)
    suite = str(((results.run.get("spec") or {}).get("suite") or {}).get("name", ""))
    rules = judged(policy, suite, plan.metrics)
    plan = replace(plan, metrics=tuple(rule.metric for rule in rules))  # a policy may turn a metric round
    scores = case_scores(results, plan)
    found = _verdicts(scores, rules, policy, look, floors)
    lost = _lost(results, scores, found)
    by = _worst_metric(found)
    return Check(
        verdict=overall({metric.verdict for metric in found if metric.role == "gate"}),
        reasons=reasons(found, lost, policy),
        baseline=sides[0],
        candidate=sides[1],
        look=look,
        videos=len(plan.videos),
        metrics=found,
        lost=lost,
        slices=slices(results, scores, look.alpha),
        worst_by=by,
        worst=() if by is None else _worst(results, scores, by),
        warnings=(*_warnings(results, found, not_finite, len(plan.videos)), *_left_out(scores)),
    )


def _verdicts(
    scores: CaseScores, rules: tuple[Judged, ...], policy: Policy, look: Look, floors: Mapping[str, float]
) -> tuple[MetricVerdict, ...]:
    """The verdict of every metric that has a direction."""
    plan = scores.plan
    b, c = plan.systems.index(BASELINE), plan.systems.index(CANDIDATE)
    judged_at = [m for m, rule in enumerate(rules) if rule.metric.sign]
    gaps = per_video(np.stack([scores.differences(m, [c], b)[0] for m in judged_at]), plan)
    roles = [_role(rules[m], scores, m, b) for m in judged_at]
    margins = [_margin(rules[m], _mean(scores, m, b, None), floors.get(rules[m].metric.name)) for m in judged_at]
    families = [rules[m].family if role == "gate" else "not gating" for m, role in zip(judged_at, roles, strict=True)]
    answers = judge(
        gaps,
        [np.nan if value is None else value for value, _ in margins],
        families,
        alpha=look.alpha,
        minimum_videos=policy.minimum_videos,
    )
    verdicts = []
    for i, (m, answer) in enumerate(zip(judged_at, answers, strict=True)):
        have = scores.moments[m, b] > 0
        gone = have & (scores.moments[m, c] < scores.moments[m, b])
        paired = ~np.isnan(gaps[i])
        verdicts.append(
            MetricVerdict(
                metric=rules[m].metric,
                role=roles[i],
                family=families[i],
                verdict=_verdict(answer, have, gone),
                shown=answer.verdict,
                margin=margins[i][0],
                margin_as=str(rules[m].margin),
                noise_floor=floors.get(rules[m].metric.name),
                baseline_mean=_mean(scores, m, b, paired),
                candidate_mean=_mean(scores, m, c, paired),
                mean=answer.mean,
                interval=answer.interval,
                p=answer.p,
                p_holm=answer.p_holm,
                videos=answer.videos,
                needed=answer.needed,
                lost=tuple(case for case, is_gone in zip(plan.cases, gone, strict=True) if is_gone),
                note=margins[i][1],
            )
        )
    return tuple(verdicts)


def _verdict(answer: Answer, have: Bool[np.ndarray, " case"], gone: Bool[np.ndarray, " case"]) -> Verdict:
    if not have.any():
        return "not comparable"
    if gone.any():
        return "missing" if gone[have].all() else "regressed"
    return answer.verdict


def _role(rule: Judged, scores: CaseScores, metric: int, baseline: int) -> Role:
    """A metric that the baseline does not have gates only where the policy asks for it by name."""
    return rule.role if rule.named or scores.moments[metric, baseline].any() else "info"


def _mean(scores: CaseScores, metric: int, system: int, videos: Bool[np.ndarray, " video"] | None) -> float | None:
    by_video: Float64[np.ndarray, " video"] = per_video(scores.means[metric, system], scores.plan)
    values = by_video[~np.isnan(by_video) if videos is None else videos & ~np.isnan(by_video)]
    return exact_mean(values.tolist()) if len(values) else None


def _margin(rule: Judged, baseline: float | None, floor: float | None) -> tuple[float | None, str]:
    """The margin in the metric's unit, and what is to be said about it. None without a baseline's mean."""
    name, asked = rule.metric.name, rule.margin
    value = asked.absolute
    if asked.relative is not None:
        if baseline is None:
            return None, ""
        value = asked.relative * abs(baseline)
        if value == 0.0:
            raise UsageError(
                f"{name}: the baseline's mean is 0, so a share of it is no margin.",
                f"[metrics.{name}] margin = {{ absolute = … }}",
            )
    elif asked.noise is not None:
        if floor is None:
            raise UsageError(
                f"{name}: its margin is in noise floors, and none is known.",
                "keepframe calibrate SPEC measures it.",
            )
        value = asked.noise * floor
    assert value is not None
    if floor is None or value >= floor:
        return value, ""
    if rule.named:
        raise UsageError(
            f"{name}: the margin {value:.3g} is below the noise floor: runs of one system differ by up to {floor:.3g}.",
            f"[metrics.{name}] margin = {{ noise = 1.0 }} or more.",
        )
    return floor, f"margin widened from {value:.3g} to the noise floor"


def _lost(results: Results, scores: CaseScores, found: tuple[MetricVerdict, ...]) -> tuple[Lost, ...]:
    """Every case that some metric lost, once where all of them did."""
    known = {
        (row["case"], row["metric"]): f"{row['stage']}: {row['error']}: {row['message']}"
        for row in results.failures.to_pylist()
        if row["system"] == CANDIDATE
    }
    plan = scores.plan
    moments = scores.moments[:, plan.systems.index(CANDIDATE)]
    metrics, cases = [m.name for m in plan.metrics], {case: i for i, case in enumerate(plan.cases)}
    lost: dict[tuple[str, str | None], str] = {}
    for metric in found:
        for case in metric.lost:
            if (case, None) in known:
                lost[case, None] = known[case, None]
                continue
            name = metric.metric.name
            some = moments[metrics.index(name), cases[case]]
            why = "moments have no score that is a number" if some else "nothing is stored: the run is not finished"
            lost[case, name] = known.get((case, name), why)
    return tuple(Lost(case, name, why) for (case, name), why in sorted(lost.items(), key=lambda item: str(item[0])))


def _worst_metric(found: tuple[MetricVerdict, ...]) -> str | None:
    """The metric that lost most of its margin, among those that gate where one does."""
    tried = [m for m in found if m.mean is not None and m.margin]
    gating = [m for m in tried if m.role == "gate"] or tried
    return min(gating, key=lambda m: (m.mean or 0.0) / (m.margin or 1.0)).metric.name if gating else None


def _worst(results: Results, scores: CaseScores, metric: str) -> tuple[Worst, ...]:
    """The videos with the largest losses, largest first, each with its worst moment."""
    plan = scores.plan
    m = next(i for i, info in enumerate(plan.metrics) if info.name == metric)
    sign = plan.metrics[m].sign
    gaps = per_video(scores.differences(m, [plan.systems.index(CANDIDATE)], plan.systems.index(BASELINE))[0], plan)
    order = [v for v in np.argsort(gaps, kind="stable") if gaps[v] < 0][:WORST]
    wanted = [plan.videos[v] for v in order]
    mine = pc.and_(
        pc.equal(results.scores["metric"], metric), pc.is_in(results.scores["group"], pa.array(wanted, pa.string()))
    )
    rows = results.scores.filter(mine)
    values: dict[tuple[str, str, int], dict[str, tuple[float, float]]] = {}
    columns = ("group", "case", "moment", "system", "value", "at_s")
    for group, case, moment, system, value, at_s in zip(*(rows[c].to_pylist() for c in columns), strict=True):
        values.setdefault((group, case, moment), {})[system] = value, at_s
    worst = []
    for v in order:
        video = plan.videos[v]
        moments = [
            (sign * (both[CANDIDATE][0] - both[BASELINE][0]), case, moment, both)
            for (group, case, moment), both in values.items()
            if group == video and len(both) == 2
        ]
        _, case, moment, both = min(moments, key=lambda one: one[:3])
        at_s = both[BASELINE][1] or 0.0
        worst.append(Worst(video, case, moment, at_s, float(gaps[v]), both[BASELINE][0], both[CANDIDATE][0]))
    return tuple(worst)


def _left_out(scores: CaseScores) -> tuple[str, ...]:
    """What the candidate answered and the baseline did not: no loss, but not compared either."""
    one, other = (scores.moments[:, scores.plan.systems.index(name)] for name in (BASELINE, CANDIDATE))
    cases = int(((other > one).any(axis=0) & (one > 0).any(axis=0)).sum())
    more = int((~(one > 0).any(axis=0) & (other > 0).any(axis=0)).sum())
    lines = [f"Not compared, since only the candidate answered: {count(more, 'case')}."] if more else []
    lines += [f"Compared in part, since the baseline has fewer scores: {count(cases, 'case')}."] if cases else []
    return tuple(lines)


def _warnings(results: Results, found: tuple[MetricVerdict, ...], not_finite: int, videos: int) -> tuple[str, ...]:
    lines = list(results.run.get("warnings") or ())
    unavailable = results.run.get("unavailable") or {}
    for metric in found:
        name = metric.metric.name
        if metric.verdict == "not comparable":
            failed = (row["message"] for row in results.failures.to_pylist() if row["metric"] == name)
            why = unavailable.get(name) or next(failed, "the baseline has no score.")
            lines.append(f"{name} was not compared: {why.splitlines()[0]}")
        if metric.note:
            lines.append(f"{name}: {metric.note}.")
    if not_finite:
        lines.append(f"{not_finite} scores of the candidate are not numbers; they count as lost.")
    if videos < PROVED_VIDEOS:
        lines.append(f"Only {count(videos, 'video')}: the intervals are proved from {PROVED_VIDEOS} on.")
    return tuple(lines)
