"""What a checkpoint says of itself, read without torch and without its tensors.

Planning a run needs to know which weights are on this machine, not what is in them. So this half of the format stands
alone: a safetensors file begins with 8 bytes of length and a JSON header, and ours keeps one JSON text in there.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from bench.backbones.config import Shapes
from bench.digest import canonical, digest_file
from bench.errors import KeepframeError, UnavailableError

FORMAT = 1
METADATA = "keepframe"

Kind = Literal["vae", "dit", "history"]

_LENGTH = struct.Struct("<Q")
_AGAIN = "Train it again with `keepframe train`, or put the file back from the repository."


@dataclass(frozen=True)
class About:
    """Everything that a checkpoint says of itself. `args` decide what it computes, `training` how it came to be.

    `parents` are the sha256 of the files that it was trained on top of, by their part: `vae`, `dit`, `stage-one`.
    """

    kind: Kind
    shapes: Shapes
    parents: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def dumps(self) -> str:
        """One line of JSON, the same for the same content."""
        plain = {
            "format": FORMAT,
            "kind": self.kind,
            "shapes": asdict(self.shapes),
            "parents": dict(self.parents),
            "args": dict(self.args),
            "training": dict(self.training),
        }
        return canonical(plain)

    @classmethod
    def loads(cls, text: str, where: Path) -> "About":
        """The inverse of `dumps`. Raises KeepframeError for another format, kind or shapes that do not exist here.

        >>> from bench.backbones.config import shapes
        >>> about = About("dit", shapes("nano"), parents={"vae": "12ab"})
        >>> About.loads(about.dumps(), Path("dit.safetensors")) == about
        True
        """
        try:
            plain = json.loads(text)
            if plain["format"] != FORMAT:
                raise KeepframeError(
                    f"{where} has format {plain['format']}, and this Keepframe reads format {FORMAT}.",
                    "Take the weights that came with this version, or install the version that wrote them.",
                )
            if plain["kind"] not in get_args(Kind):
                raise KeepframeError(f"{where} holds a {plain['kind']!r}, which nothing here can use.", _AGAIN)
            parts = {name: dict(plain[name]) for name in ("parents", "args", "training")}
            return cls(plain["kind"], _shapes(plain["shapes"], where), **parts)
        except (KeyError, TypeError, ValueError) as error:
            raise KeepframeError(
                f"{where} describes itself in a way that cannot be read: {error!r}.", _AGAIN
            ) from error

    def differences(self, shapes: Shapes) -> list[str]:
        """Where its backbone differs from that of other shapes, as `field: its, the other`.

        The name of the shapes does not count, nor does what only φ has: a backbone serves encoders of many widths.
        """
        own, other = asdict(self.shapes), asdict(shapes)
        return [
            f"{name}: {own[name]} in the file, {other[name]} wanted"
            for name in own
            if name != "name" and not name.startswith("history_") and own[name] != other[name]
        ]


def read_about(path: Path) -> About:
    """What the checkpoint says of itself.

    Raises `UnavailableError` when there is no such file, and `KeepframeError` for one that is cut short or not ours.
    """
    header = _header(path)
    text = header.get("__metadata__", {}).get(METADATA)
    if text is None:
        raise KeepframeError(
            f"{path} is a safetensors file, but not a checkpoint of Keepframe: it lacks {METADATA!r} in its metadata.",
            "Name a file that `keepframe train` wrote.",
        )
    return About.loads(text, path)


def digest(path: Path) -> str:
    """sha256 of a checkpoint, in hex; read once for as long as the file does not change.

    Raises `UnavailableError` when there is no such file.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise missing(path) from error
    return _digest(path, facts.st_size, facts.st_mtime_ns)


def missing(path: Path) -> UnavailableError:
    """The error for weights that are not there."""
    recipe = {"vae": "vae", "dit": "dit"}.get(path.stem, "stage2" if "-ar" in path.stem else "stage1")
    return UnavailableError(
        f"There are no weights at {path}, and random ones never stand in for them.",
        f"Train them with `keepframe train {recipe}`, or set KEEPFRAME_CHECKPOINTS to the folder that has them.",
    )


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    return digest_file(path)


def _header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file that is as long as it should be."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_LENGTH.size)
            length = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else size
            text = file.read(length) if _LENGTH.size + length <= size else b""
    except OSError as error:
        raise missing(path) from error
    try:
        header: dict[str, Any] = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeepframeError(f"{path} is not a safetensors file, or was cut short ({size} bytes).", _AGAIN) from error
    whole = _LENGTH.size + length + max(ends, default=0)
    if size != whole:
        raise KeepframeError(f"{path} was cut short or changed: it has {size} bytes and should have {whole}.", _AGAIN)
    return header


def _shapes(plain: Mapping[str, Any], where: Path) -> Shapes:
    known = {one.name for one in fields(Shapes)}
    unknown = sorted(set(plain) - known)
    if unknown:
        raise KeepframeError(
            f"{where} was made for shapes that have {', '.join(unknown)}, which this Keepframe does not know.",
            "Take the weights that came with this version.",
        )
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    return Shapes(**given)
