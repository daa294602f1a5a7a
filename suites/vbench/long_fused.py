"""VBench-Long's clip-to-clip branch and its joint score: how alike the first frames of the clips are.

In-clip scores cannot see that the second clip shows another dog. So VBench-Long also puts the clips' first frames side
by side and runs the same recurrence over them, with DINOv2 for the subject and DreamSim for the background; that
score is read off a table and averaged with the in-clip one. It does so only under a flag of its developers, which
its own commands always set. As in `long.py`, no clip is written to a file, so official numbers differ by what two
more encodings lose.

Source: `vbench2_beta_long` of VBench 45e79ec1, with `--dev_flag`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench import weights
from bench.types import Clip
from suites.features.networks import FrameByFrame, device
from suites.features.protocols import Evidence, Feature, Series, View
from suites.features.views import dinov2_crop, dreamsim_squash
from suites.judging.protocol import DroppedOut
from suites.vbench.consistency import consistency, missing
from suites.vbench.embeddings import ClipB32Frames, DinoFrames
from suites.vbench.long import CLIP_S, clip_to_clip, clips, fused, mapping


class DinoV2Starts:
    """`embedding[clip, 768]`: DINOv2 ViT-B/14's class token of the first frame of every clip of two seconds."""

    name = f"dinov2-vitb14 every {CLIP_S} s"
    version = "1"
    weights: tuple[str, ...] = ("dinov2-vitb14",)

    def __init__(self) -> None:
        self.view: View | None = dinov2_crop

    def frames(self, clip: Clip) -> Sequence[int]:
        return first_frames(clip)

    def begin(self, clip: Clip) -> FrameByFrame:
        from suites.features.dino import loaded

        return FrameByFrame(loaded(weights.path("dinov2-vitb14"), "dinov2-vitb14"), device())


class DreamSimStarts:
    """`embedding[clip, 1792]`: DreamSim's embedding of the first frame of every clip of two seconds."""

    name = f"dreamsim every {CLIP_S} s"
    version = "1"
    weights: tuple[str, ...] = ("dreamsim", "dino-vitb16")

    def __init__(self) -> None:
        self.view: View | None = dreamsim_squash

    def frames(self, clip: Clip) -> Sequence[int]:
        return first_frames(clip)

    def begin(self, clip: Clip) -> FrameByFrame:
        from suites.features.dreamsim import loaded

        return FrameByFrame(loaded(weights.path("dreamsim"), weights.path("dino-vitb16")), device())


def first_frames(clip: Clip) -> list[int]:
    """The first frames of VBench-Long's clips."""
    return [first for first, _ in clips(clip.frames, clip.fps)]


class _ClipToClip:
    name: str
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()
    starts: type[DinoV2Starts] | type[DreamSimStarts]

    def available(self) -> str | None:
        return missing(self.starts.weights)

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        if len(first_frames(evidence.clip)) < 2:
            why = f"it is one clip of {CLIP_S} seconds, and there is no other to compare it with"
            raise DroppedOut.because(evidence.clip, why)  # VBench-Long skips it here too
        return (self.starts(),)

    def __call__(self, evidence: Evidence) -> Series:
        values = consistency(evidence.features[self.starts.name]["embedding"])
        return Series(np.array(first_frames(evidence.clip)[1:], np.int64), values)


class SubjectClipToClip(_ClipToClip):
    """How much the first frame of every clip of two seconds is, to DINOv2, that of the first clip and of the one
    before."""

    name = "subject_consistency_clip_to_clip"
    starts = DinoV2Starts


class BackgroundClipToClip(_ClipToClip):
    """How much the first frame of every clip of two seconds is, to DreamSim, that of the first clip and of the one
    before."""

    name = "background_consistency_clip_to_clip"
    starts = DreamSimStarts


class _Fused:
    name: str
    version = "1"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Literal["prompt", "annotation"], ...] = ()
    inside: type[DinoFrames] | type[ClipB32Frames]
    starts: type[DinoV2Starts] | type[DreamSimStarts]
    kind: Literal["subject", "background"]

    def available(self) -> str | None:
        return missing(
            (*self.inside.weights, *self.starts.weights), *(("open_clip",) if self.kind == "background" else ())
        )

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        inside: Feature = self.inside()
        return (inside, self.starts()) if len(first_frames(evidence.clip)) > 1 else (inside,)

    def __call__(self, evidence: Evidence) -> Series:
        found = clips(evidence.clip.frames, evidence.clip.fps)
        embeddings = evidence.features[self.inside.name]["embedding"]
        in_clip = float(np.mean([consistency(embeddings[first:end]).mean() for first, end in found]))
        if len(found) == 1:  # as there: nothing stands beside a single clip
            return Series.one(in_clip)
        firsts = evidence.features[self.starts.name]["embedding"]
        between = clip_to_clip(firsts, [(k, k + 1) for k in range(len(firsts))])
        return Series.one(fused(in_clip, between, mapping(self.kind)))


class SubjectFused(_Fused):
    """VBench-Long's subject_consistency: within clips by DINO, between them by DINOv2, half each. One value a video."""

    name = "subject_consistency_fused"
    inside, starts = DinoFrames, DinoV2Starts
    kind = "subject"


class BackgroundFused(_Fused):
    """VBench-Long's background_consistency: within clips by CLIP, between them by DreamSim, half each. One value a
    video."""

    name = "background_consistency_fused"
    inside, starts = ClipB32Frames, DreamSimStarts
    kind = "background"
