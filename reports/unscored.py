"""What a run could not score, and how that is said: once, before its tables, and by the exit code of its command.

Three things lack a score and are not the same. A metric is *unavailable* where its weights or packages are not on this
machine: it is not tried. A row *failed* where something went wrong. A metric *does not apply* to a video that it has
nothing to ask of (nobody leaves who could come back).
"""

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from bench.store import Results
from reports.grids import counted
from runners.console import err, say
from runners.plan import Plan
from suites.judging.protocol import DroppedOut


def by_reason(why: Mapping[str, str]) -> dict[str, list[str]]:
    """Metrics by the reason that they share, from reasons by metric."""
    sharing: dict[str, list[str]] = {}
    for metric, reason in sorted(why.items()):
        sharing.setdefault(reason, []).append(metric)
    return sharing


def unavailable_said(why: Mapping[str, str]) -> list[str]:
    """From reasons by metric: those with the same reason in one sentence.

    >>> unavailable_said({"b": "No weights.\\n  fetch w", "a": "No weights.\\n  fetch w", "c": "No package."})
    ['a, b are unavailable: No weights.\\n  fetch w', 'c is unavailable: No package.']
    """
    return [
        f"{', '.join(metrics)} {'is' if len(metrics) == 1 else 'are'} unavailable: {reason}"
        for reason, metrics in by_reason(why).items()
    ]


def noted(plan: Plan) -> list[str]:
    """Says what has to be said of the question before its answers; what was said comes back, so that no table repeats
    it."""
    lines = [*plan.warnings, *unavailable_said(plan.unavailable)]
    for line in lines:
        say(f"note: {line}", to=err)
    return lines


def lost(results: Results) -> tuple[pa.Table, pa.Table]:
    """The rows without a score: those that failed, and those to which their metric does not apply."""
    dropped = pc.equal(results.failures["error"], DroppedOut.__name__)
    return results.failures.filter(pc.invert(dropped)), results.failures.filter(dropped)


def lost_said(results: Results) -> str:
    """How many rows have no score, and why: `2 failed, 1 does not apply`."""
    failed, dropped = (table.num_rows for table in lost(results))
    return f"{failed:,} failed" + (f", {dropped:,} {'does' if dropped == 1 else 'do'} not apply" if dropped else "")


def ended(results: Results, unavailable: Collection[str]) -> int:
    """The exit code of a run that came to its end: 1, with the reason and the way out, where not one score came of it.
    Failed rows beside scores are results."""
    if results.scores.num_rows:
        return 0
    failed, _ = lost(results)
    missing = f", {counted(len(unavailable), 'metric')} unavailable" if unavailable else ""
    ways = ["fetch or install what is missing"] if unavailable else []
    ways += ["mend what failed and add --retry"] if failed.num_rows else []
    way = " or ".join(ways) or "ask for metrics that apply to these videos"
    said = f"keepframe: nothing was scored: {lost_said(results)}{missing}.\n  {way[0].upper()}{way[1:]}."
    say(said, to=err)
    return 1
