"""A judge on this machine: any vision-language model that transformers can load as `image-text-to-text`.

Written `local:org/model@revision`. The revision is asked for because a score whose judge may change under it is no
score; a folder needs none, its files are looked at. Nothing is downloaded unasked: a model that is not here yet is said
to be missing, with the command that fetches it.
"""

import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.digest import key
from bench.errors import KeepframeError, UnavailableError, UsageError
from suites.judging.protocol import Inquiry, Reply

MOST_TOKENS = 512

_PACKAGES = ("transformers", "accelerate", "huggingface_hub", "torch", "PIL")


class LocalModel:
    """A model by its name on the hub and its revision, or by its folder. It is loaded with the first question.

    Raises UsageError for a hub's name without a revision.

    >>> LocalModel("org/model@0123abc").name
    'local org/model@0123abc'
    """

    _folder: str | None  # where it lies, once that is known

    def __init__(self, model: str) -> None:
        folder = Path(model).expanduser()
        if folder.is_dir():
            self._place, self._revision, self._folder = str(folder), None, str(folder)
            files = sorted(path for path in folder.iterdir() if path.is_file())
            facts = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
            self.name = f"local folder {key('model', files=facts)[:16]}"
            return
        if model.startswith((".", "/", "~")):
            raise UsageError(f"There is no folder {folder}.", "local: takes a folder, or org/model@COMMIT of the hub.")
        place, at, revision = model.partition("@")
        if not at or not revision:
            raise UsageError(f"local:{model} names no revision.", f"Write local:{place}@COMMIT")
        self._place, self._revision, self._folder = place, revision, None
        self.name = f"local {model}"

    def available(self) -> str | None:
        absent = [package for package in _PACKAGES if find_spec(package) is None]
        if absent:
            return f"A local judge needs what is not installed: {', '.join(absent)}.\n  pip install 'keepframe[judge]'"
        if self._here() is None:
            fetch = f"hf download {self._place} --revision {self._revision}"
            return f"The model {self._place} at {self._revision} is not on this machine.\n  {fetch}"
        return None

    def ask(self, inquiry: Inquiry) -> Reply:
        from PIL import Image

        content = [{"type": "image", "image": Image.open(io.BytesIO(one)).convert("RGB")} for one in inquiry.pictures]
        turn = {"role": "user", "content": [*content, {"type": "text", "text": inquiry.text}]}
        folder = self._here()
        if folder is None:  # transformers would take, and download, a model that nobody named
            raise UnavailableError(*(self.available() or "").split("\n  ", 1))
        try:
            model = _pipeline(folder)
        except Exception as error:  # files that are damaged or not there, a model that takes no pictures
            raise KeepframeError(
                f"The model {self._place} cannot be loaded: {type(error).__name__}: {error}.",
                "Give a model that transformers loads as image-text-to-text, with its processor and chat template.",
            ) from error
        try:
            # greedy whatever the model's own settings say; the pipeline drops what it is told beside generate_kwargs
            greedy = {"do_sample": False, "max_new_tokens": MOST_TOKENS}
            (found,) = model(text=[turn], generate_kwargs=greedy, return_full_text=False)
            return Reply(str(found["generated_text"]).strip())
        except Exception as error:  # out of memory, more pictures than it takes
            raise KeepframeError(
                f"The model {self._place} gave no answer: {type(error).__name__}: {error}.",
                "Take a smaller model or fewer workers (--workers 1).",
            ) from error

    def _here(self) -> str | None:
        """The model's folder. It is looked for until it is found, and then no more."""
        if self._folder is None and self._revision is not None:
            self._folder = _kept(self._place, self._revision)
        return self._folder


def _kept(place: str, revision: str) -> str | None:
    """The folder in the hub's cache where this model is; None where it is not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return snapshot_download(place, revision=revision, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError):  # ValueError: no name that the hub could know
        return None


@lru_cache(maxsize=1)
def _pipeline(folder: str) -> Any:
    """The model, kept for the process."""
    from transformers import pipeline

    return pipeline("image-text-to-text", model=folder, device_map="auto", dtype="auto")
