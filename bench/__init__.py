"""Keepframe's vocabulary, and what is being benched.

Importing `bench` loads neither torch nor numpy: names are resolved on first use, so a command line
that only prints its help, or a plug-in that only needs the protocols, pays for nothing else.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module that defines it
_HOME = {
    "Case": "bench.types",
    "Clip": "bench.types",
    "Continue": "bench.types",
    "Frames": "bench.types",
    "Memory": "bench.protocols",
    "MemoryEncoder": "bench.protocols",
    "Metric": "bench.protocols",
    "Prompt": "bench.types",
    "Recall": "bench.types",
    "RunSpec": "bench.spec",
    "Size": "bench.types",
    "Store": "bench.store",
    "VideoGenerator": "bench.protocols",
}
__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
