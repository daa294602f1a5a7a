"""What is said of videos beside them: prompts by file name, or a benchmark's own list of prompts and questions.

Four forms: a JSON object `{"a.mp4": "A cat."}`, a CSV with the columns `file` and `prompt`, a storyboard (TOML) that
all of the videos are to follow, and the lists of VBench and VBench-2.0 (`VBench_full_info.json`,
`VBench2_full_info.json`) as they are published. Videos belong to an entry of those lists by their file names, which
are the prompt (VBench-2.0 cuts it at 180 characters) and a number: `a cat-0.mp4`. A prompt may stand there once for
each of its dimensions.
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import weights
from bench.errors import UsageError
from bench.types import Prompt
from bench.video.storyboard import read as read_storyboard
from bench.weights_catalogue import CATALOGUE

LONGEST_NAME = 180  # characters of a prompt that VBench-2.0 puts into a file's name


@dataclass(frozen=True)
class Said:
    """Evaluation prompts by file name, with or without ending; for a benchmark's list also questions by dimension."""

    prompts: Mapping[str, str]
    questions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbered: bool = False  # file names carry a number after the prompt
    board: tuple[Prompt, ...] = ()  # the storyboard of every video

    def lines(self, name: str) -> tuple[Prompt, ...]:
        """What the video of this name should show, and when; empty where nothing is said of it."""
        text = self.prompt(name)
        return self.board or ((Prompt(0.0, text),) if text.strip() else ())

    def prompt(self, name: str) -> str:
        """The prompt of the video of this name; empty where nothing is said of it."""
        return self.prompts.get(name, self.prompts.get(self._entry(name), ""))

    def question(self, name: str) -> Mapping[str, Any]:
        """Dimension (in small letters, with underscores) -> what its entry in the list holds."""
        return self.questions.get(self._entry(name), {})

    def _entry(self, name: str) -> str:
        stem = re.sub(r"\.[A-Za-z0-9]{1,4}$", "", name)
        return re.sub(r"-\d+$", "", stem)[:LONGEST_NAME] if self.numbered else stem


def read_said(path: Path) -> Said:
    """Prompts from a file, or from a list in the catalogue of weights by its name (`vbench2-prompts`).

    Raises UsageError naming the file when it is none of the four forms.
    """
    if not path.exists() and any(str(path) == file.name for file in CATALOGUE):
        path = weights.path(str(path))
    if path.suffix.lower() == ".toml" and path.exists():
        return Said({}, board=tuple(read_storyboard(path)))
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() != ".json":
            rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
            return Said({row["file"]: row["prompt"] for row in rows})
        data = json.loads(text)
        if isinstance(data, list):
            return _listed(data)
        if not isinstance(data, dict) or not all(isinstance(one, str) for one in data.values()):
            raise ValueError("it is not an object of texts")
        return Said({str(name): prompt for name, prompt in data.items()})
    except KeyError as error:
        raise UsageError(f"{path} has no {_what(path)} {error}.", "Its first line is: file,prompt") from error
    except (OSError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise UsageError(
            f"{path} cannot be read as prompts: {error}.", 'Write JSON {"a.mp4": "A cat."}, or CSV.'
        ) from error


def _listed(entries: list[Any]) -> Said:
    """VBench's and VBench-2.0's: `prompt_en`, `dimension` (one or more), `auxiliary_info` where it asks something."""
    if not all(isinstance(entry, dict) and isinstance(entry.get("prompt_en"), str) for entry in entries):
        raise ValueError("it is not an object of texts, nor a list of entries with prompt_en and dimension")
    prompts: dict[str, str] = {}
    questions: dict[str, dict[str, Any]] = {}
    for entry in entries:
        name = entry["prompt_en"][:LONGEST_NAME]
        prompts[name] = entry["prompt_en"]
        mine = questions.setdefault(name, {})
        for dimension in entry["dimension"]:
            mine[str(dimension).lower().replace("-", "_").replace(" ", "_")] = entry.get("auxiliary_info")
    return Said(prompts, questions, numbered=True)


def _what(path: Path) -> str:
    return "entry" if path.suffix.lower() == ".json" else "column"
