"""Where checkpoints lie, and what they are called. No torch in here: planning a run asks this, too."""

import os
from pathlib import Path

from bench.checkpoints.about import About, missing, read_about
from bench.errors import UsageError, did_you_mean

FOLDER_VARIABLE = "KEEPFRAME_CHECKPOINTS"
DEVICE_VARIABLE = "KEEPFRAME_DEVICE"
SUFFIX = ".safetensors"


def checkpoint_folder(where: str | Path = "nano") -> Path:
    """The folder of a backbone: `where` if it is a path, else that name in `KEEPFRAME_CHECKPOINTS` or with us."""
    if isinstance(where, Path):
        return where
    root = os.environ.get(FOLDER_VARIABLE)
    return (Path(root) if root else Path(__file__).parent) / where


def default_device() -> str:
    """Where models compute: `KEEPFRAME_DEVICE`, else the CPU, which gives the same bytes on every run."""
    return os.environ.get(DEVICE_VARIABLE, "cpu")


def checkpoint_file(name: str | Path, folder: Path) -> Path:
    """The file called `name` in `folder`, or `name` itself where it ends in .safetensors.

    >>> checkpoint_file("history-4x4x2", Path("nano")).as_posix()
    'nano/history-4x4x2.safetensors'
    """
    return Path(name) if str(name).endswith(SUFFIX) else folder / f"{name}{SUFFIX}"


def history_name(rate: str, variant: str = "proposed", stage: int = 1) -> str:
    """What the checkpoint of a history encoder is called.

    >>> history_name("4x4x2"), history_name("4x4x2", "only-lr"), history_name("2x2x1", stage=2)
    ('history-4x4x2', 'history-4x4x2-only-lr', 'history-2x2x1-ar')
    """
    return f"history-{rate}" + ("" if variant == "proposed" else f"-{variant}") + ("-ar" if stage == 2 else "")


def about_history(name: str | Path, folder: Path) -> tuple[Path, About]:
    """The file of a history checkpoint and what it says of itself.

    Raises `UnavailableError` when it is not there, naming those that are, and `UsageError` for another kind of file.
    """
    path = checkpoint_file(name, folder)
    if not path.is_file():
        there = sorted(one.stem for one in folder.glob(f"history-*{SUFFIX}"))
        error = missing(path)
        error.mend += f" {did_you_mean(str(name), there)}" if there else ""
        raise type(error)(error.what, error.mend)
    about = read_about(path)
    if about.kind != "history":
        raise UsageError(f"{path} holds a {about.kind}, not a history encoder.", "Name a history-… checkpoint.")
    return path, about
