"""The published vbench package as metrics, in a box of its own: the proof of our numbers, and a way to get theirs.

`keepframe score rollouts --metrics official_temporal_flickering,temporal_flickering` puts both side by side. A value
is kept like any score, by the video's digest, the dimension and the package's version. The weights are those of
`keepframe weights`, laid where the package looks for them; only temporal_flickering needs none.
"""

import atexit
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

from bench import weights
from bench.errors import KeepframeError
from runners.isolate import RECIPES, Box, program
from suites.features.protocols import Evidence, Feature, Reads, Series
from suites.judging.protocol import DroppedOut
from suites.vbench.style import phrase

VBENCH = RECIPES["vbench"]
TIMEOUT_S = 3600.0

_BERT = ("bert-base-uncased/vocab.txt", "bert-words")
_GRIT = (("grit_model/grit_b_densecap_objectdet.pth", "grit"), _BERT)
_VICLIP = (("ViCLIP/ViClip-InternVid-10M-FLT.pth", "viclip-l14"),)
_DINO = "dino_model/facebookresearch_dino_main"
RAFT_PLACE = "raft_model/models/raft-things.pth"
PLACES: Mapping[str, Sequence[tuple[str, str]]] = {
    "subject_consistency": (
        (f"{_DINO}/hubconf.py", "dino-hubconf"),
        (f"{_DINO}/vision_transformer.py", "dino-transformer"),
        (f"{_DINO}/utils.py", "dino-utils"),
        ("dino_model/dino_vitbase16_pretrain.pth", "dino-vitb16"),
        ("hub/checkpoints/dino_vitbase16_pretrain.pth", "dino-vitb16"),
    ),
    "background_consistency": (("clip_model/ViT-B-32.pt", "clip-b32"),),
    "temporal_flickering": (),
    "motion_smoothness": (("amt_model/amt-s.pth", "amt-s"),),
    "dynamic_degree": ((RAFT_PLACE, "raft"),),
    "aesthetic_quality": (
        ("clip_model/ViT-L-14.pt", "clip-l14"),
        ("aesthetic_model/emb_reader/sa_0_4_vit_l_14_linear.pth", "laion-aesthetic"),
    ),
    "imaging_quality": (("pyiqa_model/musiq_spaq_ckpt-358bb6af.pth", "musiq-spaq"),),
    "object_class": _GRIT,
    "multiple_objects": _GRIT,
    "color": _GRIT,
    "spatial_relationship": _GRIT,
    "human_action": (("umt_model/l16_ptk710_ftk710_ftk400_f16_res224.pth", "umt-l16"),),
    "scene": (("caption_model/tag2text_swin_14m.pth", "tag2text"), _BERT),
    "appearance_style": (("clip_model/ViT-B-32.pt", "clip-b32"),),
    "temporal_style": _VICLIP,
    "overall_consistency": _VICLIP,
}
"""What the package reads for each dimension: place in its cache, and name in our catalogue."""

DETECTRON = "git+https://github.com/facebookresearch/detectron2@02b5c4e295e990042a714712c21dc79b731e8833"


@dataclass(frozen=True)
class Video:
    """A video, its evaluation prompt, and what the package's prompt list says of it for the dimension."""

    path: Path
    prompt: str = ""
    about: Mapping[str, Any] | None = None


class Answer(NamedTuple):
    """The package's value over all videos, of each (None: it leaves it out), and its speeds for dynamic_degree."""

    all: float
    each: list[float | None]
    parts: list[list[float] | None]


class Package:
    """The vbench package running in its box, with our weights where it looks for them; a context manager."""

    def __init__(self) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="keepframe-vbench-")
        self._box = Box(VBENCH.python, program(VBENCH), settings(Path(self._cache.name)))

    def __enter__(self) -> "Package":
        self._box.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._box.__exit__(kind, error, trace)
        self._cache.cleanup()

    def ask(self, dimension: str, videos: Sequence[Video], timeout_s: float = TIMEOUT_S) -> Answer:
        """What the package gives for these videos.

        Raises UnavailableError when weights are missing, and KeepframeError with the package's words when it fails.
        """
        lay(Path(self._cache.name), dimension)
        listed = [{"path": str(one.path.resolve()), "prompt": one.prompt, "about": one.about} for one in videos]
        return Answer(**self._box.ask(timeout_s, dimension=dimension, videos=listed))


def missing(dimension: str) -> str | None:
    """None when the package can compute this dimension here, else what is missing and the command that brings it.
    All weights are named at once."""
    if (absent := VBENCH.missing()) is not None:
        return absent
    if PLACES[dimension] is _GRIT and not any(VBENCH.folder.glob("lib/python*/site-packages/detectron2*")):
        install = f"uv pip install --python {VBENCH.python} --no-build-isolation --no-deps '{DETECTRON}'"
        return f"The box lacks detectron2, which has to be compiled for this machine.\n  {install}"
    return weights.missing(dict.fromkeys(name for _, name in PLACES[dimension]))


def settings(cache: Path) -> dict[str, str]:
    """The variables by which the package finds its cache. Its files were made before PyTorch read tensors only."""
    return {"VBENCH_CACHE_DIR": str(cache), "TORCH_HOME": str(cache), "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}


def lay(cache: Path, dimension: str) -> None:
    """Our weights where the package looks for those of a dimension. Raises UnavailableError when some are missing."""
    words = next(VBENCH.folder.glob("lib/python*/site-packages/clip/bpe_simple_vocab_16e6.txt.gz"))
    _link(words, cache / "ViCLIP" / words.name)
    for place, name in PLACES[dimension]:
        _place(cache / place, weights.path(name))


def _place(target: Path, source: Path) -> None:
    if target.name != Path(RAFT_PLACE).name:
        _link(source, target)
    elif not target.exists():  # ours is torchvision's port: the same numbers under other names
        import torch

        from suites.dynamics.raft import load, published

        target.parent.mkdir(parents=True, exist_ok=True)
        torch.save(published(load(source).state_dict()), target)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    target.symlink_to(source.resolve())


class _Official:
    version = "vbench 0.1.5"
    unit = ""
    better: Literal["higher", "lower", "neutral"] = "higher"
    reads: tuple[Reads, ...] = ()
    dimension: str

    @property
    def name(self) -> str:
        return f"official_{self.dimension}"

    def available(self) -> str | None:
        return missing(self.dimension)

    def features(self, evidence: Evidence) -> tuple[Feature, ...]:
        return ()

    def about(self, evidence: Evidence) -> Mapping[str, Any] | None:
        """What the package wants to know of the video. Raises KeepframeError where nobody says."""
        if "prompt" in self.reads and not evidence.prompt.strip():
            raise KeepframeError(f"{evidence.clip.path.name} has no prompt.", "Give one with --prompts.")
        if "questions" not in self.reads:
            return None
        found: Mapping[str, Any] = evidence.question(self.dimension)[self.dimension]
        return found

    def __call__(self, evidence: Evidence) -> Series:
        video = Video(evidence.clip.path, evidence.prompt, self.about(evidence))
        (value,) = _running().ask(self.dimension, [video]).each
        if value is None:
            raise DroppedOut.because(evidence.clip, f"the vbench package leaves it out of {self.dimension}")
        return Series.one(value)


class OfficialFlickering(_Official):
    """VBench's own temporal_flickering, by the vbench package in a box."""

    dimension = "temporal_flickering"


class OfficialSubject(_Official):
    """VBench's own subject_consistency, by the vbench package in a box."""

    dimension = "subject_consistency"


class OfficialBackground(_Official):
    """VBench's own background_consistency, by the vbench package in a box."""

    dimension = "background_consistency"


class OfficialSmoothness(_Official):
    """VBench's own motion_smoothness (AMT-S: non-commercial), by the vbench package in a box."""

    dimension = "motion_smoothness"


class OfficialDynamic(_Official):
    """VBench's own dynamic_degree, by the vbench package in a box."""

    dimension = "dynamic_degree"
    better: Literal["higher", "lower", "neutral"] = "neutral"


class OfficialAesthetic(_Official):
    """VBench's own aesthetic_quality, by the vbench package in a box."""

    dimension = "aesthetic_quality"


class OfficialImaging(_Official):
    """VBench's own imaging_quality (MUSIQ: non-commercial), by the vbench package in a box. 0 to 100."""

    dimension = "imaging_quality"


class OfficialObject(_Official):
    """VBench's own object_class (GRiT), by the vbench package in a box. Needs VBench's prompt list."""

    dimension = of_list = "object_class"
    reads: tuple[Reads, ...] = ("prompt", "questions")


class OfficialObjects(_Official):
    """VBench's own multiple_objects (GRiT), by the vbench package in a box. Needs VBench's prompt list."""

    dimension = of_list = "multiple_objects"
    reads: tuple[Reads, ...] = ("prompt", "questions")


class OfficialColor(_Official):
    """VBench's own color (GRiT), by the vbench package in a box. Videos without the object drop out."""

    dimension = of_list = "color"
    reads: tuple[Reads, ...] = ("prompt", "questions")


class OfficialSpatial(_Official):
    """VBench's own spatial_relationship (GRiT), by the vbench package in a box. It asks for no left or right."""

    dimension = of_list = "spatial_relationship"
    reads: tuple[Reads, ...] = ("prompt", "questions")


class OfficialAction(_Official):
    """VBench's own human_action (UMT), by the vbench package in a box; the action is the evaluation prompt's."""

    dimension = of_list = "human_action"
    reads: tuple[Reads, ...] = ("prompt",)


class OfficialScene(_Official):
    """VBench's own scene (Tag2Text), by the vbench package in a box. Needs VBench's prompt list."""

    dimension = of_list = "scene"
    reads: tuple[Reads, ...] = ("prompt", "questions")


class OfficialStyle(_Official):
    """VBench's own appearance_style, by the vbench package in a box; the style is the end of the prompt."""

    dimension = "appearance_style"
    reads: tuple[Reads, ...] = ("prompt",)

    def about(self, evidence: Evidence) -> Mapping[str, Any] | None:
        return {"appearance_style": phrase(evidence.prompt)}


class OfficialTemporalStyle(_Official):
    """VBench's own temporal_style (ViCLIP), by the vbench package in a box."""

    dimension = "temporal_style"
    reads: tuple[Reads, ...] = ("prompt",)


class OfficialOverall(_Official):
    """VBench's own overall_consistency (ViCLIP), by the vbench package in a box."""

    dimension = "overall_consistency"
    reads: tuple[Reads, ...] = ("prompt",)


@lru_cache(maxsize=1)
def _running() -> Package:
    """One running package a process, ended with it."""
    package = Package().__enter__()
    atexit.register(package.__exit__, None, None, None)
    return package
