"""Making a study: from videos to a ledger and media without names."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.types import Clip as Source
from leaderboard.study import media
from leaderboard.study.config import StudyConfig
from leaderboard.study.design import Check, Clip, Design, write_design
from leaderboard.study.folder import StudyFolder
from leaderboard.study.sources import Sources

Progress = Callable[[int, int], None]
Told = Callable[[str], None]
POOL = 4  # gold pairs and traps made for each that a rater sees, so that raters cannot tell each other which they are


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
    told: Told = lambda note: None,
) -> StudyFolder:
    """Make the study in an empty or new folder. Killed half-way, it leaves a folder that is no study. `told` hears
    what was changed about clips that would not play on a poor link.

    Raises `StoreError` where something is already, `VideoError` for a video that breaks while it is read.
    """
    if root.exists() and any(root.iterdir()):
        raise StoreError(f"{root} is not empty.", "Name another folder; a study is never changed or overwritten.")
    folder = root / "media"
    folder.mkdir(parents=True)
    try:
        made = _Maker(folder, sources, progress, told)
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

    def __init__(self, folder: Path, sources: Sources, progress: Progress, told: Told) -> None:
        self._folder = folder
        self._clips = sources.clips
        self._prompts = sources.prompts
        form = media.ladder(clip for own in sources.clips.values() for clip in own.values())
        self._form = dict.fromkeys(sources.prompts, form)
        self._seconds = {
            prompt: min(own[prompt].duration_s for own in sources.clips.values()) for prompt in self._prompts
        }
        self._progress = progress
        self._told = told
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
        clips = {(clip.system, prompt): clip for prompt in self._prompts for clip in self._alike(prompt)}
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
        return (*(clips[place] for place in places), *extra), tuple(checks)

    def _alike(self, prompt: str) -> list[Clip]:
        """The clips of a prompt, at one quality: if one would not play on a poor link, all are made again, coarser."""
        form = self._form[prompt]
        while True:
            made = {system: self._written(system, prompt) for system in sorted(self._clips)}
            fastest = max(one.kbps for one in made.values())
            coarser = self._form[prompt].coarser(fastest)
            if coarser == self._form[prompt]:
                break
            self._form[prompt] = coarser
            for one in made.values():
                (self._folder / one.name).unlink()
        if coarser != form:
            self._told(f"prompt {prompt!r}: all clips at CRF {coarser.crf}, so that two play at once on a poor link")
        return [self._counted(system, prompt, "clip", one) for system, one in made.items()]

    def _card(self, system: str, prompt: str, side: media.Side) -> Clip:
        frames = round(self._seconds[prompt] * float(self._form[prompt].fps))
        return self._make(system, prompt, "card", media.card(side, frames))

    def _make(self, system: str, prompt: str, role: str, change: media.Change) -> Clip:
        return self._counted(system, prompt, role, self._written(system, prompt, change))

    def _written(self, system: str, prompt: str, change: media.Change = iter) -> media.Made:
        source: Source = self._clips[system][prompt]
        return media.make(source, self._folder, self._form[prompt], self._seconds[prompt], change)

    def _counted(self, system: str, prompt: str, role: str, made: media.Made) -> Clip:
        self._done += 1
        self._progress(self._done, self._total)
        return Clip(system, prompt, made.name, made.sha256, made.duration_ms, float(self._form[prompt].fps), role)
