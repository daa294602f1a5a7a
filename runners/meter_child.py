"""The process that is measured: one configuration, one pass, one JSON line at the end.

    python -m runners.meter_child < request.json

It ends with 0 also where memory ran out: that is a result. Any other exception is a bug and shows its traceback.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.digest import digest_file, key
from runners.meter import MemoryMeter, TimeMeter
from runners.meter_memory import Card
from suites.cost.profile import MOST_WARMING, Profile
from suites.cost.scenario import play

PR_SET_PDEATHSIG = 1  # from Linux's <sys/prctl.h>
CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
ENERGY_S = 2.0  # the card's counter is coarse: shorter windows say nothing


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """The document of one pass: `time` or `memory`; of `environment`, that alone.

    Raises UnavailableError for a device that is not there.
    """
    profile = Profile(**request["profile"])
    if request["pass"] == "environment":
        return {"environment": environment(profile.device)}
    sections, most_warming = request["sections"], request.get("most_warming", MOST_WARMING)
    began_load = os.getloadavg()[0]
    document: dict[str, Any] = {"pass": request["pass"], "outcome": "done", "environment": environment(profile.device)}
    card = Card(profile.device) if profile.device.startswith("cuda") else None
    idle_mw = None if card is None else card.power_mw()
    meter: TimeMeter | MemoryMeter = MemoryMeter(profile.device)
    if request["pass"] == "time":
        meter = TimeMeter(profile.device, card.energy_mj) if card else TimeMeter(profile.device)
    from runners.meter_flops import FlopMeter, matmul_peak

    try:
        with tempfile.TemporaryDirectory(prefix="keepframe-cost-") as folder:
            counter = FlopMeter() if isinstance(meter, TimeMeter) else None
            facts = play(profile, meter, Path(folder), sections=sections, most_warming=most_warming, counter=counter)
        document["facts"] = asdict(facts)
        if isinstance(meter, TimeMeter):
            assert counter is not None
            document["counted"] = {stage: asdict(one) for stage, one in counter.found.items()}
            document["energy"] = energy(meter, card, idle_mw)
            document["matmul"] = asdict(matmul_peak(profile.device, profile.dtype))
    except Exception as error:
        if not out_of_memory(error):
            raise
        document |= {"outcome": "out of memory", "stage": (meter.inside or ["start"])[-1], "message": _first(error)}
    if isinstance(meter, TimeMeter):
        document["samples"] = [asdict(one) for one in meter.samples]
    else:
        document["memory"] = meter.document()
    return document | {"load": [began_load, os.getloadavg()[0]], "others": others(profile.device)}


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the host or on the card.

    >>> out_of_memory(MemoryError()), out_of_memory(ValueError("no"))
    (True, False)
    """
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in words or "out of memory" in words)


def environment(device: str) -> dict[str, Any]:
    """What decides a cost beside the profile: code, machine, device, driver, numeric libraries, threads."""
    import torch

    from bench.errors import UnavailableError
    from bench.provenance import environment as whole

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UnavailableError(
            f"There is no GPU for {device} on this machine.", "Leave out --device: CPU figures are labelled as such."
        )
    here = whole()
    kept = {name: here[name] for name in ("keepframe", "commit", "python", "platform", "processor", "cores")}
    kept["code"] = code()
    kept |= {
        "memory_bytes": min([here["memory_bytes"] or sys.maxsize, *limits()]),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    if device.startswith("cuda"):
        facts = torch.cuda.get_device_properties(device)
        kept |= {"gpu": facts.name, "gpu_bytes": facts.total_memory, "cuda": torch.version.cuda}
        kept |= {"driver": Card(device).driver()}
    return kept


def code() -> str:
    """The code that is measured and that measures, as it lies on the disk: a commit says too much (it changes with a
    document) and too little (a checkout may have been edited since, an installation has none)."""
    root = Path(__file__).parent.parent
    files = [*root.glob("bench/**/*.py"), *root.glob("suites/cost/*.py"), *root.glob("runners/meter*.py")]
    return key("code", files={path.relative_to(root).as_posix(): digest_file(path) for path in files})


def limits() -> list[int]:
    """Bytes that this process may take where that is less than the machine has: by `ulimit -v`, or in a container.
    Where more is allowed, what ran out of memory is to be measured anew."""
    found = [soft for soft in (resource.getrlimit(resource.RLIMIT_AS)[0],) if soft != resource.RLIM_INFINITY]
    for path in CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(path.read_text()))  # `max` is none
    return found


def others(device: str) -> int | None:
    """How many other processes NVML sees on the card; None where it cannot tell, or there is no card."""
    if not device.startswith("cuda"):
        return None
    card = Card(device)
    return None if card.source != "NVML" else sum(one.pid != os.getpid() for one in card.processes())


def energy(meter: TimeMeter, card: Card | None, idle_mw: int | None) -> dict[str, Any]:
    """Joules of the warm sections by the card's own counter, and what it drew before; or why there are none."""
    if card is None:
        return {"joules": None, "why": "no GPU"}
    (began_s, before), (ended_s, after) = meter.energy[0], meter.energy[-1]
    if before is None or after is None:
        return {"joules": None, "why": f"no energy counter: {card.source}"}
    if ended_s - began_s < ENERGY_S:
        return {"joules": None, "why": f"a window of {ended_s - began_s:.1f} s where {ENERGY_S:g} s are needed"}
    return {"joules": (after - before) / 1e3, "window_s": ended_s - began_s, "idle_mw": idle_mw}


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def end_with_parent() -> None:
    """When the command is killed, this process ends too, and clears up, where the system can see to that (Linux): else
    it would go on for an hour, in the way of whatever is measured next."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Read the request, measure, print one line."""
    from bench.errors import KeepframeError

    end_with_parent()
    request = json.load(sys.stdin)
    if request.get("parent", os.getppid()) != os.getppid():
        return  # it died while this process was starting
    try:
        document = measure(request)
    except KeepframeError as error:
        document = {"outcome": "refused", "what": error.what, "mend": error.mend}
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
