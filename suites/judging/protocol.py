"""What a judge is: something that is shown pictures of a video and a question, and answers in words.

Who judged is part of the result. So a judge's `name` says all that decides its answers (which one, which model and
version), and stands in the address of every score that it helped to make.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from bench.errors import KeepframeError
from bench.types import Clip


class DroppedOut(KeepframeError):
    """The metric does not apply to this video: a gate was not passed, nobody left who could come back. It counts in
    no mean, and not as failed either.

    >>> from fractions import Fraction
    >>> from pathlib import Path
    >>> from bench.types import Size
    >>> clip = Clip(Path("a.mp4"), "", Fraction(8), Size(8, 8), (0.0,), 0.125)
    >>> DroppedOut.because(clip, "nobody is seen").what
    'a: nobody is seen.'
    """

    @classmethod
    def because(cls, clip: Clip, why: str) -> "DroppedOut":
        """With the video's name in front, and nothing to be mended."""
        return cls(f"{clip.path.stem}: {why}.", "Nothing is to be mended: it counts in no mean.")


class Reply(NamedTuple):
    """What came back, what it cost, and which model answered, where the judge says so."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    model: str = ""


@dataclass(frozen=True)
class Inquiry:
    """One question about one video.

    `video` and `name` tell answers in a file apart; other judges see the text and the pictures (JPEG, in order) alone.
    `yes_or_no`: nothing else is an answer, and what else comes back is not kept as one.
    """

    video: str
    name: str
    text: str
    pictures: tuple[bytes, ...] = ()
    yes_or_no: bool = False


@runtime_checkable
class Judge(Protocol):
    """Anything that answers. It must answer the same when asked the same again, as well as it can (temperature 0)."""

    name: str

    def available(self) -> str | None:
        """None when it can be asked, else what is missing and the command that brings it."""

    def ask(self, inquiry: Inquiry) -> Reply:
        """Raises KeepframeError when there is no answer to be had."""


def says_yes(answer: str) -> bool:
    """Whether an answer means yes: the first of the words yes and no decides.

    Raises KeepframeError for an answer with neither: nonsense is not a no.

    >>> says_yes("Yes."), says_yes("**No**, the coat is not the same: yes, really.")
    (True, False)
    """
    found = _decides(answer)
    if found is None:
        raise KeepframeError(
            f"The judge was asked for yes or no and said: {_short(answer)!r}.",
            "Try again with --retry, or use another judge or a larger model.",
        )
    return found == "yes"


def answers(inquiry: Inquiry, text: str) -> bool:
    """Whether the text is an answer to this question at all."""
    return not inquiry.yes_or_no or _decides(text) is not None


def spoken(text: str) -> str:
    """An answer without the thoughts that some models write before it; empty where they never came to an end.

    >>> spoken("<think>Is it yes or no? Yes, if…</think> No."), spoken("<think>Is it yes")
    ('No.', '')
    """
    _thoughts, ended, said = text.rpartition("</think>")
    return said.strip() if ended else said.partition("<think>")[0].strip()


def _decides(answer: str) -> str | None:
    plain = re.sub(r"\byes\W+(or|and|nor)\W+no\b|\byes/no\b", "", answer.lower())  # the question's words again
    found = re.search(r"\b(yes|no)\b", plain)
    return found[1] if found else None


def shares(answers: Sequence[bool]) -> list[float]:
    """Answers as numbers, 1 for yes.

    >>> shares([True, False])
    [1.0, 0.0]
    """
    return [float(answer) for answer in answers]


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
