"""What the names in a table mean, in a sentence each: for readers of a report who do not know the project.

A baseline that is not explained is not understood, and a metric without its definition cannot be compared with
another paper's. Plug-ins that are not ours have no sentence here.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["tested", "codec", "frames", "floor", "control"]

ROLES: dict[Role, str] = {
    "tested": "under test",
    "codec": "video codec",
    "frames": "kept frames",
    "floor": "floor",
    "control": "control",
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


def memory_entry(memory: str, baseline: bool) -> Entry:
    """What part the memory of this reference plays. `baseline`: the spec says that it is not under test.

    >>> memory_entry("codec", True).role, memory_entry("./mine.py:Mine", False).role
    ('codec', 'tested')
    """
    unknown = Entry("frames" if baseline else "tested", "")
    return _MEMORIES.get(memory, unknown)


def metric_title(name: str) -> str:
    """How a metric is written in a text.

    >>> metric_title("ms_ssim"), metric_title("mine")
    ('MS-SSIM', 'mine')
    """
    return _TITLES.get(name, name)
