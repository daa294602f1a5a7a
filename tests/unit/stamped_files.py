"""The stamped films that the video tests share, each written once a session."""

import tempfile
from functools import cache
from pathlib import Path

from bench.types import Clip
from bench.video.clip import probe
from bench.video.stamped import write_stamped

_FOLDER = tempfile.TemporaryDirectory(prefix="stamped")  # removed when the session ends


@cache
def stamped(kind: str) -> Clip:
    return probe(write_stamped(Path(_FOLDER.name) / kind, kind))
