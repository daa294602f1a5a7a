"""Does a video show what was asked: ViCLIP's cosine of video and text, for the whole or line by line.

VBench's overall_consistency and temporal_style are the same code on two lists of prompts, so here they are one
computation under two names. Over a storyboard the cosine of the whole video with one line means little; the lines
are scored one by one.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench import weights
from bench.errors import KeepframeError
from bench.types import Prompt
from suites.features.protocols import Evidence, Feature, Series
from suites.judging.protocol import DroppedOut
from suites.vbench.consistency import missing
from suites.viclip.windows import Stretch, ViclipWindows, segments, sliding, whole


class _Alignment:
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ("prompt",)

    def available(self) -> str | None:
        return missing(("viclip-l14",), "open_clip")

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        lines = self.lines(evidence)
        for line, _ in lines:  # before the video is looked at, which takes a hundred times as long as the text
            if not line.text.strip():
                raise KeepframeError(
                    f"{evidence.clip.path.name}: the prompt at {line.at_s:g} s is empty.",
                    "Give one with --prompts, or a caption in the folder's manifest.",
                )
        return (ViclipWindows([stretch for _, stretch in lines]),)

    def lines(self, evidence: Evidence) -> list[tuple[Prompt, Stretch]]:
        """What each stretch of the video should show. Raises KeepframeError where nobody says."""
        raise NotImplementedError

    def caution(self, prompts: Sequence[str]) -> str | None:
        """What the user should know about these prompts before believing the scores."""
        from suites.viclip.text import tokens

        longer = [prompt for prompt in prompts if prompt.strip() and tokens(prompt).cut]
        if not longer:
            return None
        return (
            f"ViCLIP reads 30 byte pairs of a prompt, and the ends of longer ones do not count: {len(longer)} of "
            f"{len(prompts)} here. The first: {longer[0][:60]}…"
        )

    def __call__(self, evidence: Evidence) -> Series:
        from suites.viclip.model import loaded
        from suites.viclip.text import embedding

        lines = self.lines(evidence)
        (feature,) = self.features(evidence)
        model = loaded(weights.path("viclip-l14"))
        texts = np.stack([embedding(model, line.text) for line, _ in lines])
        values = (evidence.features[feature.name]["embedding"] * texts).sum(axis=1)
        return Series(np.array([first for _, (first, _) in lines], np.int64), values.astype(np.float64))


class OverallConsistency(_Alignment):
    """Cosine of the video and its prompt in ViCLIP. Good matches lie at 0.2 to 0.3.

    The tower reads 30 byte pairs of a prompt: the rest of a longer one does not count, as in VBench.
    """

    name = "overall_consistency"

    def lines(self, evidence: Evidence) -> list[tuple[Prompt, Stretch]]:
        if not evidence.prompt.strip():
            why = "has several prompts" if len(evidence.storyboard) > 1 else "has no prompt"
            raise KeepframeError(
                f"{evidence.clip.path.name} {why}.", "Give one with --prompts, or ask for segment_consistency."
            )
        return [(Prompt(0.0, evidence.prompt), whole(evidence.clip)[0])]


class TemporalStyle(OverallConsistency):
    """VBench's temporal_style: overall_consistency, on prompts that ask for a camera or a pace."""

    name = "temporal_style"


class SegmentConsistency(_Alignment):
    """Cosine of each storyboard line and the stretch of video that it is about. One value a line."""

    name = "segment_consistency"

    def lines(self, evidence: Evidence) -> list[tuple[Prompt, Stretch]]:
        found = segments(evidence.clip, evidence.storyboard)
        if not found:
            raise KeepframeError(
                f"{evidence.clip.path.name} has no storyboard.", "Give prompts, or an annotation with a storyboard."
            )
        return found


class WindowSimilarity:
    """Cosine in ViCLIP of every stretch of two seconds with the first one: video against video. One value a stretch.

    Unlike a frame's features these see motion. It falls as a story goes on, so compare with real footage.
    """

    name = "window_similarity"
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "neutral"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()

    def available(self) -> str | None:
        return missing(("viclip-l14",))

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return (ViclipWindows(sliding(evidence.clip)),)

    def __call__(self, evidence: Evidence) -> Series:
        windows = sliding(evidence.clip)
        if len(windows) < 2:
            raise DroppedOut.because(evidence.clip, "it is one stretch of two seconds, and there is no other")
        (feature,) = self.features(evidence)
        embedding = evidence.features[feature.name]["embedding"]
        starts = np.array([first for first, _ in windows[1:]], np.int64)
        return Series(starts, (embedding[1:] @ embedding[0]).astype(np.float64))
