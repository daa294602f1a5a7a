"""The stored scores of a run for the clips that people voted on: does a metric see what people see?

A study of a run's answers has the run's systems, and its cases as prompts; names join them.
"""

from collections.abc import Sequence

import numpy as np

from bench.errors import UsageError
from bench.stats import exact_mean
from bench.store import Results
from suites.preference.findings import Scored


def stored_scores(results: Results, systems: Sequence[str], prompts: Sequence[str]) -> dict[str, Scored]:
    """Every metric that has a direction, as the mean over the moments of each case; NaN where there is none.

    Raises `UsageError` when no score belongs to these systems and prompts.
    """
    at_system, at_prompt = ({name: at for at, name in enumerate(names)} for names in (systems, prompts))
    grouped = results.scores.group_by(["system", "case", "metric", "better"]).aggregate([("value", "list")])
    found: dict[str, Scored] = {}
    for row in grouped.to_pylist():
        if row["better"] == "neutral" or row["system"] not in at_system or row["case"] not in at_prompt:
            continue
        name = row["metric"]
        if name not in found:
            found[name] = Scored(np.full((len(systems), len(prompts)), np.nan), row["better"] == "higher")
        found[name].values[at_system[row["system"]], at_prompt[row["case"]]] = exact_mean(row["value_list"])
    if not found:
        raise UsageError(
            f"Run {results.key[:8]} has no score of a system on a prompt of this study.",
            "Name the run that the study was made from: --run.",
        )
    return {name: found[name] for name in sorted(found)}
