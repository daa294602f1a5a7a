"""The sentences of a check: why the verdict is what it is, most important first."""

from collections.abc import Sequence

from reports.gate.policy import Policy
from reports.gate.verdicts import Check, Lost, MetricVerdict
from reports.glossary import metric_title
from reports.grids import plus_minus


def reasons(found: Sequence[MetricVerdict], lost: Sequence[Lost], policy: Policy) -> tuple[str, ...]:
    """One sentence for lost cases, one for each metric that gates; the worst first."""
    lines = []
    if lost:
        cases = list(dict.fromkeys(one.case for one in lost))
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        lines.append(
            f"{count(len(cases), 'case')} that the baseline answered {'has' if len(cases) == 1 else 'have'} no answer "
            f"or lost scores: {', '.join(cases[:3])}{more}. The first: {lost[0].why}"
        )
    order = {v: i for i, v in enumerate(("regressed", "missing", "not comparable", "inconclusive", "improved", "pass"))}
    gating = [metric for metric in found if metric.role == "gate"]
    lines += [metric_sentence(metric, policy) for metric in sorted(gating, key=lambda m: order[m.verdict])]
    return tuple(lines)


def metric_sentence(metric: MetricVerdict, policy: Policy) -> str:
    """`PSNR: regressed. -0.61 ±0.12 dB on 50 videos, margin 0.25.`"""
    start = f"{metric_title(metric.metric.name)}: {metric.verdict}."
    if metric.verdict in ("missing", "not comparable"):
        who = "candidate" if metric.verdict == "missing" else "baseline"
        return f"{start} The {who} has no score."
    text = f"{start} {difference(metric)} on {count(metric.videos, 'video')}, margin {_number(metric.margin)}."
    if metric.lost:
        return f"{text} {count(len(metric.lost), 'case')} lost."
    if metric.verdict != "inconclusive":
        small = metric.verdict == "pass" and metric.interval is not None and metric.interval.high < 0
        return f"{text} A loss is shown, but less than the margin." if small else text
    if metric.videos < policy.minimum_videos:
        return f"{text} Nothing is concluded from fewer than {policy.minimum_videos} videos."
    return f"{text} {needed(metric.needed)}"


def difference(metric: MetricVerdict) -> str:
    """The mean difference with half of its interval and its unit, + for better."""
    text = plus_minus(metric.mean, metric.interval, signed=True)
    return f"{text} {metric.metric.unit}" if metric.metric.unit else text


def needed(videos: int | None) -> str:
    """How many videos in all would settle it."""
    if videos is None:
        return "The difference is about as large as the margin: no reasonable number of videos settles that."
    return f"About {videos} videos in all would settle it."


def headline(check: Check) -> str:
    """The verdict in a sentence."""
    gating = [metric for metric in check.metrics if metric.role == "gate"]

    def by(*verdicts: str) -> str:
        names = [metric_title(m.metric.name) for m in gating if m.shown in verdicts]
        return f" by {' and '.join(names)}" if names else ""

    if check.verdict == "regressed":
        said = [f"worse than the baseline{by('regressed')}"] if by("regressed") or not check.lost else []
        if check.lost:
            said.append(f"{count(len({one.case for one in check.lost}), 'case')} lost")
        return f"Regressed: {', and '.join(said)}."
    if check.verdict == "improved":
        return f"Improved: better than the baseline{by('improved')}, and no loss as large as a margin."
    if check.verdict == "inconclusive":
        more = "" if check.needed is None else f" About {check.needed} videos in all would settle it."
        return (
            f"Inconclusive{by('inconclusive')}: {count(check.videos, 'video')} cannot tell.{more}"
            if gating
            else "Inconclusive."
        )
    return "Not comparable." if check.verdict == "not comparable" else "Pass: no loss as large as a margin."


def sides_sentence(check: Check) -> str:
    """Which runs were compared; empty where nothing was."""
    if not check.metrics:
        return ""
    new, old = check.candidate, check.baseline
    return (
        f"{new.system} of run {new.run[:8]} against {old.system} of run {old.run[:8]}, {count(check.videos, 'video')}."
    )


def look_sentence(check: Check) -> str:
    """Which look it was, and what it cost; empty where nothing was looked at."""
    look = check.look
    if look is None:
        return ""
    before = f" after {', then '.join(look.earlier)}" if look.earlier else ""
    return f"Look {look.number} of {look.of}{before}, at {1 - look.alpha:.4g} confidence."


def count(n: int, what: str) -> str:
    """
    >>> count(1, "case"), count(2, "case")
    ('1 case', '2 cases')
    """
    return f"{n} {what}{'' if n == 1 else 's'}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
