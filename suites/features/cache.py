"""Features on disk by content address: what the same code saw in the same frames with the same weights.

A feature costs a network's pass over a whole video, its arrays a few megabytes; so they are worth keeping, and
metrics can be added later without decoding anything again. The address holds all that decides the numbers: the
clip's bytes, the feature's name and version, the weights' digests and the code. A file that cannot be read counts
as absent and is made anew.
"""

import os
import zipfile
from pathlib import Path

import numpy as np

from bench import registry, weights
from bench.digest import key
from bench.errors import StoreError
from bench.types import Clip
from suites.features.pixels import CONVERSION
from suites.features.protocols import Arrays, Feature


def address(clip: Clip, feature: Feature) -> str:
    """The content address of a feature of a clip.

    Raises UnavailableError when its weights are not on this machine.
    """
    return key(
        "feature",
        clip=clip.digest,
        pixels=CONVERSION,
        feature=feature.name,
        version=feature.version,
        weights={name: weights.digest(name) for name in feature.weights},
        code=registry.code_digest(type(feature)),
    )


class FeatureCache:
    """A folder of features. Processes may share it: files appear whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, at: str) -> Arrays | None:
        """The arrays at this address, or None."""
        try:
            with self._path(at).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, zipfile.BadZipFile, EOFError):
            return None

    def put(self, at: str, arrays: Arrays) -> None:
        """Keep arrays. Raises StoreError when the disk does not take them."""
        path = self._path(at)
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(f"Cannot write {path}: {error.strerror}.", "Make room, then run it again.") from error

    def _path(self, at: str) -> Path:
        return self.root / at[:2] / f"{at}.npz"
