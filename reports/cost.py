"""What a measured cost says: the numbers of one configuration, and how they grow with the length of the history.

Everything is made anew from the raw samples. What was not measured, or not often enough, is None.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any

from runners.meter_store import Cost
from suites.cost import flops
from suites.cost.scenario import LEAVES
from suites.cost.summary import Slope, drift, percentile, slope

_SPANS = ("first frame", "section")
_FLOPS = {"vae encode": "vae_encode", "compress": "compress", "prefill": "prefill", "denoise step": "denoise_step"}
_NO_PEAK = "no MFU: a stage was faster than the best matrix product, which other processes must have slowed"
_FLOPS |= {"vae decode": "vae_decode", "memory update": "compress"}


@dataclass(frozen=True)
class StageTime:
    """One stage. `cold_ms` is its first call; the others are of the warm calls, which were `calls`."""

    stage: str
    cold_ms: float | None
    calls: int
    median_ms: float | None
    p95_ms: float | None  # None with fewer than 59 calls
    p99_ms: float | None  # None with fewer than 299
    max_ms: float | None
    cpu_ms: float | None
    flops: int | None  # by formula, of one call
    counted: int | None  # by torch's counter, which has gaps: see the notes
    mfu: float | None  # share of the matrix product's peak that was measured in the same process


@dataclass(frozen=True)
class Figures:
    """One configuration on one machine. `ready_ms` is loading and reading the history; the cold first frame has the
    start of the decoder in it; rates are of warm sections."""

    cost: Cost
    stages: tuple[StageTime, ...]
    ready_ms: float | None
    first_frame_cold_ms: float | None
    first_frame_ms: float | None
    frames_per_s: float | None
    real_time_factor: float | None  # seconds of video made in a second
    tokens_per_s: float | None  # tokens of memory that φ makes in a second
    drift: float | None  # last tenth of the sections over the first, by median time
    peak_bytes: dict[str, int]
    joules_per_frame: float | None
    notes: tuple[str, ...]


def figures(cost: Cost) -> Figures:
    """The numbers of one measured configuration."""
    stages = tuple(one for one in (_stage(cost, name) for name in (*LEAVES, *_SPANS)) if one is not None)
    if doubted := any((one.mfu or 0.0) > 1 for one in stages):
        stages = tuple(replace(one, mfu=None) for one in stages)
    known = {one.stage: one for one in stages}
    section = known["section"].median_ms if "section" in known else None
    facts = (cost.time or {}).get("facts") or {}
    frames = facts.get("frames_per_section") or 0
    rate = frames / section * 1e3 if section and frames else None
    sections = [s.wall_ms for s in cost.samples if (s.phase, s.stage) == ("warm", "section")]
    reading = [s.wall_ms for s in cost.samples if s.phase == "warm" and s.stage in ("vae encode", "compress")]
    compressing = [s.wall_ms for s in cost.samples if (s.phase, s.stage) == ("warm", "compress")]
    compressed = cost.profile.memory_rate is not None
    load = known["load"].cold_ms if "load" in known else None
    energy = (cost.time or {}).get("energy") or {}
    joules = energy.get("joules")
    return Figures(
        cost=cost,
        stages=stages,
        ready_ms=None if load is None or not reading else load + sum(reading),
        first_frame_cold_ms=_added(known, "decoder start", "first frame"),
        first_frame_ms=known["first frame"].median_ms if "first frame" in known else None,
        frames_per_s=rate,
        real_time_factor=None if rate is None else rate / cost.profile.fps,
        tokens_per_s=facts["history_tokens"] / sum(compressing) * 1e3 if compressed and compressing and facts else None,
        drift=drift(sections),
        peak_bytes=dict(((cost.memory or {}).get("memory") or {}).get("peak") or {}),
        joules_per_frame=None if joules is None or not frames else joules / (frames * len(sections)),
        notes=(*notes(cost), *((_NO_PEAK,) if doubted else ())),
    )


def _added(known: dict[str, StageTime], *names: str) -> float | None:
    times = [known[name].cold_ms for name in names if name in known]
    return math.fsum(t for t in times if t is not None) if len(times) == len(names) else None


def notes(cost: Cost) -> tuple[str, ...]:
    """What a reader has to know before the numbers: in the order in which it matters."""
    profile, said = cost.profile, []
    for document in (cost.time, cost.memory):
        if document is not None and document["outcome"] != "done":
            where = f" in {document['stage']}" if "stage" in document else ""
            said.append(f"{document['pass']} pass: {document['outcome']}{where}: {document.get('message', '')}")
    if not profile.device.startswith("cuda"):
        said.append("on a CPU: it shows that the stages work and how they scale, not how fast the method is")
    if profile.weights == "random":
        said.append("random weights: cost does not depend on their values; the VAE and text encoder are ours")
    if profile.scale > 1:
        said.append(
            f"{profile.layers} of the DiT's layers; a whole DiT's step is about {profile.scale:.3g} times as long"
        )
    for document in (cost.time, cost.memory):
        if document is None:
            continue
        if document.get("simulated"):
            said.append(f"simulated card: another process held all but {document['budget_bytes'] / 1e9:g} GB")
        if document.get("others"):
            said.append(f"{document['others']} other processes were on the card ({document['pass']} pass)")
    said += _cross_check(cost)
    timed = cost.time or {}
    warm = sum((one.phase, one.stage) == ("warm", "section") for one in cost.samples)
    if warm > 1:
        frames = (timed.get("facts") or {}).get("frames_per_section") or 0
        ends_s = profile.history_s + (warm - 1) * frames / profile.fps
        said.append(f"medians are over {warm} sections: the history grows from {profile.history_s:g} to {ends_s:g} s")
    for kind, ended in ((timed.get("facts") or {}).get("settled") or {}).items():
        if not ended:
            said.append(f"the warm-up of {kind!r} did not settle within 2 %: the machine was not quiet")
    load, cores = max(timed.get("load") or [0.0]), cost.environment.get("cores") or 1
    if load > cores:
        said.append(f"the load was {load:.1f} on {cores} core{'s' if cores > 1 else ''}: times are upper bounds")
    return tuple(said)


def _cross_check(cost: Cost) -> list[str]:
    """Where torch's counter does not say what the formulas say, and why as far as that is known."""
    counted: dict[str, dict[str, Any]] = (cost.time or {}).get("counted") or {}
    work = flops.section(cost.profile)
    gaps = sorted({gap for one in counted.values() for gap in one["gaps"]})
    said = [f"torch's counter has no formula for {gap}, and counts it as nothing" for gap in gaps]
    for stage, one in counted.items():
        formula = getattr(work, _FLOPS[stage]) if stage in _FLOPS else None
        if formula is not None and formula != one["flops"] and not one["gaps"]:
            said.append(f"{stage}: {formula:,} FLOPs by formula, {one['flops']:,} by torch's counter")
    return said


@dataclass(frozen=True)
class Growth:
    """How one figure grows with the history, in its unit per minute of history; `ends_at_s` is where memory ran out."""

    name: str
    figure: str
    unit: str
    points: tuple[tuple[float, float], ...]  # seconds of history, value
    line: Slope | None
    ends_at_s: float | None


def growth(measured: Sequence[Figures]) -> tuple[Growth, ...]:
    """A curve for every configuration that was measured at several lengths of history."""
    families: dict[tuple[Any, ...], list[Figures]] = {}
    for one in measured:
        same = {f.name: getattr(one.cost.profile, f.name) for f in fields(one.cost.profile)}
        same.pop("history_s")
        families.setdefault(tuple(same.items()), []).append(one)
    found = []
    for members in families.values():
        if len({one.cost.profile.history_s for one in members}) < 2:
            continue
        ran_out = [one.cost.profile.history_s for one in members if one.cost.outcome == "out of memory"]
        name = members[0].cost.profile.name.rsplit(" ", 2)[0]
        for figure, unit, values in _grown(members):
            points = tuple(
                sorted((one.cost.profile.history_s, v) for one, v in zip(members, values, strict=True) if v is not None)
            )
            if points:
                line = slope([x / 60 for x, _ in points], [y for _, y in points])
                found.append(Growth(name, figure, unit, points, line, min(ran_out, default=None)))
    return tuple(found)


def _grown(members: Sequence[Figures]) -> list[tuple[str, str, list[float | None]]]:
    step = [next((s.median_ms for s in one.stages if s.stage == "denoise step"), None) for one in members]
    rows: list[tuple[str, str, list[float | None]]] = [
        ("denoise step", "ms", step),
        ("first frame", "ms", [one.first_frame_ms for one in members]),
        ("ready", "ms", [one.ready_ms for one in members]),
        ("tokens", "", [float(one.cost.profile.history_tokens) for one in members]),
    ]
    for mark in ("allocated", "reserved", "device", "process", "host"):
        peaks = [one.peak_bytes.get(mark) for one in members]
        rows.append((f"peak {mark}", "MB", [None if peak is None else peak / 1e6 for peak in peaks]))
    return rows


def _stage(cost: Cost, name: str) -> StageTime | None:
    calls = [one for one in cost.samples if one.stage == name]
    if not calls:
        return None
    warm = [one.wall_ms for one in calls if one.phase == "warm"]
    cold = [one.wall_ms for one in calls if one.phase == "cold"]
    work = getattr(flops.section(cost.profile), _FLOPS[name]) if name in _FLOPS else None
    counted = ((cost.time or {}).get("counted") or {}).get(name) or {}
    peak = ((cost.time or {}).get("matmul") or {}).get("flops_per_s")
    middle = median(warm) if warm else None
    return StageTime(
        stage=name,
        cold_ms=cold[0] if cold else None,
        calls=len(warm),
        median_ms=middle,
        p95_ms=percentile(warm, 95),
        p99_ms=percentile(warm, 99),
        max_ms=max(warm, default=None),
        cpu_ms=median(one.cpu_ms for one in calls if one.phase == "warm") if warm else None,
        flops=work or None,
        counted=counted.get("flops") if work else None,
        mfu=work / (middle / 1e3) / peak if work and middle and peak else None,
    )
