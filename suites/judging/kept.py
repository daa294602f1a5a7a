"""Answers by content: a judge is paid once for one question about the same pictures.

The address holds the judge's name, the question's text and the pictures' digests. What an answer cost is written to
`spent.jsonl` at the moment it is paid, so that an interrupted run loses neither money nor count.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from bench.digest import digest_bytes, key
from bench.errors import StoreError
from suites.judging.protocol import Inquiry, Judge, Reply, answers


class Spent(NamedTuple):
    """What judges cost: questions that were asked of them, tokens, and dollars where prices are known."""

    questions: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0


class Kept:
    """A judge whose answers are kept in a folder; itself a judge. Processes may share the folder."""

    def __init__(self, judge: Judge, root: Path) -> None:
        self.name = judge.name
        self._judge = judge
        self._root = root

    def available(self) -> str | None:
        return self._judge.available()

    def ask(self, inquiry: Inquiry) -> Reply:
        """The kept answer, which costs nothing, or the judge's. Raises what the judge raises, or StoreError."""
        pictures = [digest_bytes(one) for one in inquiry.pictures]
        at = key("answer", judge=self.name, question=inquiry.text, pictures=pictures)
        path = self._root / at[:2] / f"{at}.json"
        try:
            text = str(json.loads(path.read_text(encoding="utf-8"))["text"])
            if answers(inquiry, text):
                return Reply(text)
        except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: it is asked anew
            pass
        reply = self._judge.ask(inquiry)
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        cost = {"tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out, "dollars": reply.dollars}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _ledger(self._root).open("a", encoding="utf-8") as ledger:  # a short line is written in one go
                ledger.write(json.dumps({"judge": self.name, **cost}) + "\n")
            if not answers(inquiry, reply.text):  # paid for, but no answer: --retry asks again
                return reply
            aside.write_text(json.dumps({"question": inquiry.text, "text": reply.text}), encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            raise StoreError(f"Cannot write {path}: {error.strerror}.", "Make room, then run it again.") from error
        return reply


def spent(root: Path) -> Spent:
    """All that was ever paid for answers in this folder."""
    path = _ledger(root)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return Spent(
        len(rows),
        sum(row["tokens_in"] for row in rows),
        sum(row["tokens_out"] for row in rows),
        sum(row["dollars"] for row in rows),
    )


def _ledger(root: Path) -> Path:
    return root / "spent.jsonl"
