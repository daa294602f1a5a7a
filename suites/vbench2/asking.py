"""How VBench-2.0's questions are put to a judge: 64 pictures, their times, and one question at a time."""

from typing import Literal

import numpy as np

from bench.errors import KeepframeError
from suites.features.protocols import Evidence, Feature, Reads, Series
from suites.judging.pictures import Pictures, sampled, shown
from suites.judging.protocol import Inquiry, says_yes
from suites.vbench2.dimensions import PREFIX

PICTURES = 64
FORM = "Answer the question about this video with yes or no only."


class Questions:
    """What the dimensions that ask a judge share. `score` gives one value; the video drops out when it raises.

    `dimension` is VBench-2.0's name in small letters with underscores, `asks` whether its prompt list holds questions.
    """

    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    dimension: str
    asks = True

    @property
    def name(self) -> str:
        return PREFIX + self.dimension

    @property
    def reads(self) -> tuple[Reads, ...]:
        return ("judge", "questions") if self.asks else ("judge",)

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        evidence.asked()
        if self.asks:
            evidence.question(self.dimension)
        return (Pictures(PICTURES),)

    def __call__(self, evidence: Evidence) -> Series:
        return Series.one(self.score(evidence, Asking(evidence, self.name)))

    def score(self, evidence: Evidence, asking: "Asking") -> float:
        raise NotImplementedError


class Asking:
    """The judge, before one video."""

    def __init__(self, evidence: Evidence, metric: str) -> None:
        self._judge = evidence.asked()
        self._metric = metric
        self._clip = evidence.clip
        self.pictures = shown(evidence, PICTURES)
        times = [self._clip.times_s[frame] for frame in sampled(self._clip.frames, PICTURES)]
        self.times = ", ".join(f"{at_s:.2f} s" for at_s in times)

    def says(self, part: str, question: str, pictures: tuple[bytes, ...] = (), *, yes_or_no: bool = False) -> str:
        """The judge's words; `part` names the question in a file of answers."""
        inquiry = Inquiry(self._clip.path.stem, f"{self._metric}.{part}", question, pictures, yes_or_no)
        return self._judge.ask(inquiry).text

    def whole(self, part: str, question: str, *, yes_or_no: bool = False) -> str:
        """The judge's words about the whole video."""
        about = self._about(self._clip.duration_s, self.times)
        return self.says(part, f"{about} {question}", self.pictures, yes_or_no=yes_or_no)

    def yes(self, part: str, question: str) -> bool:
        """Whether the answer about the whole video is yes. Raises KeepframeError for neither yes nor no."""
        return says_yes(self.whole(part, f"{FORM}\n{question}", yes_or_no=True))

    def yes_of(self, part: str, about: str, question: str, pictures: tuple[bytes, ...]) -> bool:
        """Whether the answer about some of the pictures, or about a text, is yes."""
        return says_yes(self.says(part, f"{about} {FORM}\n{question}", pictures, yes_or_no=True))

    def _about(self, seconds: float, times: str) -> str:
        return (
            f"The video lasts {seconds:.2f} seconds. {PICTURES} frames were taken from it, evenly spread and in order, "
            f"at {times}."
        )


def texts(found: object, dimension: str, least: int = 1) -> list[str]:
    """A list of texts of a prompt list. Raises KeepframeError when it is something else."""
    if not isinstance(found, list) or len(found) < least or not all(isinstance(one, str) for one in found):
        raise KeepframeError(
            f"The prompt list has no {least} texts for {dimension}, but {str(found)[:80]}.",
            "Use the list as VBench-2.0 publishes it: keepframe weights fetch vbench2-prompts",
        )
    return found


def share(answers: list[bool]) -> float:
    """The part of the answers that is yes.

    >>> share([True, False])
    0.5
    """
    return float(np.mean(answers))
