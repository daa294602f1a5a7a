"""Votes from a CSV file and back: to rank what another tool collected, and to hand on what ours did."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.errors import UsageError
from suites.preference.record import OVERALL, Record
from suites.preference.votes import Outcome, Vote, Votes, gather

COLUMNS = ("left", "right", "outcome", "rater", "prompt")
OPTIONAL = ("criterion", "kind", "correct", "at_s", "simulated", "propensity", "excluded")
KINDS = ("real", "repeat", "gold", "trap")
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_YES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


def read_votes(path: Path) -> Record:
    """Votes from a CSV file with a header.

    Columns: left, right (names of systems), outcome (left, right, tie, both_bad, cannot_judge), rater, prompt; and if
    known criterion (default: overall), kind (real, repeat, gold, trap), correct (of gold and trap: yes or no), at_s
    (Unix seconds), simulated (yes or no), propensity (only of pairs that were drawn actively), excluded (the reason;
    empty: not excluded). Other columns are not
    read. Raises `UsageError` that names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a byte order mark in front
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(
                    f"{path} has no column {', '.join(missing)}.", f"A file of votes has: {', '.join(COLUMNS)}."
                )
            rows = list(_rows(path, reader))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a file of votes: {error}.", "Give it a CSV file.") from error
    judged = [row for row in rows if row["kind"] in ("real", "repeat")]
    if not any(row["kind"] == "real" for row in judged):
        raise UsageError(f"{path} has no vote on two systems.", "Is it the right file?")
    both = gather(Vote(*(row[name] for name in (*COLUMNS, "criterion"))) for row in judged)
    real = np.array([row["kind"] == "real" for row in judged])
    raters = {name: at for at, name in enumerate(both.raters)}
    checks = [row for row in rows if row["kind"] in ("gold", "trap") and row["rater"] in raters]
    at_s, propensity = (np.array([_number(row[name]) for row in judged])[real] for name in ("at_s", "propensity"))
    return Record(
        title=path.stem,
        votes=both.where(real),
        at_s=at_s,
        propensity=propensity,
        check_rater=np.array([raters[row["rater"]] for row in checks], dtype=np.int64),
        check_right=np.array([_YES[row["correct"]] for row in checks], dtype=bool),
        repeats=_overall(both.where(~real)),
        excluded={row["rater"]: row["excluded"] for row in rows if row["excluded"]},
        simulated=any(_YES[row["simulated"]] for row in rows),
    )


def write_votes(found: Record, path: Path) -> None:
    """A record as a file that `read_votes` reads: its votes, repeats and checks. (A check's pair is not known.)"""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *OPTIONAL))
        for kind, votes in (("real", found.votes), ("repeat", found.repeats)):
            known = (found.at_s, found.propensity) if kind == "real" else (np.full(len(votes), np.nan),) * 2
            for at in range(len(votes)):
                at_s, propensity = ("" if math.isnan(column[at]) else repr(float(column[at])) for column in known)
                rater = votes.raters[votes.rater[at]]
                row: list[object] = [votes.systems[votes.left[at]], votes.systems[votes.right[at]]]
                row += [OUTCOMES[votes.outcome[at]], rater, votes.prompts[votes.prompt[at]]]
                row += [votes.criteria[votes.criterion[at]], kind, "", at_s, _said(found.simulated), propensity]
                writer.writerow([*row, found.excluded.get(rater, "")])
        for rater_at, right in zip(found.check_rater.tolist(), found.check_right.tolist(), strict=True):
            row = ["check", "check", "left", found.votes.raters[rater_at], "check", OVERALL, "gold", _said(right)]
            writer.writerow([*row, "", _said(found.simulated), "", ""])


def _rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    """Rows with every known column, checked."""
    allowed: dict[str, Sequence[str]] = {
        "outcome": OUTCOMES,
        "kind": KINDS,
        "correct": list(_YES),
        "simulated": list(_YES),
    }
    for row in reader:
        found = {name: (row.get(name) or "").strip() for name in (*COLUMNS, *OPTIONAL)}
        found["kind"], found["criterion"] = found["kind"] or "real", found["criterion"] or OVERALL
        found |= {name: found[name].lower() for name in ("simulated", "correct")}
        problems = [f"{name} is empty" for name in COLUMNS if not found[name]]
        problems += [f"{name} is {found[name]!r}" for name, known in allowed.items() if found[name] not in known]
        problems += [f"{name} is {found[name]!r}" for name in ("at_s", "propensity") if not _is_number(found[name])]
        if found["kind"] in ("real", "repeat") and found["left"] == found["right"]:
            problems.append(f"{found['left']!r} is shown against itself")
        if problems:
            raise UsageError(f"{path}, line {reader.line_num}: {'; '.join(problems)}.", "Mend the line.")
        yield found


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _is_number(text: str) -> bool:
    try:
        return not text or math.isfinite(float(text))
    except ValueError:
        return False


def _overall(votes: Votes) -> Votes:
    if OVERALL not in votes.criteria:
        return votes
    return votes.on(OVERALL)


def _said(yes: bool) -> str:
    return "yes" if yes else "no"
