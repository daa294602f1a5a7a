"""Answers by content: a judge is paid once for one question about the same pictures.

The address holds the judge's name, the question's text and the pictures' digests. What an answer cost is written to
`spent.jsonl` at the moment it is paid, so that an interrupted run loses neither money nor count.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench.digest import digest_bytes, key
from bench.errors import KeepframeError, StoreError
from suites.judging.protocol import Inquiry, Judge, Reply, answers, spoken


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
        """The kept answer, which costs nothing, or the judge's, both without the thoughts before it.

        Raises what the judge raises, KeepframeError for an empty answer (which is paid for, too), or StoreError.
        """
        pictures = [digest_bytes(one) for one in inquiry.pictures]
        at = key("answer", judge=self.name, question=inquiry.text, pictures=pictures)
        path = self._root / at[:2] / f"{at}.json"
        try:
            text = spoken(str(json.loads(path.read_text(encoding="utf-8"))["text"]))
            if text and answers(inquiry, text):
                return Reply(text)
        except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: it is asked anew
            pass
        reply = self._judge.ask(inquiry)
        reply = reply._replace(text=spoken(reply.text))
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        cost = {"tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out, "dollars": reply.dollars}
        who = {"judge": self.name, "model": reply.model}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _ledger(self._root).open("a", encoding="utf-8") as ledger:  # a short line is written in one go
                ledger.write(json.dumps(who | cost) + "\n")
            if not reply.text:
                raise KeepframeError(
                    f"The judge said nothing when asked for {inquiry.name} about {inquiry.video}.",
                    "If it thinks before it speaks, give it room (&max_tokens=4096); else take another, or --retry.",
                )
            if not answers(inquiry, reply.text):  # paid for, but no answer: --retry asks again
                return reply
            kept = {"question": inquiry.text, "text": reply.text, "model": reply.model}
            aside.write_text(json.dumps(kept), encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            raise StoreError(f"Cannot write {path}: {error.strerror}.", "Make room, then run it again.") from error
        return reply


def spent(root: Path) -> Spent:
    """All that was ever paid for answers in this folder."""
    rows = _rows(root)
    return Spent(
        len(rows),
        sum(row["tokens_in"] for row in rows),
        sum(row["tokens_out"] for row in rows),
        sum(row["dollars"] for row in rows),
    )


def answered_by(root: Path, judge: str) -> list[str]:
    """The models that ever answered as this judge in this folder, by the names that the server gave them."""
    return sorted({row["model"] for row in _rows(root) if row["judge"] == judge and row.get("model")})


def _rows(root: Path) -> list[dict[str, Any]]:
    path = _ledger(root)
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        with suppress(ValueError):  # a machine that lost power in the middle of a line
            found.append(json.loads(line))
    return found


def _ledger(root: Path) -> Path:
    return root / "spent.jsonl"
