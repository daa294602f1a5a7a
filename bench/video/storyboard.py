"""Storyboards: what a video shows, and from when on, in words.

A storyboard is a list of prompts in order of time. People write them by hand, so every mistake is answered
with the file and the prompt it is in. Characters may be described once and named in braces; each prompt
then carries the description on the first use of the name, since a generator reads prompts one at a time and
remembers nothing between them:

    [characters]
    Mira = "a woman with short red hair and a green coat"

    [[prompt]]
    at_s = 0.0
    text = "{Mira} walks through a park."      # "Mira, a woman with short red hair and a green coat, walks …"
"""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.types import Prompt

_NAME = re.compile(r"\{([^{}]*)\}")
_SHAPE = 'A prompt is { at_s = SECONDS, text = "WORDS" }; the first is usually at 0.'


def read(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a `.toml` or `.json` storyboard, or of the `.json` beside a procedural clip.

    Raises `UsageError` for a file that is missing, is not TOML or JSON, or holds a storyboard that `parse`
    refuses.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", "Check the name and the permissions.") from error
    except ValueError as error:  # both parsers' errors, and text that is not UTF-8
        raise UsageError(
            f"{path}: is not a storyboard: {error}", "Write it as TOML (.toml) or JSON (.json)."
        ) from error
    if isinstance(data, Mapping) and "storyboard" in data:
        data = data["storyboard"]
    return parse(data, where=str(path))


def parse(data: object, where: str = "storyboard") -> tuple[Prompt, ...]:
    """Prompts from plain data: a list of `{at_s, text}`, or a table with `prompt` and `characters`.

    `where` names the source in errors. Raises `UsageError` when the list is empty, a time is negative, not
    a number, or not after the one before, a text is blank, a key is unknown, or a name in braces is not
    among the characters.

    >>> parse([{"at_s": 0, "text": "A harbour."}, {"at_s": 2.5, "text": "A ship leaves."}])[1]
    Prompt(at_s=2.5, text='A ship leaves.')
    """
    characters: Mapping[str, str] = {}
    if isinstance(data, Mapping):
        _refuse_unknown(data, {"prompt", "characters"}, where)
        characters = _characters(data.get("characters", {}), where)
        data = data.get("prompt", [])
    if isinstance(data, str) or not isinstance(data, Sequence):
        raise UsageError(f"{where}: prompts must be a list, not {type(data).__name__}", _SHAPE)
    prompts = tuple(_prompt(row, characters, f"{where}: prompt {n}") for n, row in enumerate(data, start=1))
    return check(prompts, where)


def check(prompts: tuple[Prompt, ...], where: str = "storyboard") -> tuple[Prompt, ...]:
    """The same prompts, or `UsageError` when there are none, a text is blank, or a time is out of order.

    >>> check((Prompt(0.0, "A harbour."),))
    (Prompt(at_s=0.0, text='A harbour.'),)
    """
    if not prompts:
        raise UsageError(f"{where}: has no prompts", _SHAPE)
    before = -math.inf
    for n, prompt in enumerate(prompts, start=1):
        if not prompt.text.strip():
            raise UsageError(f"{where}: prompt {n} has no text", "Write what the video shows, or delete the prompt.")
        if not math.isfinite(prompt.at_s) or prompt.at_s < 0:
            raise UsageError(
                f"{where}: prompt {n} is at {prompt.at_s} s", "Times are seconds from the first frame, 0 or more."
            )
        if prompt.at_s <= before:
            raise UsageError(
                f"{where}: prompt {n} is at {prompt.at_s} s, not after the one before it at {before} s",
                "Put the prompts in order of time, each at a time of its own.",
            )
        before = prompt.at_s
    return prompts


def dump(prompts: Sequence[Prompt]) -> list[dict[str, float | str]]:
    """Plain data for JSON; `parse` reads it back. Braces are not written again.

    >>> dump([Prompt(0.0, "A harbour.")])
    [{'at_s': 0.0, 'text': 'A harbour.'}]
    """
    return [{"at_s": prompt.at_s, "text": prompt.text} for prompt in prompts]


def _prompt(row: Any, characters: Mapping[str, str], where: str) -> Prompt:
    if not isinstance(row, Mapping):
        raise UsageError(f"{where} is {row!r}", _SHAPE)
    _refuse_unknown(row, {"at_s", "text"}, where)
    at_s, text = row.get("at_s"), row.get("text")
    if isinstance(at_s, bool) or not isinstance(at_s, int | float):
        raise UsageError(f"{where}: at_s must be a number of seconds, not {at_s!r}", _SHAPE)
    if not isinstance(text, str):
        raise UsageError(f"{where}: text must be words, not {text!r}", _SHAPE)
    return Prompt(float(at_s), _introduce(text.strip(), characters, where) if characters else text.strip())


def _characters(table: Any, where: str) -> Mapping[str, str]:
    if not isinstance(table, Mapping) or not all(isinstance(v, str) and v.strip() for v in table.values()):
        raise UsageError(f"{where}: characters must be a table of NAME = DESCRIPTION", 'Such as Mira = "a woman …".')
    return table


def _introduce(text: str, characters: Mapping[str, str], where: str) -> str:
    introduced: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name not in characters:
            raise UsageError(f"{where}: no character is named {name!r}", did_you_mean(name, characters))
        if name in introduced:
            return name
        introduced.add(name)
        closes = match.end() == len(text) or text[match.end()] in ".,;:!?"
        return f"{name}, {characters[name].strip()}{'' if closes else ','}"

    return _NAME.sub(replace, text)


def _refuse_unknown(table: Mapping[Any, Any], known: set[str], where: str) -> None:
    for name in table:
        if name not in known:
            raise UsageError(f"{where}: unknown key {name!r}", did_you_mean(str(name), known))
