"""Making a study: from videos to a ledger, media without names, and the plan in words."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.types import Clip as Source
from leaderboard.study import media
from leaderboard.study.config import CRITERIA, StudyConfig
from leaderboard.study.design import Check, Clip, Design, write_design
from leaderboard.study.folder import StudyFolder
from leaderboard.study.sources import Sources
from suites.preference.planner import DESIGN_EFFECT, half_width, votes_needed

Progress = Callable[[int, int], None]
POOL = 4  # gold pairs and traps made for each that a rater sees, so that raters cannot tell each other which they are


@dataclass(frozen=True)
class Plan:
    """What a study will cost and what it will buy, before anybody votes."""

    systems: int
    prompts: int
    raters: int
    per_rater: int
    checks: int
    wanted_elo: float
    tie_rate: float

    @property
    def votes(self) -> int:
        """Votes that rank, when all raters finish."""
        return self.raters * self.per_rater

    @property
    def needed(self) -> int:
        """Votes for 95 % intervals of ± `wanted_elo` around every difference."""
        return votes_needed(self.systems, self.wanted_elo, self.tie_rate)

    def lines(self) -> list[str]:
        """The plan in words."""
        bought = half_width(self.systems, self.votes, self.tie_rate)
        raters = -(-self.needed // self.per_rater)
        verdict = "enough" if self.votes >= self.needed else f"plan {raters} raters, or accept wider intervals"
        pairs = self.systems * (self.systems - 1) // 2
        return [
            f"{self.systems} systems on {self.prompts} prompts: {pairs * self.prompts} comparisons",
            f"{self.raters} raters x {self.per_rater} pairs = {self.votes} votes (and {self.checks} checks a rater)",
            f"they buy intervals of about ±{bought:.0f} Elo points around every difference "
            f"(design effect {DESIGN_EFFECT:g}, {self.tie_rate:.0%} ties)",
            f"±{self.wanted_elo:g} points need {self.needed} votes: {verdict}",
        ]


def plan_of(config: StudyConfig, systems: int, prompts: int, *, wanted_elo: float, tie_rate: float) -> Plan:
    """The plan of a study of this size. Raises `UsageError` when a rater would need pairs that there are not."""
    comparisons = systems * (systems - 1) // 2 * prompts
    if config.per_rater > comparisons:
        raise UsageError(
            f"{config.per_rater} pairs a rater, but there are only {comparisons} comparisons.",
            f"Use --per-rater {comparisons}, or more prompts.",
        )
    if config.repeats > config.per_rater:
        raise UsageError(f"{config.repeats} repeats of {config.per_rater} pairs.", "Use fewer --repeats.")
    for name in config.criteria:
        if name not in CRITERIA:
            raise UsageError(f"There is no criterion {name!r}.", f"Available: {', '.join(CRITERIA)}.")
    checks = config.gold + config.repeats + config.traps + 1
    return Plan(systems, prompts, config.raters, config.per_rater, checks, wanted_elo, tie_rate)


def read_texts(path: Path | None, prompts: Iterable[str]) -> dict[str, str]:
    """What raters read above each pair, from a JSON file {prompt: text}; empty without one. Raises `UsageError`."""
    if path is None:
        return dict.fromkeys(prompts, "")
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no JSON file: {error}.", 'Write {"prompt": "its text", …}.') from error
    missing = [prompt for prompt in prompts if not isinstance(told.get(prompt), str)]
    if missing:
        raise UsageError(f"{path} has no text for {', '.join(missing[:5])}.", "Give every prompt a text.")
    return {prompt: told[prompt] for prompt in prompts}


def create(
    root: Path,
    config: StudyConfig,
    sources: Sources,
    texts: dict[str, str],
    *,
    url: str = "",
    progress: Progress = lambda done, total: None,
) -> StudyFolder:
    """Make the study in an empty or new folder. Killed half-way, it leaves a folder that is no study.

    Raises `StoreError` where something is already, `VideoError` for a video that breaks while it is read.
    """
    if root.exists() and any(root.iterdir()):
        raise StoreError(f"{root} is not empty.", "Name another folder; a study is never changed or overwritten.")
    folder = root / "media"
    folder.mkdir(parents=True)
    try:
        made = _Maker(folder, sources, progress)
        design = Design(texts, *made.everything(config))
        study = StudyFolder(root, url or f"sqlite:///{(root / 'ledger.sqlite').absolute()}")
        write_design(study.url, config, design, time.time_ns() // 1_000_000)
        study.new_secret()
        return StudyFolder.create(root, url)
    except BaseException:
        shutil.rmtree(root)
        raise


class _Maker:
    """Writes clips and remembers how many."""

    def __init__(self, folder: Path, sources: Sources, progress: Progress) -> None:
        self._folder = folder
        self._clips = sources.clips
        self._prompts = sources.prompts
        self._form = media.ladder(clip for own in sources.clips.values() for clip in own.values())
        self._seconds = {
            prompt: min(own[prompt].duration_s for own in sources.clips.values()) for prompt in self._prompts
        }
        self._progress = progress
        self._done = self._total = 0

    def everything(self, config: StudyConfig) -> tuple[tuple[Clip, ...], tuple[Check, ...]]:
        """All clips, and the checks that use some of them."""
        draw = random.Random(config.seed)
        systems = sorted(self._clips)
        places = [(system, prompt) for system in systems for prompt in self._prompts]
        gold = draw.sample(places, min(len(places), POOL * config.gold))
        traps = draw.sample(self._prompts, min(len(self._prompts), POOL * config.traps))
        practice = draw.choice(places)
        self._total = len(places) + len(gold) + 2 * len(traps) + 1
        clips = {place: self._make(*place, "clip") for place in places}
        extra: list[Clip] = []
        checks: list[Check] = []
        for place in gold:
            extra.append(self._make(*place, "spoilt", media.spoilt))
            checks.append(Check("gold", clips[place].media, extra[-1].media, "a"))
        for at, prompt in enumerate(traps):
            side: media.Side = "left" if at % 2 else "right"
            pair = [self._card(system, prompt, side) for system in draw.sample(systems, 2)]
            extra += pair
            checks.append(Check("trap", pair[0].media, pair[1].media, side))
        extra.append(self._make(*practice, "spoilt", media.spoilt))
        checks.append(Check("practice", clips[practice].media, extra[-1].media, "a"))
        return (*clips.values(), *extra), tuple(checks)

    def _card(self, system: str, prompt: str, side: media.Side) -> Clip:
        frames = round(self._seconds[prompt] * float(self._form.fps))
        return self._make(system, prompt, "card", media.card(side, frames))

    def _make(self, system: str, prompt: str, role: str, change: media.Change = iter) -> Clip:
        source: Source = self._clips[system][prompt]
        made = media.make(source, self._folder, self._form, self._seconds[prompt], change)
        self._done += 1
        self._progress(self._done, self._total)
        return Clip(system, prompt, made.name, made.sha256, made.duration_ms, float(self._form.fps), role)
