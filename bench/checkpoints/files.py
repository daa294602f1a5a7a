"""Writing and reading the tensors of a checkpoint: safetensors in float16, complete or not there at all.

Half the bytes of float32 at no loss that a recalled frame shows, and modules compute in float32 all the same. A file
appears under its name only when it is whole, so a killed training leaves nothing that looks like a model.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.checkpoints.about import METADATA, About, digest, missing, read_about
from bench.errors import KeepframeError

_SHOWN = 3  # names in an error message


def save(path: Path, tensors: Mapping[str, Tensor], about: About) -> str:
    """Write a checkpoint, floats as float16, and return its sha256.

    The same tensors and the same `about` give the same bytes. Raises `KeepframeError` for a tensor that is not finite
    or too large for float16: such weights are no model.

    >>> import tempfile
    >>> from bench.backbones.config import shapes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "vae.safetensors"
    ...     written = save(path, {"gain": torch.ones(2)}, About("vae", shapes("nano")))
    ...     tensors, about = load(path)
    >>> tensors["gain"].dtype, about.kind, len(written)
    (torch.float32, 'vae', 64)
    """
    from safetensors.torch import save_file

    half = {name: _half(name, tensor) for name, tensor in sorted(tensors.items())}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(half, part, metadata={METADATA: about.dumps()})
        part.chmod(0o644)  # safetensors writes files that only their owner can read
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return digest(path)


def load(path: Path) -> tuple[dict[str, Tensor], About]:
    """The tensors of a checkpoint on the CPU, floats as float32, and what it says of itself.

    Raises `UnavailableError` when there is no such file, and `KeepframeError` for one that is cut short or not ours.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    about = read_about(path)
    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise missing(path) from error
    except (SafetensorError, ValueError) as error:
        raise KeepframeError(f"{path} cannot be read: {error}.", "Put the file back, or train it again.") from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}, about


def fill(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str, path: Path) -> None:
    """Load the tensors whose names begin with `prefix` into `module`; every weight of it must be there, and no other.

    Raises `KeepframeError` naming the first weights that are missing, left over or of another shape.
    """
    given = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    wanted = module.state_dict()
    complaints = [f"{name} is missing" for name in wanted if name not in given]
    complaints += [f"{name} is left over" for name in given if name not in wanted]
    complaints += [
        f"{name} is {tuple(given[name].shape)} and should be {tuple(weight.shape)}"
        for name, weight in wanted.items()
        if name in given and given[name].shape != weight.shape
    ]
    if complaints:
        raise _other_config(path, f"the {type(module).__name__} that was asked for", complaints)
    module.load_state_dict(given)


def require(about: About, path: Path, *, kind: str, shapes: Shapes, parents: Mapping[str, str]) -> None:
    """Check that a checkpoint is of this kind and these shapes, and was trained on top of these files (sha256 by part).

    Raises `KeepframeError` naming the first things that differ.
    """
    if about.kind != kind:
        raise KeepframeError(f"{path} holds a {about.kind}, not a {kind}.", f"Name a checkpoint of a {kind}.")
    if different := about.differences(shapes):
        raise _other_config(path, f"shapes {shapes.name!r}", different)
    wrong = [
        f"{part}: {about.parents.get(part, 'none')[:12]} in the file, {found[:12]} here"
        for part, found in parents.items()
        if about.parents.get(part) != found
    ]
    if wrong:
        raise KeepframeError(
            f"{path} was trained on top of other weights ({_first(wrong)}).",
            "Use files of one training, or train this one again: its tokens mean nothing to other weights.",
        )


def _half(name: str, tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    half = tensor.to(torch.float16)
    if not half.isfinite().all():
        raise KeepframeError(
            f"The weight {name!r} is not finite in float16 (largest: {tensor.abs().max():g}).",
            "It is not a model: look at the loss curve, and train again from an earlier state.",
        )
    return half.clone()  # safetensors refuses tensors that share storage


def _other_config(path: Path, what: str, complaints: Iterable[str]) -> KeepframeError:
    return KeepframeError(
        f"{path} is of another config than {what}: {_first(list(complaints))}.",
        "Name the checkpoint of this config, or train one.",
    )


def _first(complaints: list[str]) -> str:
    more = len(complaints) - _SHOWN
    return "; ".join(complaints[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
