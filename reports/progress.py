"""How much of a run is there: answers with a score, answers that failed, answers that are still to come."""

from dataclasses import dataclass

import pyarrow as pa

from bench.store import Results
from reports.unscored import lost


@dataclass(frozen=True)
class Progress:
    """Answers, that is pairs of a system and a case; no metric applies to those `dropped`. `moments` is how many
    different moments were asked and scored."""

    planned: int
    scored: int
    failed: int
    dropped: int
    moments: int

    @property
    def missing(self) -> int:
        """Nothing is known of it: not measured yet."""
        return self.planned - self.scored - self.failed - self.dropped


def progress(results: Results) -> Progress:
    """Count the answers of a run."""

    def pairs(table: pa.Table) -> set[tuple[str, str]]:
        rows = table.group_by(["system", "case"], use_threads=False).aggregate([])
        return {(row["system"], row["case"]) for row in rows.to_pylist()}

    scored = pairs(results.scores)
    failed, dropped = (pairs(table) for table in lost(results))
    moments = results.scores.group_by(["case", "moment"], use_threads=False).aggregate([])
    return Progress(
        planned=len(pairs(results.planned)),
        scored=len(scored),
        failed=len(failed - scored),
        dropped=len(dropped - failed - scored),
        moments=moments.num_rows,
    )
