"""ViCLIP's view of stretches of a video: the whole of it, a storyboard's segments, windows that slide."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from bench import weights
from bench.types import Clip, Prompt
from bench.video.read import frame_at
from suites.features.networks import device
from suites.features.protocols import Arrays, View
from suites.features.sampling import middle
from suites.features.views import clip_crop_bytes, clip_squash, imagenet_squash

Preparation = Literal["vbench", "internvideo", "mteb"]
VIEWS: dict[Preparation, View] = {
    "vbench": clip_crop_bytes,
    "internvideo": imagenet_squash,
    "mteb": clip_squash,
}
LOOKS = 8  # frames of a stretch

Stretch = tuple[int, int]
"""Frames [first, end)."""


class ViclipWindows:
    """`embedding[stretch, channel]` of length 1, by the middle frames of eight equal parts of each stretch.

    `preparation` names whose preprocessing: VBench's (CLIP's crop and mean; the default, and what its scores are
    made with), InternVideo's demo (squashed, ImageNet's mean) or mteb's (squashed, CLIP's mean). Their numbers differ.
    """

    version = "1"

    def __init__(
        self, stretches: Sequence[Stretch], *, preparation: Preparation = "vbench", source: str = "viclip-l14"
    ) -> None:
        self.name = f"{source} {preparation} {'+'.join(f'{first}-{end}' for first, end in stretches)}"
        self.weights: tuple[str, ...] = (source,)
        self.view: View | None = VIEWS[preparation]
        self._looks = [[first + at for at in middle(end - first, LOOKS)] for first, end in stretches]

    def frames(self, clip: Clip) -> Sequence[int]:
        return sorted({frame for looks in self._looks for frame in looks})

    def begin(self, clip: Clip) -> "_Windows":
        from suites.viclip.model import loaded

        return _Windows(loaded(weights.path(self.weights[0])), self.frames(clip), self._looks)


class _Windows:
    """Holds prepared frames only until the last stretch that needs them is complete."""

    def __init__(self, model: Any, frames: Sequence[int], looks: list[list[int]]) -> None:
        self._model = model
        self._coming = iter(frames)
        self._looks = looks
        self._held: dict[int, Any] = {}
        self._rows: dict[int, np.ndarray] = {}

    def write(self, frames: Any) -> None:
        for frame in frames:
            number = next(self._coming)
            self._held[number] = frame
            for row, looks in enumerate(self._looks):
                if looks[-1] == number and row not in self._rows:
                    self._rows[row] = self._embedding([self._held[look] for look in looks])
            needed = {look for row, looks in enumerate(self._looks) if row not in self._rows for look in looks}
            self._held = {held: one for held, one in self._held.items() if held in needed}

    def finish(self) -> Arrays:
        return {"embedding": np.stack([self._rows[row] for row in range(len(self._looks))])}

    def _embedding(self, frames: list[Any]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return np.asarray(self._model.video(torch.stack(frames)[None].to(device()))[0].cpu().numpy())


def whole(clip: Clip) -> list[Stretch]:
    """All of a video as one stretch, however long: what VBench does."""
    return [(0, clip.frames)]


def sliding(clip: Clip, window_s: float = 2.0, step_s: float | None = None) -> list[Stretch]:
    """Windows of `window_s`, one every `step_s` (default: side by side); the last ends with the video.

    A video that is shorter than a window is one window.
    """
    fps = float(clip.fps)
    length, step = max(1, round(window_s * fps)), max(1, round((step_s or window_s) * fps))
    last = max(0, clip.frames - length)
    starts = [*range(0, last, step), last]
    return [(start, min(start + length, clip.frames)) for start in starts]


def segments(clip: Clip, storyboard: Sequence[Prompt]) -> list[tuple[Prompt, Stretch]]:
    """Each line of a storyboard with the frames that it is about. Lines that begin after the video's end are left out.

    >>> from fractions import Fraction
    >>> from pathlib import Path
    >>> from bench.types import Size
    >>> clip = Clip(Path("a.mp4"), "", Fraction(2), Size(8, 8), tuple(k / 2 for k in range(8)), 4.0)
    >>> [stretch for _, stretch in segments(clip, [Prompt(0.0, "a cat"), Prompt(1.5, "a dog"), Prompt(9.0, "a cow")])]
    [(0, 3), (3, 8)]
    >>> segments(clip, [])
    []
    """
    shown = [line for line in storyboard if line.at_s < clip.duration_s]
    starts = [frame_at(clip, line.at_s) for line in shown]
    ends = [*starts, clip.frames][1:]
    return [(line, (start, end)) for line, start, end in zip(shown, starts, ends, strict=True) if end > start]
