"""Where numbers came from: recorded beside them, never part of their address (except for cost).

The commit is that of the code that ran, asked in its own folder: asked in the user's folder it would be
the user's repository.
"""

import os
import platform
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bench import __version__


def environment() -> dict[str, Any]:
    """Commit and dirty flag, interpreter, packages, processor, memory, threads. No host or user names."""
    return {
        "keepframe": __version__,
        "commit": _commit(Path(__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "packages": dict(sorted((d.name, d.version) for d in distributions() if d.name)),
        "executable_prefix": "venv" if sys.prefix != sys.base_prefix else "system",
    }


def _commit(folder: Path) -> str | None:
    """`abc123…` or `abc123…+dirty`; None when the code was installed without its repository."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        inside = _git(folder, "ls-files", "--error-unmatch", Path(__file__).name)
        dirty = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}{'+dirty' if dirty else ''}" if inside else None


def _git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
