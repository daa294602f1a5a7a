"""A judge whose answers were written down before: by people, or by a model that ran elsewhere.

A CSV with the columns `video`, `question` and `answer`, or one JSON object a line with those keys. Questions go by
their names, such as `char.gate`; `keepframe score --judge answers.csv` says which one is missing.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.digest import digest_file
from bench.errors import KeepframeError, UsageError
from suites.judging.protocol import Inquiry, Reply, spoken

COLUMNS = ("video", "question", "answer")


class AnswersFile:
    """Answers by video (the file's name without its ending) and question. Its digest is in its name.

    Raises UsageError when the file cannot be read as answers, or answers a question twice and differently.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[tuple[str, str], str] = {}
        try:
            for row in _rows(path):
                video, question, answer = (str(row[name]) for name in COLUMNS)
                if self._answers.setdefault((video, question), answer) != answer:
                    raise ValueError(f"{video} has two answers to {question}")
            self.name = f"answers {digest_file(path)[:16]}"
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            what = f"it has no column {error}" if isinstance(error, KeyError) else error
            raise UsageError(
                f"{path} cannot be read as answers: {what}.", "Its columns are: video,question,answer"
            ) from error

    def available(self) -> str | None:
        return None

    def ask(self, inquiry: Inquiry) -> Reply:
        answer = self._answers.get((inquiry.video, inquiry.name))
        if answer is None:
            raise KeepframeError(
                f"{self._path} has no answer to {inquiry.name} about {inquiry.video}.",
                f"Add the line: {inquiry.video},{inquiry.name},yes",
            )
        return Reply(spoken(answer))


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".csv":
        return list(csv.DictReader(text.splitlines(), skipinitialspace=True))
    return [json.loads(line) for line in text.splitlines() if line.strip()]
