"""How much of a run is there: answers with a score, answers that failed, answers that are still to come."""

from dataclasses import dataclass

from bench.store import Results


@dataclass(frozen=True)
class Progress:
    """Answers, that is pairs of a system and a case. `moments` is how many different moments were asked and scored."""

    planned: int
    scored: int
    failed: int
    moments: int

    @property
    def missing(self) -> int:
        """Neither scored nor failed: not measured yet."""
        return self.planned - self.scored - self.failed


def progress(results: Results) -> Progress:
    """Count the answers of a run."""

    def pairs(table: str) -> set[tuple[str, str]]:
        rows = getattr(results, table).group_by(["system", "case"], use_threads=False).aggregate([])
        return {(row["system"], row["case"]) for row in rows.to_pylist()}

    scored = pairs("scores")
    moments = results.scores.group_by(["case", "moment"], use_threads=False).aggregate([])
    return Progress(len(pairs("planned")), len(scored), len(pairs("failures") - scored), moments.num_rows)
