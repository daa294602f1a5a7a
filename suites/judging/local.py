"""A judge on this machine: any vision-language model that transformers can load as `image-text-to-text`.

Written `local:org/model@revision`. The revision is asked for because a score whose judge may change under it is no
score; a folder needs none, its files are looked at.
"""

import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.digest import key
from bench.errors import KeepframeError, UsageError
from suites.judging.protocol import Inquiry, Reply

MOST_TOKENS = 512


class LocalModel:
    """A model by its name on the hub and its revision, or by its folder. It is loaded with the first question.

    Raises UsageError for a hub's name without a revision.

    >>> LocalModel("org/model@0123abc").name
    'local org/model@0123abc'
    """

    def __init__(self, model: str) -> None:
        if Path(model).is_dir():
            self._place, self._revision = model, None
            files = sorted(path for path in Path(model).iterdir() if path.is_file())
            facts = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
            self.name = f"local folder {key('model', files=facts)[:16]}"
            return
        place, at, revision = model.partition("@")
        if not at or not revision:
            raise UsageError(f"local:{model} names no revision.", f"Write local:{place}@COMMIT")
        self._place, self._revision = place, revision
        self.name = f"local {model}"

    def available(self) -> str | None:
        absent = [package for package in ("transformers", "torch", "PIL") if find_spec(package) is None]
        if absent:
            return f"A local judge needs the packages {' and '.join(absent)}.\n  pip install transformers torch pillow"
        return None

    def ask(self, inquiry: Inquiry) -> Reply:
        from PIL import Image

        content = [{"type": "image", "image": Image.open(io.BytesIO(one)).convert("RGB")} for one in inquiry.pictures]
        turn = {"role": "user", "content": [*content, {"type": "text", "text": inquiry.text}]}
        try:
            (found,) = _pipeline(self._place, self._revision)(
                text=[turn], max_new_tokens=MOST_TOKENS, do_sample=False, return_full_text=False
            )
            return Reply(str(found["generated_text"]).strip())
        except Exception as error:  # out of memory, a model that takes no pictures, files that are not there
            raise KeepframeError(
                f"The model {self._place} gave no answer: {type(error).__name__}: {error}.",
                "Take a smaller model or fewer workers (--workers 1).",
            ) from error


@lru_cache(maxsize=1)
def _pipeline(place: str, revision: str | None) -> Any:
    """The model, kept for the process."""
    from transformers import pipeline

    return pipeline("image-text-to-text", model=place, revision=revision, device_map="auto", torch_dtype="auto")
