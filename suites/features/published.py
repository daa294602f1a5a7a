"""Published weights, read without running what is in the file.

A `.pth` is a pickle, and a pickle is a program. `torch.load` refuses all but tensors; the one published file that
holds something else (ViCLIP's, with an EasyDict of its training settings) is read by an unpickler that knows tensors
and nothing else, and takes that dictionary for a plain one.
"""

import io
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.errors import KeepframeError
from bench.weights import mend

_TENSORS = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch.serialization", "_get_layout"),
    *(("torch", f"{kind}Storage") for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Byte", "Bool")),
}


class _Plain(dict[str, Any]):
    """Stands for classes of other packages: what they hold is read as a dictionary and not looked at."""

    def __setstate__(self, state: object) -> None:
        pass


class _TensorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _TENSORS:
            return super().find_class(module, name)
        if (module, name) == ("easydict", "EasyDict"):
            return _Plain
        raise pickle.UnpicklingError(f"it wants to run {module}.{name}")


def read_state(path: Path | io.BytesIO, within: str | None = None) -> dict[str, Any]:
    """The tensors of a safetensors or PyTorch file by name; `within` names the entry that holds them, where one does.
    Of what lies in an archive, the content: always PyTorch's.

    Raises KeepframeError when it is neither, or holds anything but tensors, numbers and texts.
    """
    import torch

    try:
        if isinstance(path, Path) and path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        module = SimpleNamespace(Unpickler=_TensorsOnly, load=pickle.load, __name__="tensors only")
        found = torch.load(path, map_location="cpu", weights_only=False, pickle_module=module)
        state = found[within] if within and within in found else found
        return {str(name): value for name, value in state.items() if isinstance(value, torch.Tensor)}
    except Exception as error:
        place, way_out = (path, mend(path)) if isinstance(path, Path) else ("A file of the archive", "Get it again.")
        raise KeepframeError(f"{place} cannot be read as weights: {error}.", way_out) from error
