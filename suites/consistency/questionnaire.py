"""The paper's questionnaire in our words: does a character, a scene, an object, clothing stay the same?

Each asks a gate first: a video in which nobody is to be seen says nothing about characters, so it drops out instead
of counting as a failure. Then three questions; the video's score is the part answered with yes.

Source: the evaluation of arXiv 2512.23851 (its appendix with the wordings is not published, nor how many frames its
judge saw, so scores compare among runs of this file and not with the paper's tables).
"""

from typing import Literal, NamedTuple

import numpy as np

from bench.digest import key
from suites.features.protocols import Evidence, Feature, Reads, Series
from suites.judging.pictures import Pictures, shown
from suites.judging.protocol import DroppedOut, Inquiry, says_yes, shares

PICTURES = 16

_SHOWN = (
    f"These {PICTURES} pictures are frames of one video, in order and evenly spread from its beginning to its end. "
)
_FORM = " Answer with yes or no only."


class Sheet(NamedTuple):
    """A gate and three questions, each by its short name."""

    gate: str
    questions: tuple[tuple[str, str], tuple[str, str], tuple[str, str]]


CHARACTER = Sheet(
    "Is at least one character (a person, an animal or a figure that acts) clearly visible in the video?",
    (
        (
            "face",
            "Whenever the main character's face is visible, does it stay the same face: its shape, its features, "
            "its hair and its apparent age?",
        ),
        (
            "body",
            "Does the main character's body keep the same build, proportions and height throughout, without parts "
            "that appear, vanish or deform?",
        ),
        (
            "identity",
            "Would a viewer take the main character for one and the same individual in every picture that shows it?",
        ),
    ),
)
SCENE = Sheet(
    "Is a background or an environment visible in the video?",
    (
        (
            "layout",
            "Whenever the same place is shown, are its large parts (walls, ground, buildings, furniture, horizon) "
            "arranged in the same way?",
        ),
        (
            "lighting",
            "Whenever the same place is shown, do its light and colours stay the same, or change only as time of day "
            "or weather in the video explain?",
        ),
        (
            "details",
            "Whenever the same place is shown, are its smaller details still there and unchanged, without things that "
            "appear or vanish for no reason?",
        ),
    ),
)
OBJECT = Sheet(
    "Is at least one distinct object that is not a person prominently visible in the video?",
    (
        ("shape", "Does the most prominent object keep the same shape and size, apart from what the view explains?"),
        ("surface", "Does the most prominent object keep the same colours and the same texture?"),
        (
            "physics",
            "Does the most prominent object behave as a real thing would: no melting, floating, merging or jumping "
            "without a cause?",
        ),
    ),
)
CLOTHING = Sheet(
    "Is at least one character visible who wears clothing that can be told apart?",
    (
        ("colour", "Does the main character's clothing keep the same colours whenever it is visible?"),
        (
            "style",
            "Does the main character's clothing keep the same kind, cut and design: the same garments, collars, "
            "sleeves, prints and accessories?",
        ),
        ("texture", "Does the main character's clothing keep the same material and texture?"),
    ),
)


class _Questionnaire:
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("judge",)
    name: str
    version: str
    sheet: Sheet

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        evidence.asked()
        return (Pictures(PICTURES),)

    def __call__(self, evidence: Evidence) -> Series:
        judge = evidence.asked()
        pictures, video = shown(evidence, PICTURES), evidence.clip.path.stem

        def yes(part: str, question: str) -> bool:
            inquiry = Inquiry(video, f"{self.name}.{part}", _SHOWN + question + _FORM, pictures, yes_or_no=True)
            return says_yes(judge.ask(inquiry).text)

        if not yes("gate", self.sheet.gate):
            raise DroppedOut.because(evidence.clip, f"the judge said no to “{self.sheet.gate}”")
        answers = [yes(part, question) for part, question in self.sheet.questions]
        return Series(np.zeros(3, np.int64), np.array(shares(answers)))


def _version(sheet: Sheet) -> str:
    """The wording is part of the address of every score."""
    return "1-" + key("sheet", shown=_SHOWN, form=_FORM, gate=sheet.gate, questions=sheet.questions)[:8]


class JudgedCharacter(_Questionnaire):
    """Char: do face, body and identity of the main character stay the same, as a judge sees it? 0 to 1."""

    name = "judged_character"
    sheet = CHARACTER
    version = _version(CHARACTER)


class JudgedScene(_Questionnaire):
    """Scene: do layout, light and details of a place stay the same, as a judge sees it? 0 to 1."""

    name = "judged_scene"
    sheet = SCENE
    version = _version(SCENE)


class JudgedObject(_Questionnaire):
    """Obj: does the main object keep shape and surface and behave like one, as a judge sees it? 0 to 1."""

    name = "judged_object"
    sheet = OBJECT
    version = _version(OBJECT)


class JudgedClothing(_Questionnaire):
    """Cloth: does clothing keep colour, style and texture, as a judge sees it? 0 to 1."""

    name = "judged_clothing"
    sheet = CLOTHING
    version = _version(CLOTHING)
