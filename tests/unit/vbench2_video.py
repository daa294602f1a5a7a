"""For the tests of VBench-2.0: a clip, a judge that answers as it is told, a tracker of known points."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.types import Frames, Prompt, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from suites.features.one_pass import extract
from suites.features.protocols import Evidence
from suites.judging.protocol import Inquiry, Reply
from suites.vbench2.instances import InstancePreservation
from suites.vbench2.yes_no import DynamicAttribute

SIZE = Size(200, 100)


class Judge:
    """Answers by a function of the question; remembers what it was asked."""

    name = "fake"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer
        self.asked: list[Inquiry] = []

    def available(self) -> str | None:
        return None

    def ask(self, inquiry: Inquiry) -> Reply:
        self.asked.append(inquiry)
        return Reply(self._answer(inquiry.text.splitlines()[-1]))


def filmed(folder: Path) -> Evidence:
    """A still clip of four seconds, with the features that questions need."""
    clip = probe(write_clip("static", 0, folder, size=Size(96, 64), fps=8, seconds=4))
    features = extract(
        clip, [*DynamicAttribute().features(with_judge(Evidence(clip), Judge(str), dynamic_attribute=["?"]))]
    )
    steady = extract(clip, [*InstancePreservation().features(with_judge(Evidence(clip), Judge(str)))])
    return Evidence(clip, {**features.arrays, **steady.arrays}, (Prompt(0.0, "One person hugs another."),))


def with_judge(evidence: Evidence, judge: Judge, **questions: Any) -> Evidence:
    return Evidence(
        evidence.clip, evidence.features, evidence.storyboard, judge=judge, questions=questions, models=evidence.models
    )


def ask(metric: Any, video: Evidence, answer: Callable[[str], str], **questions: Any) -> tuple[float, Judge]:
    one = Judge(answer)
    (value,) = metric(with_judge(video, one, **questions)).values
    return float(value), one


def unless(*wrong: str) -> Callable[[str], str]:
    return lambda question: "No." if any(part in question for part in wrong) else "Yes, it is."


def tracks(step: Callable[[np.ndarray, int], np.ndarray], frames: int = 41) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(10, 190, 10), np.linspace(5, 95, 10))
    start = np.stack([x, y], axis=-1).reshape(100, 2)
    return np.stack([step(start, t) for t in range(frames)])


class Tracker:
    """Says that everything moves left by a pixel a frame."""

    name = "fake tracker"

    def begin(self, size: Size, grid: int) -> Any:
        class Following:
            frames = 0

            def write(self, frames: Frames) -> None:
                self.frames += len(frames)

            def finish(self) -> np.ndarray:
                return tracks(lambda p, t: p - (t, 0), self.frames) * np.array(size) / np.array(SIZE)

        return Following()
