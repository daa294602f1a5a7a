"""VBench-2.0's dimensions that have a video told in words, and the words compared with what was asked.

VBench-2.0 has one model look and another compare; here one judge does both, in our wordings. One defect is not
repeated: for landscapes that are not told as a list, VBench-2.0 compares the second part with its own verdict on the
first.
"""

import re

from bench.errors import KeepframeError
from suites.features.protocols import Evidence, Feature, Reads
from suites.judging.protocol import DroppedOut
from suites.vbench2.asking import Asking, Questions, texts


def numbered(text: str) -> list[str]:
    """The items of a numbered list.

    >>> numbered("1. A dog runs. 2. It sleeps.")
    ['A dog runs.', 'It sleeps.']
    """
    return [part.strip() for part in re.split(r"\d+\.\s+", text) if part.strip()]


def matched(asking: Asking, wanted: list[str], told: list[str], about: str) -> float:
    """The part of what was `wanted` that is `told`, item by item in order; the first that is not ends it.

    A story that is no list is held as a whole against each.
    """
    stories = told if len(told) > 1 else told * len(wanted)
    count = 0
    for k, (want, story) in enumerate(zip(wanted, stories, strict=False)):
        if not asking.yes_of(f"match-{k}", f"{about}\nAsked for: {want}\nTold: {story}\n", _SAME, ()):
            break
        count += 1
    return count / len(wanted)


_SAME = "Does what is told contain what was asked for, in meaning if not in the same words?"


class _Told(Questions):
    form: str
    about: str
    slots: int | None  # items of the list that the judge is asked for; None: as many as were wanted

    def score(self, evidence: Evidence, asking: Asking) -> float:
        wanted = texts(evidence.question(self.dimension), self.dimension)
        slots = self.slots or len(wanted)
        told = numbered(asking.whole("story", f"{self.form} Write a numbered list of at most {slots} sentences."))
        return matched(asking, wanted, told[: len(wanted)], self.about)


class ComplexPlot(_Told):
    """VBench-2.0-style Complex_Plot: how far does the story go on as written? 0 to 1."""

    dimension = "complex_plot"
    form = "Tell the plot of the video, event by event, in order."
    about = "Look at who does what; names, clothes and background do not matter, but a part of an event is not enough."
    slots = None


class ComplexLandscape(_Told):
    """VBench-2.0-style Complex_Landscape: how far does the camera's way through a landscape go as written? 0 to 1."""

    dimension = "complex_landscape"
    form = "Describe the landscape that the video shows, view by view, in order, and how the camera moves."
    about = "Look at the landscape only."
    slots = 5


class MotionOrderUnderstanding(Questions):
    """VBench-2.0-style Motion_Order_Understanding: do two actions happen in the order asked? 0 or 1, or no answer."""

    dimension = "motion_order_understanding"

    def score(self, evidence: Evidence, asking: Asking) -> float:
        wanted = texts(evidence.question(self.dimension), self.dimension, least=2)[:2]
        told = numbered(asking.whole("story", "Name the two actions of the video in order: 1. … 2. …"))
        if len(told) < 2:
            raise DroppedOut.because(evidence.clip, f"the judge did not name two actions, but {told}")
        about = "Look at the action only. It must have happened: holding a thing is not using it."
        return float(matched(asking, wanted, told[:2], about) == 1.0)


class HumanInteraction(Questions):
    """VBench-2.0-style Human_Interaction: do two people do to each other what was asked? 0 or 1."""

    dimension = "human_interaction"
    asks = False

    @property
    def reads(self) -> tuple[Reads, ...]:
        return ("judge", "prompt")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        if not evidence.prompt.strip():
            raise KeepframeError(f"{evidence.clip.path.name} has no prompt.", "Give one with --prompts.")
        return super().features(evidence)

    def score(self, evidence: Evidence, asking: Asking) -> float:
        deed = asking.whole("deed", "Say in one sentence what one person does to another in the video.")
        story = asking.whole("story", "Describe the video in detail.")
        about = f"Look at what people do to each other only.\nAsked for: {evidence.prompt}\nTold: {deed}\n"
        same = asking.yes_of("same", about, _SAME, ())
        several = asking.yes_of("several", f"A video was described so: {story}\n", "Is more than one person in it?", ())
        return float(same and several)
