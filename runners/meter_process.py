"""A fresh process for every configuration and every pass, and what comes of it whatever happens to it.

What one configuration leaves behind (caches, a grown heap, chosen algorithms) must not be found by the next. Running
out of memory, being killed for it, or taking too long is a result with a name; other failures are errors.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import KeepframeError, UnavailableError
from runners.meter_ballast import holding
from suites.cost.profile import MOST_WARMING, Profile

MOST_S = 3600.0
START_S = 120.0


@dataclass(frozen=True)
class Request:
    """One pass over one profile. `budget_bytes` leaves so much of the card free; `code` is another checkout's root;
    after `most_warming` sections a warm-up ends even where times do not settle."""

    profile: Profile
    kind: Literal["time", "memory"]
    sections: int
    budget_bytes: int | None = None
    code: Path | None = None
    timeout_s: float = MOST_S
    most_warming: int = MOST_WARMING

    @property
    def asked(self) -> dict[str, Any]:
        """How much is measured, as it is kept beside the figures: what was asked for otherwise is another measurement.
        A memory pass warms nothing up: repeating a stage changes its time, not what it holds."""
        warming = 0 if self.kind == "memory" else self.most_warming
        return {"sections": self.sections, "most_warming": warming, "budget_bytes": self.budget_bytes}


def measure(request: Request) -> dict[str, Any]:
    """The child's document; its `outcome` is `done`, `out of memory` or `timeout`.

    Raises UnavailableError for a device that is not there, and KeepframeError for a process that crashed.
    """
    held = holding(request.profile.device, request.budget_bytes) if request.budget_bytes is not None else nullcontext()
    with held:
        document = {"asked": request.asked, **_run(request)}
    if "environment" not in document:  # it was ended before it could say
        document["environment"] = environment(request)
    if request.budget_bytes is not None:
        document |= {"budget_bytes": request.budget_bytes, "simulated": True}
        for peaks in _all_peaks(document):
            peaks.pop("device", None)  # what the other process holds is in it
    return document


def _all_peaks(document: dict[str, Any]) -> list[dict[str, int]]:
    memory = document.get("memory") or {"peak": {}, "stages": {}}
    return [memory["peak"], *memory["stages"].values()]


def environment(request: Request) -> dict[str, Any]:
    """What such a measurement's process would say of its environment; empty where it cannot.

    Raises UnavailableError for a device that is not there.
    """
    try:
        ended = _child({"pass": "environment", "profile": request.profile.as_dict()}, request.code, START_S)
        document: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return {}
    if document.get("outcome") == "refused":
        raise UnavailableError(document["what"], document["mend"])
    found: dict[str, Any] = document.get("environment") or {}
    return found


def _child(asked: dict[str, Any], code: Path | None, timeout_s: float) -> Any:
    return subprocess.run(
        # -P: a folder called `runners` where the user happens to stand is none of ours
        [sys.executable, "-P", "-m", "runners.meter_child"],
        input=json.dumps({**asked, "parent": os.getpid()}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=_surroundings(code),
    )


def _run(request: Request) -> dict[str, Any]:
    how = request.asked
    asked = {"profile": request.profile.as_dict(), "pass": request.kind}
    asked |= {"sections": how["sections"], "most_warming": how["most_warming"]}
    try:
        ended = _child(asked, request.code, request.timeout_s)
    except subprocess.TimeoutExpired:
        return {"pass": request.kind, "outcome": "timeout", "message": f"not done after {request.timeout_s:g} s"}
    if ended.returncode == -signal.SIGKILL:
        message = "killed by the system, which ends processes that it has no memory for"
        return {"pass": request.kind, "outcome": "out of memory", "message": message}
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise KeepframeError(
            f"The process that measured {request.profile.name} died (exit code {ended.returncode}): {last}",
            "Run it again; if it dies again, report this with what it says above.",
        )
    document: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    if document["outcome"] == "refused":
        raise UnavailableError(document["what"], document["mend"])
    return document


def _surroundings(code: Path | None) -> dict[str, str]:
    return {**os.environ, **({} if code is None else {"PYTHONPATH": str(code.resolve())})}
