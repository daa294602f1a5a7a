"""What a run found, in a few plain sentences: what was measured, what is best and what ties with it, which floors
are not beaten, and what is best for its bytes.

Every claim of a difference is one that the paired tests of `reports.compare` support; where they do not, the sentence
says so.
"""

from collections.abc import Mapping, Sequence

from bench.store import Results
from reports.compare import compare
from reports.comparison import Comparison, MetricInfo, SystemRow
from reports.glossary import BOUNDS, metric_title
from reports.grids import amount, plus_minus
from reports.look import Look


def headline(comparison: Comparison, metric: MetricInfo | None) -> str:
    """One sentence: what is best by the first metric that has scores, and what ties with it."""
    if metric is None:
        return "Nothing could be measured."
    ranked = _ranked(comparison, metric)
    best = ranked[0]
    cell = comparison.cell(best.name, metric.name)
    score = _with_unit(plus_minus(cell.mean, cell.interval), metric)
    score += f" at {_rate(best)}" if best.costs.kbit_per_s is not None else ""
    if len(ranked) == 1:
        return f"{best.name} recalls with a {metric_title(metric.name)} of {score}."
    ties = [s.name for s in ranked[1:] if comparison.cell(s.name, metric.name).top]
    start = f"{best.name} recalls best, with a {metric_title(metric.name)} of {score}"
    if cell.interval is None:
        return f"{start}; one video cannot show whether that is more than chance."
    if metric.sign == 0:
        return f"{best.name} has the highest {metric_title(metric.name)}, {score}; this metric has no better or worse."
    return f"{start}; {_listed(ties)} cannot be told apart from it." if ties else f"{start}, ahead of all others."


def findings(results: Results, comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look]) -> list[str]:
    """The sentences after the headline; none without scores and rates."""
    if metric.sign == 0:
        return []
    ranked = _ranked(comparison, metric)
    said = [bound(results, comparison, metric, looks, ranked) for bound in (_on_floors, _on_ceiling)]
    said += [_at_fewer_bytes(results, metric, s, ranked) for s in ranked if looks[s.name].role == "tested"][:3]
    said.append(_frontier(comparison, metric, looks, ranked))
    return [sentence for sentence in said if sentence]


def _ranked(comparison: Comparison, metric: MetricInfo) -> list[SystemRow]:
    """The contenders with a score, best first; where there are none but ceilings, those."""
    means = {s.name: comparison.cell(s.name, metric.name).mean for s in comparison.systems}
    scored = [s for s in comparison.systems if means[s.name] is not None]
    scored = [s for s in scored if not s.ceiling] or scored
    return sorted(scored, key=lambda s: (-(metric.sign or 1) * (means[s.name] or 0.0), s.name))


def _on_floors(
    results: Results, comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look], ranked: Sequence[SystemRow]
) -> str:
    """Against the strongest floor."""
    floors = [s for s in ranked if looks[s.name].role == "floor"]
    others = [s for s in ranked if looks[s.name].role in ("tested", "codec", "frames")]
    if not floors or not others:
        return ""
    floor = floors[0]
    cell = comparison.cell(floor.name, metric.name)
    start = f"The strongest floor, {floor.name}, scores {_with_unit(plus_minus(cell.mean, cell.interval), metric)}"
    if cell.interval is None:
        return f"{start}."
    pairs = compare(results, baseline=floor.name, systems=[s.name for s in others]).differences
    better = {d.system for d in pairs if d.metric == metric.name and d.verdict == "better"}
    beaten = [s.name for s in others if s.name not in better]
    if not beaten:
        return f"{start}, and every memory that is no floor is shown to be better."
    return f"{start}, and {_listed(beaten)} {'is' if len(beaten) == 1 else 'are'} not shown to be better than that."


def _on_ceiling(
    results: Results, comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look], ranked: Sequence[SystemRow]
) -> str:
    """How far the best memory under test is below the highest ceiling. A codec is not read through it."""
    means = {s.name: comparison.cell(s.name, metric.name).mean for s in comparison.systems if s.ceiling}
    known = {name: metric.sign * mean for name, mean in means.items() if mean is not None}
    if not known:
        return ""
    ceiling = max(known, key=lambda name: (known[name], name))
    cell = comparison.cell(ceiling, metric.name)
    start = f"The ceiling, {ceiling}, scores {_with_unit(plus_minus(cell.mean, cell.interval), metric)}"
    best = next((s.name for s in ranked if looks[s.name].role == "tested"), None)
    if best is None or cell.interval is None:
        return f"{start}."
    pairs = compare(results, baseline=ceiling, systems=[best]).differences
    pair = next((d for d in pairs if d.metric == metric.name), None)
    if pair is None or pair.mean is None:
        return f"{start}."
    gap = _with_unit(plus_minus(abs(pair.mean), pair.interval), metric)
    side = "below" if (pair.mean < 0) == (metric.sign > 0) else "above"
    return f"{start}; {best}, the best under test, is {gap} {side} it, paired by video."


def _at_fewer_bytes(results: Results, metric: MetricInfo, system: SystemRow, ranked: Sequence[SystemRow]) -> str:
    """A system under test against the best of those that cost no more bytes."""
    rate = system.costs.bytes_per_s
    if rate is None:
        return ""
    cheaper = [s for s in ranked if s.name != system.name and (s.costs.bytes_per_s or rate + 1) <= rate]
    start = f"{system.name} keeps {_rate(system)}"
    if not cheaper:
        return f"{start}; nothing in this run keeps less."
    rival = cheaper[0]
    pairs = compare(results, baseline=rival.name, systems=[system.name]).differences
    pair = next((d for d in pairs if d.metric == metric.name), None)
    against = f"{rival.name} ({_rate(rival)}), the best of those that keep no more bytes"
    if pair is None or pair.mean is None or pair.interval is None:
        return f"{start}; to be compared with {against}."
    if pair.verdict not in ("better", "worse"):
        gap = _with_unit(plus_minus(pair.mean, pair.interval, signed=True), metric)
        return f"{start} and is not shown to differ from {against}: {gap}, paired by video, plus being better."
    gap = _with_unit(plus_minus(abs(pair.mean), pair.interval), metric)
    return f"{start} and is {pair.verdict} by {gap}, paired by video, than {against}."


def _frontier(
    comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look], ranked: Sequence[SystemRow]
) -> str:
    """Those that no cheaper contender outscores, by their means; floors and controls are not worth naming."""
    ordered = sorted((s for s in ranked if s.costs.bytes_per_s is not None), key=lambda s: s.costs.bytes_per_s or 0.0)
    kept: list[SystemRow] = []
    best = float("-inf")
    for system in ordered:
        score = metric.sign * (comparison.cell(system.name, metric.name).mean or 0.0)
        if score > best:
            best = score
            if looks[system.name].role not in BOUNDS:
                kept.append(system)
    if len(kept) < 2:
        return ""
    return f"By their means, nothing cheaper beats {_listed([f'{s.name} ({_rate(s)})' for s in kept], most=12)}."


def _with_unit(score: str, metric: MetricInfo) -> str:
    return f"{score} {metric.unit}" if metric.unit else score


def _rate(system: SystemRow) -> str:
    return f"{amount(system.costs.kbit_per_s)} kbit/s"


def _listed(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; what is past `most` is counted."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
