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

from bench.types import Clip, Frames, Prompt

Arrays = dict[str, np.ndarray]
"""A feature's outcome: named arrays."""

View = Callable[[Frames], Any]
"""How frames are prepared (resized, cropped, normalised): `[time, …]` in, `[time, …]` out, frame by frame.

Features that name the same function share its result, so it must be a module's function and not a fresh lambda.
"""


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
    names of the catalogue (`bench/weights.py`). How the frames are cut into chunks must not change the outcome.
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
    compare. Most videos have one line of it.
    """

    clip: Clip
    features: Mapping[str, Arrays] = field(default_factory=dict)
    storyboard: tuple[Prompt, ...] = ()
    annotation: Path | None = None  # the `keepframe-annotation` JSON beside the clip

    @property
    def prompt(self) -> str:
        """The one line of the storyboard; empty where there is none or more."""
        return self.storyboard[0].text if len(self.storyboard) == 1 else ""


@runtime_checkable
class VideoMetric(Protocol):
    """A score of a video without a reference. The mean of its values is the video's score.

    `available()` is None when the metric can run here, else the sentence that says what is missing and the command
    that fetches it. `reads` names what its values depend on beside the frames, so that it gets into the address.
    A metric may also have `caution(prompts) -> str | None`: what to say to the user about these prompts.
    """

    name: str
    version: str
    unit: str
    better: Literal["higher", "lower", "neutral"]
    reads: tuple[Literal["prompt", "annotation"], ...]

    def available(self) -> str | None: ...

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        """What it wants computed; `evidence.features` is still empty.

        Raises KeepframeError when this video cannot be scored at all (no prompt, no annotation).
        """

    def __call__(self, evidence: Evidence) -> Series:
        """Raises KeepframeError when this video cannot be scored: that is a failed row, never a zero."""
