"""What the names in a table mean, in a sentence each: for readers of a report who do not know the project.

A baseline that is not explained is not understood, and a metric without its definition cannot be compared with
another paper's. Plug-ins that are not ours have no sentence here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["tested", "codec", "frames", "floor", "control", "ceiling"]
BOUNDS: tuple[Role, ...] = ("floor", "control", "ceiling")
"""What others are measured by: no contender for a place."""

ROLES: dict[Role, str] = {
    "tested": "under test",
    "codec": "video codec",
    "frames": "kept frames",
    "floor": "floor",
    "control": "control",
    "ceiling": "ceiling",
}


@dataclass(frozen=True)
class Entry:
    """The part that a memory plays in a comparison, and a sentence on it."""

    role: Role
    sentence: str


_MEMORIES: dict[str, Entry] = {
    "constant": Entry("floor", "One colour for the whole video. Whatever does not beat it has kept nothing."),
    "mean-frame": Entry(
        "floor", "The average of all frames, whatever moment is asked. It scores well on videos that hardly move."
    ),
    "last-frame": Entry("floor", "The newest frame, whatever moment is asked."),
    "keyframes": Entry("frames", "Every so many seconds a frame is kept; the nearest one answers."),
    "thumbnails": Entry("frames", "Small frames, kept often and enlarged to answer."),
    "codec": Entry("codec", "The bitstream of a video codec is the memory: what ordinary compression keeps."),
    "history": Entry(
        "tested",
        "The reference system (arXiv 2512.23851): a trained encoder leaves a few tokens of the history, and the "
        "generator that was trained to read them makes the frame that is asked for.",
    ),
    "latents": Entry(
        "ceiling",
        "Every latent of the history: the round trip through the VAE. What is read through this VAE cannot keep more.",
    ),
    "shuffled": Entry("control", "A memory asked at the wrong moments: what it scores without knowing when."),
    "withheld": Entry("control", "The memory is made and then not given to what answers: mid-grey, a guess."),
}

METRICS: dict[str, str] = {
    "psnr": "Peak signal-to-noise ratio, 10 log10(255² / MSE) over 8-bit RGB, frame by frame, at most 60 dB.",
    "ssim": "Structural similarity, 11×11 Gaussian window (σ 1.5) inside the frame, per RGB channel, at most 1.",
    "ms_ssim": "Multi-scale structural similarity, five scales with the published weights, per RGB channel, at most 1.",
    "vmaf": "Netflix's VMAF, trained on viewers' ratings, 0 to 100.",
    "lpips_alex": "LPIPS: distance between AlexNet features, calibrated on human judgements; 0 is identical.",
    "lpips_vgg": "LPIPS: distance between VGG-16 features, calibrated on human judgements; 0 is identical.",
}

_TITLES = {"psnr": "PSNR", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "vmaf": "VMAF"} | {
    f"lpips_{net}": f"LPIPS ({name})" for net, name in (("alex", "AlexNet"), ("vgg", "VGG"))
}


def entry(system: Mapping[str, Any]) -> Entry:
    """What part a system of a spec plays. `system` is as in run.json: `role` is `tested`, `baseline` or `ceiling`;
    runs of before there were ceilings have `baseline`, true or false.

    >>> entry({"memory": "codec", "role": "baseline"}).role, entry({"memory": "./mine.py:Mine"}).role
    ('codec', 'tested')
    >>> entry({"memory": "codec", "role": "ceiling"}).role, entry({"memory": "m:M", "baseline": True}).role
    ('ceiling', 'frames')
    """
    asked = system.get("role") or ("baseline" if system.get("baseline") else "tested")
    known = _MEMORIES.get(system["memory"])
    if asked == "ceiling":
        return Entry("ceiling", known.sentence if known else "")
    if known is None or known.role == "tested":
        return Entry("frames" if asked == "baseline" else "tested", known.sentence if known else "")
    return known


def ceilings(spec: Mapping[str, Any]) -> frozenset[str]:
    """The names of the systems of a spec that bound the others from above."""
    return frozenset(one["name"] for one in spec.get("systems", ()) if entry(one).role == "ceiling")


def metric_title(name: str) -> str:
    """How a metric is written in a text.

    >>> metric_title("ms_ssim"), metric_title("mine")
    ('MS-SSIM', 'mine')
    """
    return _TITLES.get(name, name)
