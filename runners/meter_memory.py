"""Marks of memory: the process's own, PyTorch's on the GPU, and the card's.

They answer different questions. `allocated` is what tensors held, `reserved` what PyTorch took from the card for them,
and the card's own figure adds the CUDA context and everybody else: that decides whether a model fits. On the host the
kernel's high-water mark (VmHWM) is exact, where sampling misses short peaks; Linux lets a process reset its own.
"""

from pathlib import Path
from typing import Any

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Marks:
    """The high-water marks of this process and of its device; `sources` says where each comes from, or why not."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.sources = {"host": "VmHWM of the process, reset before each stage"}
        if not _resettable():
            self.sources["host"] = "VmHWM of the process since its start: this system does not let it be reset"
        self._card: Card | None = None
        if device.startswith("cuda"):
            self.sources["allocated"] = self.sources["reserved"] = "PyTorch's caching allocator"
            self._card = Card(device)
            self.sources["device"] = self._card.source

    def reset(self) -> None:
        """Begin a stage: everything before it is forgotten, but for what is still held."""
        if _resettable():
            _CLEAR.write_text("5")
        if self._card is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)

    def read(self) -> dict[str, int]:
        """Bytes: `host`, and on a GPU `allocated`, `reserved` and `device` (in use on the card now, by anybody)."""
        marks = {"host": host_peak_bytes()}
        if self._card is not None:
            import torch

            marks["allocated"] = torch.cuda.max_memory_allocated(self.device)
            marks["reserved"] = torch.cuda.max_memory_reserved(self.device)
            marks |= self._card.used()
        return marks


class Card:
    """What a GPU says of itself: by NVML where its Python package is installed, else by CUDA.

    In a container NVML often cannot name processes; then there is no `process` figure, and `source` says so.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._nvml: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(_uuid(device))
            self._nvml = pynvml
            self.source = "NVML"
        except Exception as error:  # no package, no driver library, a container without rights: all the same here
            self.source = f"cudaMemGetInfo of the whole card (no NVML: {type(error).__name__}: {error})"

    def used(self) -> dict[str, int]:
        """Bytes in use: `device` by everybody, `process` by this process where NVML knows it."""
        if self._nvml is None:
            import torch

            free, total = torch.cuda.mem_get_info(self.device)
            return {"device": total - free}
        import os

        held = {"device": int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)}
        for process in self.processes():
            if process.pid == os.getpid() and process.usedGpuMemory is not None:
                held["process"] = int(process.usedGpuMemory)
        return held

    def processes(self) -> list[Any]:
        """Processes on the card that NVML can see; ours may be missing, or bear another id, in a container."""
        return list(self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)) if self._nvml else []

    def energy_mj(self) -> int | None:
        """The card's energy counter in millijoules, or None without one. It advances every 20 to 100 ms."""
        return self._asked("nvmlDeviceGetTotalEnergyConsumption")

    def power_mw(self) -> int | None:
        """What the card draws now, in milliwatts."""
        return self._asked("nvmlDeviceGetPowerUsage")

    def driver(self) -> str | None:
        """The driver's version."""
        return None if self._nvml is None else str(self._nvml.nvmlSystemGetDriverVersion())

    def _asked(self, name: str) -> int | None:
        if self._nvml is None:
            return None
        try:
            return int(getattr(self._nvml, name)(self._handle))
        except self._nvml.NVMLError:
            return None


def host_peak_bytes() -> int:
    """The process's high-water mark of resident memory, since its start or since it was reset."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _resettable() -> bool:
    import os

    return os.access(_CLEAR, os.W_OK)


def _uuid(device: str) -> str:
    import torch

    uuid = str(torch.cuda.get_device_properties(device).uuid)
    return uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
