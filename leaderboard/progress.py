"""How far a run is, in a sentence, and the command that helps when something is missing."""

from collections.abc import Collection
from dataclasses import dataclass

from reports.comparison import Comparison


@dataclass(frozen=True)
class Progress:
    """Scores (one a case, system and metric): planned, there, lost to a failure, without a meaning, not made yet."""

    planned: int
    done: int
    failed: int
    dropped: int = 0

    @property
    def missing(self) -> int:
        return max(0, self.planned - self.done - self.failed - self.dropped)


def progress(comparison: Comparison, unavailable: Collection[str] = ()) -> Progress:
    """Counted over what the comparison covers, but for metrics that are `unavailable` here: nobody waits for these."""
    counted = [metric.name for metric in comparison.metrics if metric.name not in unavailable]
    cells = [cell for cell in comparison.cells if cell.metric in counted]
    failures = [group for group in comparison.failures if group.metric is None or group.metric in counted]
    return Progress(
        planned=sum(cell.planned for cell in cells),
        done=sum(cell.cases for cell in cells),
        failed=sum(len(group.cases) * (1 if group.metric else len(counted)) for group in failures if not group.dropped),
        dropped=sum(len(group.cases) for group in failures if group.dropped),
    )


def remark(found: Progress) -> tuple[str, str] | None:
    """What to say above the table, with the command; None for a run that is done."""
    if found.missing:
        there = f"{found.done:,} of {found.planned:,} scores are there" if found.done else "There are no scores yet"
        return (
            f"{there}: the run is in progress, or was stopped. Reload this page to see new rows; "
            "the command that started the run goes on where it stopped.",
            "keepframe status",
        )
    if found.failed and not found.done:
        return (
            "Every case failed. The reasons are listed below; once they are mended, try again what failed.",
            "keepframe run SPEC.toml --retry",
        )
    return None
