"""Devices: whether one is there, and having workers compute on it.

The driver itself is asked: PyTorch takes seconds to import before it says the same.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from bench.checkpoints.folder import DEVICE_VARIABLE
from bench.errors import UnavailableError, UsageError

DRIVER = "libcuda.so.1"


def check(device: str) -> None:
    """Raises UsageError for what is no name of a device, and UnavailableError for a GPU that is not there, saying
    which part of it is missing.

    >>> check("cpu")
    """
    kind, colon, number = device.partition(":")
    if device == "cpu":
        return
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise UsageError(f"{device!r} is no device that can be measured on.", "Name cpu, cuda, or cuda:1.")
    if missing := _missing(int(number or 0)):
        raise UnavailableError(f"There is no GPU for {device} here: {missing[0]}.", missing[1])


def there(device: str) -> bool:
    """Whether models can compute on it."""
    try:
        check(device)
    except UnavailableError:
        return False
    return True


def described(device: str) -> str:
    """`cpu`, or `cuda (NVIDIA H200)` where the driver says what it is: scores differ between kinds of GPU, too."""
    number = device.partition(":")[2] or "0"
    if not device.startswith("cuda") or not number.isdecimal() or int(number) >= _count()[0]:
        return device
    driver, handle, name = ctypes.CDLL(DRIVER), ctypes.c_int(0), ctypes.create_string_buffer(128)
    code = driver.cuDeviceGet(ctypes.byref(handle), int(number)) or driver.cuDeviceGetName(name, 128, handle)
    return device if code else f"{device} ({name.value.decode(errors='replace')})"


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """Workers that are started inside compute there. On the CPU they see no GPU at all, since learned metrics and
    plug-ins take one where they see it."""
    wanted = {DEVICE_VARIABLE: device, **({"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {})}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _missing(number: int) -> tuple[str, str] | None:
    """What a GPU lacks to be used, and what to do about it."""
    without = "leave out --device: the CPU it is then, which is said beside every figure"
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return "PyTorch is not installed", "Install it: pip install 'keepframe[models]'"
    if torch.endswith("+cpu"):
        return f"this PyTorch ({torch}) is built for CPUs only", f"Install one with CUDA, or {without}."
    if "+rocm" in torch or not sys.platform.startswith("linux"):
        return None  # another driver: the process that is measured finds out
    found, why = _count()
    if why:
        return why, f"Run it where nvidia-smi lists a GPU (a container needs --gpus all), or {without}."
    if number >= found:
        return f"the driver sees {found} GPU{'s' if found > 1 else ''}, numbered from 0", "Name one of them."
    return None


def _count() -> tuple[int, str]:
    """How many GPUs the driver sees (CUDA_VISIBLE_DEVICES counts), or why none."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return 0, f"no NVIDIA driver is installed ({DRIVER} is not found)"
    count = ctypes.c_int(0)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code or not count.value:
        return 0, f"the NVIDIA driver sees no GPU (CUDA error {code})" if code else "the NVIDIA driver sees no GPU"
    return count.value, ""
