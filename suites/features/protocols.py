"""What a feature is, and what a metric of a whole video is. Protocols: nothing inherits from anything of ours.

The metrics of `suites/metrics` compare a recalled frame with the true one. Those here judge a video by itself, and
most of them read the same few networks' answers about the same frames. So the answers are named things of their
own, *features*: computed once per clip in one pass, kept by content address, and read by any number of metrics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from bench.errors import KeepframeError, UnavailableError
from bench.types import Clip, Frames, Prompt
from suites.judging.protocol import Judge

Arrays = dict[str, np.ndarray]
"""A feature's outcome: named arrays."""

View = Callable[[Frames], Any]
"""How frames are prepared (resized, cropped, normalised): `[time, …]` in, `[time, …]` out, frame by frame.

Features that name the same function share its result, so it must be a module's function and not a fresh lambda.
"""


Reads = Literal["prompt", "annotation", "siblings", "judge", "questions", "face", "tracker", "interpolator", "anatomy"]
"""What a score may depend on beside the frames. Siblings are the other videos of the same prompt; the last four are
models of the user's (suites/features/plugins.py)."""


@runtime_checkable
class Reading(Protocol):
    """A feature in the middle of a clip. Holds what it needs of the past and no more."""

    def write(self, frames: Any) -> None:
        """The next of the frames that were asked for, in order, as the feature's view gives them."""

    def finish(self) -> Arrays: ...


@runtime_checkable
class Feature(Protocol):
    """Something about a clip that is worth computing once.

    `name` includes whatever arguments decide the numbers: two features of one name are one feature. `weights` are
    names of `bench.weights_catalogue`. How the frames are cut into chunks must not change the outcome.
    """

    name: str
    version: str
    weights: tuple[str, ...]
    view: View | None  # None: the frames as decoded, uint8 RGB in the clip's own size

    def frames(self, clip: Clip) -> Sequence[int]:
        """The frame numbers it needs, ascending, no repeats.

        Raises KeepframeError when the clip is too short (or too small) for it.
        """

    def begin(self, clip: Clip) -> Reading: ...


class Series(NamedTuple):
    """Values, and the frame that each belongs to. A value about a whole video belongs to its frame 0."""

    frames: Int64[np.ndarray, " value"]
    values: Float64[np.ndarray, " value"]

    @classmethod
    def one(cls, value: float) -> "Series":
        """One value about the whole video."""
        return cls(np.zeros(1, np.int64), np.array([value], np.float64))


@dataclass(frozen=True)
class Evidence:
    """All that a metric may look at: the clip's facts, its features by name, what it should show, what is known.

    `storyboard` holds the *evaluation* prompts: models are often given longer ones, and scores against those do not
    compare. Most videos have one line of it. `questions` is what a benchmark's prompt list says of this video, by
    dimension; `models` are those that the user brought, by kind.
    """

    clip: Clip
    features: Mapping[str, Arrays] = field(default_factory=dict)
    storyboard: tuple[Prompt, ...] = ()
    annotation: Path | None = None  # the `keepframe-annotation` JSON beside the clip
    judge: Judge | None = None
    questions: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The one line of the storyboard; empty where there is none or more."""
        return self.storyboard[0].text if len(self.storyboard) == 1 else ""

    def asked(self) -> Judge:
        """The judge. Raises UnavailableError when none was named or it cannot be asked here."""
        if self.judge is None:
            raise UnavailableError("Nobody is there to judge.", "Name a judge: keepframe score … --judge answers.csv")
        missing = self.judge.available()
        if missing is not None:
            raise UnavailableError(*missing.split("\n  ", 1))
        return self.judge

    def question(self, dimension: str) -> Any:
        """What the prompt list says for this dimension. Raises KeepframeError when it says nothing of this video."""
        if dimension not in self.questions and self.questions:
            raise KeepframeError(
                f"The prompt list asks {', '.join(self.questions)} of {self.clip.path.stem}, not {dimension}.",
                "Nothing is to be mended where videos of several dimensions lie in one folder: it counts in no mean.",
            )
        if dimension not in self.questions:
            raise KeepframeError(
                f"No prompt list says what {dimension} asks about {self.clip.path.stem}.",
                "Give the benchmark's own list: keepframe score … --prompts VBench2_full_info.json",
            )
        return self.questions[dimension]

    def model(self, kind: str) -> Any:
        """A model that the user brought. Raises UnavailableError when there is none of this kind."""
        if kind not in self.models:
            raise UnavailableError(
                f"No model of kind {kind!r} was named.", f"Bring one: keepframe score … --model {kind}=./mine.py:Attr"
            )
        return self.models[kind]


@runtime_checkable
class VideoMetric(Protocol):
    """A score of a video without a reference. The mean of its values is the video's score.

    `available()` is None when the metric can run here, else the sentence that says what is missing and the command
    that fetches it. `reads` names what its values depend on beside the frames, so that it gets into the address.
    A metric may also have `caution(prompts) -> str | None`: what to say to the user about these prompts; and
    `once_a_prompt = True`: of the videos `prompt-0`, `prompt-1`, … only the first is scored, together with the others.
    """

    name: str
    version: str
    unit: str
    better: Literal["higher", "lower", "neutral"]

    @property
    def reads(self) -> tuple[Reads, ...]: ...

    def available(self) -> str | None: ...

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        """What it wants computed; `evidence.features` is still empty.

        Raises KeepframeError when this video cannot be scored at all (no prompt, no annotation).
        """

    def __call__(self, evidence: Evidence) -> Series:
        """Raises KeepframeError when this video cannot be scored: that is a failed row, never a zero."""
