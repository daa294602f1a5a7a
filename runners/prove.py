"""`keepframe prove vbench`: the same random numbers into our code and into the published vbench package.

Published weights are large, some may not be used by everybody, and equal scores on good weights could still hide a
difference that shows on others. Random numbers of the published sizes need no download and hide nothing: what is left
between the two is how frames are read, prepared, seen and added up. The package runs in its own box, unchanged.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter

from bench import registry, weights
from bench.errors import KeepframeError, UnavailableError, UsageError, did_you_mean
from bench.types import Clip, Prompt, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from runners import proof_weights
from runners.console import err, last_line, say
from runners.isolate import borrow
from runners.official import PLACES, VBENCH, Package, Video
from runners.verbs import Json
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.vbench.leaderboard import PERCENT, aggregate

TOLERANCE = 1e-5  # relative
EXACT = frozenset({"dynamic_degree"})
"""Yes or no: of every video the same. The speeds that it is cut from agree like any score."""

GROUPS = (
    ("temporal_flickering",),
    ("dynamic_degree",),
    ("motion_smoothness",),
    ("imaging_quality",),
    ("background_consistency", "appearance_style"),
    ("subject_consistency",),
    ("aesthetic_quality",),
    ("overall_consistency", "temporal_style"),
)
"""What is proved, by the weights that are needed at once."""

_CODE = frozenset({"dino-hubconf", "dino-transformer", "dino-utils"})  # no numbers: the published files themselves
_PROMPTS = (
    "A red car drives through the rain, Van Gogh style",
    "a cat &amp; its TOY on a Mat, which is far more than thirty byte pairs of text for a tower of thirty-two tokens "
    "to read to its very end, oil painting",
    "A person is riding a bike, pixel art",
)


class Finding(NamedTuple):
    """Both programs' values of a dimension: of each video, and over all of them. `difference` is relative."""

    dimension: str
    published: list[float]
    ours: list[float]
    difference: float
    agree: bool
    seconds: float


class NotProved(NamedTuple):
    """A dimension that neither agrees nor differs, and why: it `lacks` a file that is fetched, or else it broke."""

    dimension: str
    why: str
    lacks: bool


def prove(
    what: Annotated[str, Parameter(help="Which: vbench.")] = "vbench",
    *,
    dimensions: Annotated[str | None, Parameter(help="Names, with commas. Default: all that are native.")] = None,
    json: Json = False,
) -> int:
    """Put the same random weights into our code and into the published vbench package, and compare the scores.

    Three short videos are drawn (wide, upright, large), every dimension is computed by both, and the values of each
    video and of all of them must agree to 1e-5, and be the same where they are yes or no. The package runs in its own
    environment (keepframe isolate vbench). Some minutes, and 8 GB of memory. The code is 1 where anything differs or
    breaks, and 4 where nothing does but a dimension was not tried, for want of the package's own code.

    Example: keepframe prove vbench --dimensions temporal_flickering,dynamic_degree
    """
    if what != "vbench":
        raise UsageError(f"Nothing is known to prove about {what!r}.", did_you_mean(what, ["vbench"]))
    unbuilt = VBENCH.missing()
    if unbuilt is not None:
        raise UnavailableError(*unbuilt.split("\n  ", 1))
    every = [name for group in GROUPS for name in group]
    chosen = [one.strip() for one in dimensions.split(",")] if dimensions else every
    for name in chosen:
        if name not in every:
            raise UsageError(f"{name!r} is no dimension that is proved.", did_you_mean(name, every))
    findings: list[Finding] = []
    unproved: list[NotProved] = []
    for found in run(chosen):
        if isinstance(found, NotProved):
            unproved.append(found)
            verb = "was not tried" if found.lacks else "is not proved"
            say(f"{found.dimension} {verb}: {found.why}", to=err)
            continue
        findings.append(found)
        say(_line(found))
    agreed = sum(found.agree for found in findings)
    untried = [found.dimension for found in unproved if found.lacks]
    said = f"; not tried: {', '.join(untried)}" if untried else ""
    say(f"{agreed} of {len(chosen)} dimensions agree with vbench 0.1.5{said}.")
    if json:
        last_line(
            {
                "tolerance": TOLERANCE,
                "findings": [found._asdict() for found in findings],
                "not_proved": [found._asdict() for found in unproved],
            }
        )
    if agreed + len(untried) < len(chosen):
        return 1
    return 4 if untried else 0


def run(dimensions: Sequence[str]) -> Iterator[Finding | NotProved]:
    """Each dimension in turn, tried by both."""
    borrow(VBENCH)  # AMT and MUSIQ, which are no part of ours
    with tempfile.TemporaryDirectory(prefix="keepframe-proof-") as folder:
        clips = _videos(Path(folder))
        for group in GROUPS:
            lacks = {name: weights.missing(file for _, file in PLACES[name] if file in _CODE) for name in group}
            wanted = [name for name in group if name in dimensions and lacks[name] is None]
            yield from (
                NotProved(name, why, lacks=True)
                for name, why in lacks.items()
                if name in dimensions and why is not None
            )
            if wanted:
                with tempfile.TemporaryDirectory(dir=folder) as numbers:
                    yield from _group(wanted, clips, Path(numbers))
                _forget()


def _forget() -> None:
    """A process keeps its networks; those of a group are of no use to the next, and all together are 7 GB."""
    from suites.dynamics import raft
    from suites.features import clip, dino
    from suites.viclip import model

    for kept in (raft.loaded, dino.loaded, clip.loaded, clip.pictures, model.loaded):
        kept.cache_clear()


def _group(dimensions: Sequence[str], clips: Sequence[Clip], folder: Path) -> Iterator[Finding | NotProved]:
    needed = {name for dimension in dimensions for _, name in PLACES[dimension]} - _CODE
    with ExitStack() as stack:
        stack.enter_context(weights.stand_ins({name: proof_weights.write(name, folder) for name in sorted(needed)}))
        package = stack.enter_context(Package())
        for dimension in dimensions:
            started = time.monotonic()
            try:
                published, total = _theirs(package, dimension, clips)
                ours, our_total = _ours(dimension, clips)
            except KeepframeError as error:
                yield NotProved(dimension, str(error), lacks=False)
                continue
            pairs = list(zip([*published, total], [*ours, our_total], strict=True))
            difference = max(abs(a - b) / max(abs(a), 1e-12) for a, b in pairs)
            same = [*pairs[: len(clips)], pairs[-1]] if dimension in EXACT else []
            agree = difference <= TOLERANCE and all(a == b for a, b in same)
            yield Finding(dimension, published, ours, difference, agree, time.monotonic() - started)


def _theirs(package: Package, dimension: str, clips: Sequence[Clip]) -> tuple[list[float], float]:
    """The package's raw values of each video (of each pair of frames, for flow), and over all videos."""
    asked = [
        Video(clip.path, prompt, {"appearance_style": prompt.rpartition(",")[2].strip()})
        for clip, prompt in _shown(dimension, clips)
    ]
    answer = package.ask(dimension, asked)
    each = [float("nan") if one is None else one for one in answer.each]
    speeds = [speed for one in answer.parts if one is not None for speed in one]
    return [*each, *speeds], answer.all


def _ours(dimension: str, clips: Sequence[Clip]) -> tuple[list[float], float]:
    """The same from our code, as `keepframe score` computes them."""
    metric = registry.resolve("video-metric", dimension)()
    models: dict[str, Any] = {}
    if dimension == "motion_smoothness":
        from runners.amt import Amt

        models["interpolator"] = Amt()
    values, speeds = [], []
    for clip, prompt in _shown(dimension, clips):
        evidence = Evidence(clip, storyboard=(Prompt(0.0, prompt),), models=models)
        asked = [metric]
        if dimension == "dynamic_degree":
            asked.append(registry.resolve("video-metric", "flow_speed")())
        found = judge(asked, evidence)
        for failure in found.failures.values():
            raise failure
        values.append(found.series[dimension].values)
        if dimension == "dynamic_degree":
            speeds += (found.series["flow_speed"].values * min(clip.size) / 256.0).tolist()
    each = [float(one.mean()) for one in values]
    return [*each, *speeds], aggregate(dimension, values)


def _shown(dimension: str, clips: Sequence[Clip]) -> list[tuple[Clip, str]]:
    """Which videos with which prompts: ViCLIP looks at eight frames whatever the video, so one video is enough."""
    pairs = list(zip(clips, _PROMPTS, strict=True))
    return {"overall_consistency": pairs[:1], "temporal_style": pairs[1:2]}.get(dimension, pairs)


def _videos(folder: Path) -> list[Clip]:
    """Wide, upright and at 24 frames a second, and larger than what MUSIQ looks at."""
    facts = ((Size(208, 144), 8, 1.0), (Size(144, 200), 24, 0.25), (Size(640, 160), 8, 0.625))
    return [
        probe(write_clip("high-motion", seed, folder, size=size, fps=fps, seconds=seconds))
        for seed, (size, fps, seconds) in enumerate(facts)
    ]


def _line(found: Finding) -> str:
    verdict = "agrees" if found.agree else "DIFFERS"
    scale = 100.0 if found.dimension in PERCENT else 1.0
    shown = ", ".join(f"{value / scale:.6f}" for value in found.published[:3])
    return (
        f"{found.dimension:24s} {verdict}: relative difference {found.difference:.1e} "
        f"(published {shown}; {found.seconds:.0f} s)"
    )
