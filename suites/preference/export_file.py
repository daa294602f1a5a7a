"""The export of a study, read back: whoever has it can rank the votes again, without our ledger and without us."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UsageError
from suites.preference.record import OVERALL, Record
from suites.preference.votes import Vote, gather

VOTES, EVENTS, STUDY = "votes.parquet", "events.jsonl", "study.json"


def read_export(folder: Path) -> Record:
    """The record of what `keepframe study export` wrote into this folder.

    Raises `UsageError` for files that are missing or are not an export.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(folder / VOTES)
        told = json.loads((folder / STUDY).read_text(encoding="utf-8"))
        lines = (folder / EVENTS).read_text(encoding="utf-8").splitlines()
        excluded = _excluded(json.loads(line) for line in lines)
        rows = [row for row in table.to_pylist() if row["kind"] != "practice"]
        return _record(told, rows, excluded)
    except (OSError, pa.ArrowInvalid, json.JSONDecodeError, KeyError) as error:
        raise UsageError(
            f"{folder} cannot be read as an export: {error}.", "keepframe study export STUDY --into FOLDER makes one."
        ) from error


def _record(told: dict[str, Any], rows: list[dict[str, Any]], excluded: dict[str, str]) -> Record:
    answered = [(row, OVERALL, row["choice"]) for row in rows if row["kind"] == "real"]
    for row in list(rows):
        if row["kind"] == "real" and not row["repeat"]:
            answered += [(row, criterion, choice) for criterion, choice in json.loads(row["criteria"]).items()]
    if not answered:
        raise UsageError("The export has no vote on two systems.", "Wait for votes, and export again.")
    both = gather(Vote(row["left"], row["right"], said, row["rater"], row["prompt"], on) for row, on, said in answered)
    again = np.array([row["repeat"] for row, _, _ in answered])
    raters = {name: at for at, name in enumerate(both.raters)}
    checks = [row for row in rows if row["kind"] in ("gold", "trap") and row["rater"] in raters]
    active = [row["propensity"] if row["scheduler"] == "active" else np.nan for row, _, _ in answered]
    return Record(
        title=str(told["config"]["title"]),
        votes=both.where(~again),
        at_s=np.array([row["received_ms"] / 1e3 for row, _, _ in answered])[~again],
        propensity=np.array(active)[~again],
        check_rater=np.array([raters[row["rater"]] for row in checks], dtype=np.int64),
        check_right=np.array([row["choice"] == row["expected"] for row in checks], dtype=bool),
        repeats=both.where(again),
        excluded=excluded,
        simulated=bool(told["simulated"]) or any(row["simulated"] for row in rows),
        head=str(told["head"]),
    )


def _excluded(events: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Raters whose last word among `exclude` and `include` is an exclusion, with its reason."""
    found: dict[str, str] = {}
    for event in events:
        if event["kind"] == "exclude":
            found[event["subject"]] = str(event["body"].get("reason") or "no reason given")
        elif event["kind"] == "include":
            found.pop(event["subject"], None)
    return found
