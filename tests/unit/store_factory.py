"""A small but realistic store, made without a model, a codec or a metric: for the tests of what reads stores.

The frames are drawn (shots with their own colours, a disc that moves), the memories are what their names say
(the mean of frames, the nearest keyframe, a blocky codec …), and the scores are measured on these frames. So
curves fall where they should, the floors are floors, and the worst moments look bad. Everything follows from the
arguments; two stores made alike are equal.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from bench.digest import key
from bench.spec import Footage, RunSpec, SuiteRef, System
from bench.store import Store
from bench.store_tables import PLAN
from bench.types import Frames

FPS, HORIZON_S = 24.0, 20.0
TAGS = ("high-motion", "rapid-cuts", "static", "text")
METRICS = {"psnr": ("dB", "higher"), "ssim": ("", "higher"), "lpips_alex": ("", "lower")}
UNAVAILABLE = "The weights of alexnet are not on this machine.\n  keepframe weights fetch alexnet"
SESSION = {
    "session": "20260301T120000-41",
    "started_at": 1_772_366_400.0,
    "command": "keepframe run spec.toml --workers 2",
    "workers": 2,
    "environment": {
        "keepframe": "0.1.0",
        "commit": "0123456789abcdef0123456789abcdef01234567+dirty",
        "python": "3.11.7",
        "platform": "Linux-6.1-x86_64",
        "processor": "Some Processor 9000",
        "cores": 2,
        "memory_bytes": 8 << 30,
        "packages": {"av": "18.1.0", "numpy": "2.4.6", "pyarrow": "26.0.1"},
        "executable_prefix": "venv",
    },
}


@dataclass(frozen=True)
class Made:
    """What one system is here: how it is named in a spec, and how well and how dear it remembers."""

    system: System
    kbps: float
    tokens: int | None = None
    floats: int | None = None
    encode_ms: float = 20.0
    every_s: float = 0.0
    block: int = 1


def _made(name: str, memory: str, kbps: float, **rest: Any) -> Made:
    how = {field: rest.pop(field) for field in ("tokens", "floats", "encode_ms", "every_s", "block") if field in rest}
    return Made(System(name=name, memory=memory, **{"baseline": True, **rest}), kbps, **how)


SYSTEMS: tuple[Made, ...] = (
    _made("constant", "constant", 0.0016),
    _made("mean-frame", "mean-frame", 2.4),
    _made("last-frame", "last-frame", 4.0),
    *(
        _made(f"keyframes every_s={s:g}", "keyframes", 160 / s, curve="keyframes", args={"every_s": s}, every_s=s)
        for s in (2.0, 4.0, 8.0)
    ),
    _made("thumbnails", "thumbnails", 48.0, block=14),
    *(
        _made(f"codec h264,bitrate_kbps={r}", "codec", r * 1.04, curve="codec h264", block=b, encode_ms=140.0)
        for r, b in ((25, 12), (50, 8), (100, 5))
    ),
    *(
        _made(f"codec av1,bitrate_kbps={r}", "codec", r * 0.97, curve="codec av1", block=b, encode_ms=900.0)
        for r, b in ((25, 9), (50, 6), (100, 3))
    ),
    _made("shuffled", "shuffled", 40.0),
    _made("withheld", "withheld", 40.0),
    _made("history 4x4x4", "history", 61.0, baseline=False, tokens=1560, floats=76_800, encode_ms=410.0, block=7),
)


def synthetic_store(
    root: Path,
    *,
    videos: int = 12,
    moments: int = 8,
    made: tuple[Made, ...] = SYSTEMS,
    size: tuple[int, int] = (96, 56),
    frames: bool = True,
    state: Literal["finished", "running", "failed"] = "finished",
) -> tuple[Store, str]:
    """A store with one run, and the run's key.

    "finished" has one failed case (the last system on the second video) and a metric without weights;
    in "running" the second half of the systems is still missing; in "failed" every case is a failure.
    `frames=False` leaves the pictures out, which is faster. `size` is (width, height).
    """
    spec = _spec(made, videos, moments)
    run_key = key("run", spec=spec.model_dump(mode="json"), state=state)
    scenes = [Scene(v, moments, size) for v in range(videos)]
    plan = [row for scene in scenes for one in made for row in _planned(scene, one)]
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("scores", "moments", "memories", "predictions", "references", "timings", "failures")
    }
    store = Store(root)
    for scene in scenes:
        truth = scene.frames_at(scene.at_s)
        tables["moments"] += scene.rows()
        if frames:
            tables["references"].append({"case_key": scene.case_key, "artifact": _keep(store, truth)})
        for place, one in enumerate(made):
            if state == "running" and place >= (len(made) + 1) // 2:
                continue
            broken = state == "failed" or (one is made[-1] and scene.number == 1)
            answer = None if broken else scene.recalled(one)
            _record(tables, scene, one, answer, truth)
            if answer is not None and frames:
                tables["predictions"][-1]["artifact"] = _keep(store, answer)
    for table, rows in tables.items():
        store.add(table, rows)
    run = {
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "metrics": dict.fromkeys(METRICS, "1"),
        "unavailable": {"lpips_alex": UNAVAILABLE},
        "warnings": [],
        "sessions": [SESSION],
    }
    store.save_run(run_key, run, pa.Table.from_pylist(plan, schema=PLAN))
    return store, run_key


def renamed(made: Made, name: str) -> Made:
    """The same system under another name."""
    return replace(made, system=made.system.model_copy(update={"name": name}))


class Scene:
    """One drawn video of 20 s: shots with a colour each and a disc that crosses them."""

    def __init__(self, number: int, moments: int, size: tuple[int, int]) -> None:
        self.number, self.width, self.height = number, *size
        rng = np.random.default_rng(number)
        self.tags = (TAGS[number % len(TAGS)],)
        self.file = f"{self.tags[0]}-{number:02d}.mp4"
        cuts = {"rapid-cuts": 9, "static": 0}.get(self.tags[0], 2)
        self.cuts_s = np.concatenate([[0.0], np.sort(rng.uniform(1.0, HORIZON_S - 1.0, cuts))])
        self.speed = {"high-motion": 1.1, "static": 0.02}.get(self.tags[0], 0.25)
        self.colours = rng.uniform(40, 215, (len(self.cuts_s), 2, 3))
        self.disc = rng.uniform(20, 235, (len(self.cuts_s), 3))
        span = int(HORIZON_S * FPS) // moments  # one moment in each span, as the suite draws them
        indices = np.arange(moments) * span + rng.integers(0, span, moments)
        if number % 3 == 0:
            indices[0] = 0  # a frame that every keyframe memory keeps
        self.indices = indices
        self.at_s = (indices + 0.5) / FPS  # as the suite asks: the middle of a frame's time on screen
        self.case = self.file
        self.case_key = key("case", video=number, moments=moments, size=list(size))

    def frames_at(self, at_s: np.ndarray) -> Frames:
        """The frames at these times, uint8 [time, height, width, 3]."""
        y, x = np.mgrid[0 : self.height, 0 : self.width]
        unit = x / self.width
        out = np.empty((len(at_s), self.height, self.width, 3), np.uint8)
        for i, t in enumerate(np.asarray(at_s, float)):
            shot = int(np.searchsorted(self.cuts_s, t, side="right")) - 1
            top, bottom = self.colours[shot]
            fade = (y / self.height)[..., None]
            picture = top * (1 - fade) + bottom * fade
            stripes = 18 * np.sin(2 * np.pi * (unit * (5 + shot % 4) - 0.2 * self.speed * t))
            picture = picture + stripes[..., None]
            cx = self.width * (0.5 + 0.38 * np.sin(self.speed * t + shot))
            cy = self.height * (0.5 + 0.25 * np.cos(1.7 * self.speed * t))
            picture[(x - cx) ** 2 + (y - cy) ** 2 < (0.2 * self.height) ** 2] = self.disc[shot]
            out[i] = np.clip(picture, 0, 255)
        return out

    def recalled(self, one: Made) -> Frames:
        """What this memory brings back at the asked moments."""
        memory, times = one.system.memory, np.arange(0.0, HORIZON_S, 1.0)
        if memory == "constant":
            colour = self.frames_at(times).mean(axis=(0, 1, 2))
            return np.broadcast_to(colour.astype(np.uint8), (len(self.at_s), self.height, self.width, 3)).copy()
        if memory == "mean-frame":
            mean = self.frames_at(times).mean(axis=0).astype(np.uint8)
            return np.repeat(mean[None], len(self.at_s), axis=0)
        if memory == "last-frame":
            return self.frames_at(np.full(len(self.at_s), HORIZON_S - 1 / FPS))
        if memory == "keyframes":
            return self.frames_at(np.round(self.at_s / one.every_s) * one.every_s + 0.5 / FPS)
        if memory == "shuffled":
            return self.frames_at(np.roll(self.at_s, len(self.at_s) // 2))
        if memory == "withheld":
            return np.full((len(self.at_s), self.height, self.width, 3), 128, np.uint8)
        return _blocky(self.frames_at(self.at_s), one.block)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table `moments`."""
        return [
            {
                "case_key": self.case_key,
                "moment": i,
                "frame": int(frame),
                "at_s": float(t),
                "position": float(t / HORIZON_S),
                "since_cut_s": float(t - self.cuts_s[self.cuts_s <= t][-1]),
                "motion": float(self.speed * (1 + 0.3 * np.sin(frame))),
            }
            for i, (frame, t) in enumerate(zip(self.indices, self.at_s, strict=True))
        ]


def _spec(made: tuple[Made, ...], videos: int, moments: int) -> RunSpec:
    return RunSpec(
        name="synthetic",
        footage=Footage(procedural=TAGS, seeds=max(1, videos // len(TAGS)), seconds=HORIZON_S),
        suite=SuiteRef(name="retrieval", args={"moments": moments, "horizons_s": [HORIZON_S]}),
        systems=tuple(one.system for one in made),
        metrics=tuple(METRICS),
    )


def _keys(scene: Scene, one: Made) -> tuple[str, str]:
    memory = key("memory", system=one.system.name, case=scene.case_key)
    return memory, key("prediction", memory=memory)


def _planned(scene: Scene, one: Made) -> list[dict[str, Any]]:
    memory_key, prediction_key = _keys(scene, one)
    return [
        {
            "case": scene.case,
            "group": scene.file,
            "file": scene.file,
            "tags": list(scene.tags),
            "horizon_s": HORIZON_S,
            "case_key": scene.case_key,
            "system": one.system.name,
            "curve": one.system.curve,
            "baseline": one.system.role != "tested",
            "memory_key": memory_key,
            "prediction_key": prediction_key,
            "metric": metric,
            "metric_version": "1",
            "unit": unit,
            "better": better,
            "score_key": key("score", prediction=prediction_key, metric=metric),
        }
        for metric, (unit, better) in METRICS.items()
    ]


def _record(
    tables: dict[str, list[dict[str, Any]]], scene: Scene, one: Made, answer: Frames | None, truth: Frames
) -> None:
    """Append the rows of one system on one video."""
    memory_key, prediction_key = _keys(scene, one)
    failure = {"session": SESSION["session"], "stage": "encode", "error": "VideoError"}
    if answer is None:
        message = f"{scene.file}: the file ends in the middle of frame 311.\n  Copy it again, or take it out."
        tables["failures"].append(failure | {"key": prediction_key, "message": message})
        return
    noise = 1 + 0.2 * np.sin(7.0 * scene.number + len(one.system.name))
    tables["memories"].append(
        {
            "memory_key": memory_key,
            "artifact": None,
            "bytes": max(4, int(one.kbps * 125 * HORIZON_S * noise)),
            "tokens": one.tokens,
            "floats": one.floats,
            "history_s": HORIZON_S,
        }
    )
    same = (answer == truth).all(axis=(1, 2, 3))
    exact = [bool(hit) and one.system.memory == "keyframes" for hit in same]
    tables["predictions"].append({"prediction_key": prediction_key, "artifact": None, "exact": exact})
    for subject, stage, ms in (
        (memory_key, "encode", one.encode_ms * HORIZON_S * noise),
        (prediction_key, "recall", 90.0 * noise),
    ):
        tables["timings"].append(
            {"subject_key": subject, "stage": stage, "wall_ms": ms, "cpu_ms": ms * 1.4, "session": SESSION["session"]}
        )
    values = {"psnr": _psnr(truth, answer), "ssim": _similarity(truth, answer)}
    for row in _planned(scene, one):
        for i, value in enumerate(values.get(row["metric"], ())):  # a metric without weights has no rows
            tables["scores"].append({"score_key": row["score_key"], "moment": i, "value": float(value)})


def _keep(store: Store, frames: Frames) -> str:
    from bench.video.write import encode_lossless

    return store.put(encode_lossless(frames), ".mkv")


def _blocky(frames: Frames, block: int) -> Frames:
    """Every block of pixels replaced by its mean: a codec at its worst."""
    if block <= 1:
        return frames
    rows, columns = np.arange(0, frames.shape[1], block), np.arange(0, frames.shape[2], block)
    sums = np.add.reduceat(np.add.reduceat(frames.astype(np.float64), rows, axis=1), columns, axis=2)
    area = np.diff([*rows, frames.shape[1]])[:, None] * np.diff([*columns, frames.shape[2]])[None, :]
    means = (sums / area[None, ..., None]).astype(np.uint8)
    tall = np.repeat(means, block, axis=1)[:, : frames.shape[1]]
    return np.ascontiguousarray(np.repeat(tall, block, axis=2)[:, :, : frames.shape[2]])


def _psnr(truth: Frames, answer: Frames) -> np.ndarray:
    mse = ((truth.astype(np.float64) - answer) ** 2).mean(axis=(1, 2, 3))
    return np.minimum(60.0, 10 * np.log10(255.0**2 / np.maximum(mse, 1e-9)))


def _similarity(truth: Frames, answer: Frames) -> np.ndarray:
    """SSIM with one window, the whole frame: enough to rise and fall with quality."""
    a, b = (f.astype(np.float64).reshape(len(f), -1) for f in (truth, answer))
    da, db = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    luminance = (2 * a.mean(1) * b.mean(1) + 6.5) / (a.mean(1) ** 2 + b.mean(1) ** 2 + 6.5)
    structure = (2 * (da * db).mean(1) + 58.5) / ((da**2).mean(1) + (db**2).mean(1) + 58.5)
    return luminance * structure
