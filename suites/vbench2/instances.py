"""VBench-2.0's Instance_Preservation: does anything appear, vanish, merge or split without a cause?

VBench-2.0 cuts a video into clips of two seconds, one beginning each second, and asks a model of its own about each.
Here the judge sees the frames of those stretches; nothing is encoded again. Where VBench-2.0 counts a failure of its
model as a good answer, here the video has a failed row.
"""

from typing import Literal

import numpy as np

from bench.types import Clip
from suites.features.protocols import Evidence, Feature, Reads, Series
from suites.judging.pictures import SteadyPictures, steady
from suites.judging.protocol import Inquiry, says_yes

STRETCH_S, STEP_S, LOOK_FPS = 2.0, 1.0, 4.0

QUESTION = (
    "These pictures are frames of a short stretch of one video, in order. {about}Does any person, animal or thing "
    "appear from nothing, vanish into nothing, melt together with another or split in two, in a way that neither "
    "leaving the picture nor being hidden explains? Answer with yes or no only."
)


def stretches(clip: Clip) -> list[tuple[float, float]]:
    """Two seconds from every second on; a shorter video is one stretch."""
    starts = np.arange(0.0, max(clip.duration_s - STRETCH_S, 0.0) + 1e-6, STEP_S)
    return [(float(start), float(start) + STRETCH_S) for start in starts]


class InstancePreservation:
    """VBench-2.0-style Instance_Preservation: 1 when nothing appears, vanishes or merges unexplained, else 0."""

    name = "vbench2_instance_preservation"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ("judge", "questions")

    def available(self) -> str | None:
        return None

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        evidence.asked()
        return (SteadyPictures(LOOK_FPS),)

    def __call__(self, evidence: Evidence) -> Series:
        judge, clip = evidence.asked(), evidence.clip
        who = evidence.questions.get("instance_preservation")
        question = QUESTION.format(about=f"Look at: {who}. " if isinstance(who, str) else "")
        looks = [(clip.times_s[frame], picture) for frame, picture in steady(evidence, LOOK_FPS)]
        broken = False
        for k, (first, end) in enumerate(stretches(clip)):
            pictures = tuple(picture for at_s, picture in looks if first <= at_s < end)
            answer = judge.ask(Inquiry(clip.path.stem, f"{self.name}.{k}", question, pictures, yes_or_no=True))
            if says_yes(answer.text):
                broken = True
                break
        return Series.one(0.0 if broken else 1.0)
