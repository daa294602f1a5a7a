"""Which judge a word on the command line means."""

from functools import lru_cache
from pathlib import Path

from bench import registry
from bench.errors import UsageError
from suites.judging.kept import Kept
from suites.judging.protocol import Judge


def open_judge(ref: str, answers: Path, at_once: int = 1) -> Judge:
    """The judge that `ref` names; what it answers is kept in the folder `answers`. `at_once` processes ask it.

    `answers.csv` or `answers.jsonl` is a file of answers, `https://host/v1?model=NAME` an OpenAI-compatible endpoint,
    `local:org/model@revision` a model on this machine, `package.module:Attr` or `./file.py:Attr` one of your own,
    which is called without arguments.

    Raises UsageError when it names none of them.
    """
    if ref.startswith(("http://", "https://")):
        return Kept(_endpoint(ref, at_once), answers)
    if ref.startswith("local:"):
        return Kept(_local(ref.removeprefix("local:")), answers)
    if ref.endswith((".csv", ".jsonl")):
        from suites.judging.answers import AnswersFile

        return AnswersFile(Path(ref).expanduser())
    if ":" in ref:
        judge = registry.made("judge", ref)
        if not isinstance(judge, Judge):
            raise UsageError(
                f"{ref} is no judge: it lacks one of name, available, ask.", "docs/SCORES.md shows a whole one."
            )
        return Kept(judge, answers)
    raise UsageError(
        f"{ref!r} names no judge.",
        "Give answers.csv, https://host/v1?model=NAME, local:org/model@revision or ./mine.py:Judge",
    )


@lru_cache(maxsize=8)
def _endpoint(address: str, at_once: int) -> Judge:
    """One for a process, not one for a video: it keeps the rate, and knows whether the server is gone."""
    from suites.judging.endpoint import Endpoint

    return Endpoint(address, at_once=at_once)


@lru_cache(maxsize=8)
def _local(model: str) -> Judge:
    """One for a process: where it lies on this machine is looked up once."""
    from suites.judging.local import LocalModel

    return LocalModel(model)
