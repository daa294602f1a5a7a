"""Results made from arrays, for tests and benchmarks of what reads them: no store, no model, no video.

`Made` says what was measured; `results()` gives the tables a store would give, in a store's columns. A NaN score is
a row that does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from bench.store import Results
from bench.store_tables import PLAN

BETTER = {
    "psnr": ("dB", "higher"),
    "ssim": ("", "higher"),
    "lpips": ("", "lower"),
    "hue": ("", "neutral"),
}  # and "psnr1" …


@dataclass
class Made:
    """`values[metric][system]` is [case, moment]. Case i belongs to video `video_of[i]` (default: its own)."""

    values: Mapping[str, Mapping[str, np.ndarray]]
    video_of: np.ndarray | None = None
    bytes_per_s: Mapping[str, np.ndarray | float] = field(default_factory=dict)  # [case] or one number
    curves: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (system, metric) -> version
    tags: list[list[str]] | None = None
    horizons_s: np.ndarray | None = None
    failures: list[dict[str, Any]] = field(default_factory=list)
    shuffle: int | None = None  # a seed: rows in another order

    @property
    def metrics(self) -> list[str]:
        return list(self.values)

    @property
    def systems(self) -> list[str]:
        return list(next(iter(self.values.values())))

    @property
    def shape(self) -> tuple[int, int]:
        """(cases, moments)."""
        return next(iter(next(iter(self.values.values())).values())).shape

    def results(self) -> Results:
        cases, _ = self.shape
        video_of = np.arange(cases) if self.video_of is None else np.asarray(self.video_of)
        about = {
            "case": [f"case-{c:04d}" for c in range(cases)],
            "group": [f"video-{v:04d}.mp4" for v in video_of],
            "tags": self.tags or [[] for _ in range(cases)],
            "horizon_s": np.full(cases, 20.0) if self.horizons_s is None else self.horizons_s,
        }
        return Results(
            key="0123456789abcdef",
            run={"name": "made", "metrics": dict.fromkeys(self.metrics, "1"), "unavailable": {}, "warnings": []},
            planned=self._planned(about),
            scores=self._scores(about),
            rates=self._rates(about),
            failures=pa.Table.from_pylist(
                self.failures,
                schema=pa.schema(
                    [
                        (n, pa.string())
                        for n in ("system", "case", "group", "file", "metric", "stage", "error", "message")
                    ]
                ),
            ),
        )

    def _planned(self, about: dict[str, Any]) -> pa.Table:
        rows = [
            {
                **{name: column[c] for name, column in about.items()},
                "file": about["group"][c],
                "case_key": f"key of {case}",
                "system": system,
                "curve": self.curves.get(system, system),
                "baseline": system.startswith("floor"),
                "metric": metric,
                "metric_version": self.versions.get((system, metric), "1"),
                "unit": BETTER[metric.rstrip("0123456789")][0],
                "better": BETTER[metric.rstrip("0123456789")][1],
            }
            for c, case in enumerate(about["case"])
            for system in self.systems
            for metric in self.metrics
        ]
        columns = {name: [row.get(name) for row in rows] for name in PLAN.names}
        return pa.table(columns, schema=PLAN)

    def _scores(self, about: dict[str, Any]) -> pa.Table:
        cases, moments = self.shape
        value = np.concatenate([self.values[m][s].reshape(-1) for m in self.metrics for s in self.systems])
        rows = np.flatnonzero(~np.isnan(value))
        if self.shuffle is not None:
            rows = np.random.default_rng(self.shuffle).permutation(rows)
        moment, case = rows % moments, rows // moments % cases
        system, metric = rows // (moments * cases) % len(self.systems), rows // (moments * cases * len(self.systems))
        draw = np.random.default_rng(7)
        position, motion = np.sort(draw.uniform(size=(cases, moments)), axis=1), draw.gamma(2.0, size=(cases, moments))
        since_cut = draw.exponential(3.0, size=(cases, moments))
        return pa.table(
            {
                "system": _text(self.systems, system),
                "curve": _text([self.curves.get(s, s) for s in self.systems], system),
                "case": _text(about["case"], case),
                "group": _text(about["group"], case),
                "horizon_s": np.asarray(about["horizon_s"])[case],
                "metric": _text(self.metrics, metric),
                "moment": pa.array(moment, pa.int32()),
                "at_s": 20 * position[case, moment],
                "position": position[case, moment],
                "since_cut_s": pa.array(since_cut[case, moment], mask=case % 5 == 0),
                "motion": motion[case, moment],
                "exact": moment == 0,
                "value": value[rows],
            }
        )

    def _rates(self, about: dict[str, Any]) -> pa.Table:
        cases, _ = self.shape
        rows = []
        for system in self.systems:
            size = np.broadcast_to(np.asarray(self.bytes_per_s.get(system, 1000.0)), (cases,))
            for c in range(cases):
                history = float(about["horizon_s"][c])
                rows.append(
                    {
                        "system": system,
                        "case": about["case"][c],
                        "group": about["group"][c],
                        "history_s": history,
                        "bytes": round(size[c] * history),
                        "tokens": None if system.startswith("floor") else 1560,
                        "floats": None if system.startswith("floor") else 76_800,
                        "encode_ms": 41.0 * history,
                        "recall_ms": 90.0,
                    }
                )
        types = dict.fromkeys(("bytes", "tokens", "floats"), pa.int64())
        names = {n: types.get(n, pa.string() if n in ("system", "case", "group") else pa.float64()) for n in rows[0]}
        return pa.Table.from_pylist(rows, schema=pa.schema(list(names.items())))


def _text(names: list[str], codes: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names, pa.string())).cast(pa.string())


def sweep(videos: int = 12, moments: int = 8, seed: int = 0) -> Made:
    """A small benchmark: two rate sweeps of four settings, a floor, three metrics, one tag."""
    draw = np.random.default_rng(seed)
    difficulty = draw.normal(0, 4.0, size=(videos, 1))
    settings = {f"{curve} {k}": (curve, k) for curve in ("h264", "av1") for k in range(4)} | {"floor mean": ("", -1)}
    values: dict[str, dict[str, np.ndarray]] = {"psnr": {}, "ssim": {}, "lpips": {}}
    rates = {}
    for name, (curve, k) in settings.items():
        gain = 3.0 * k - 0.2 * k * k + (1.2 if curve == "av1" else 0.0)
        psnr = 24 + gain + difficulty + draw.normal(0, 0.4, (videos, 1)) + draw.normal(0, 1.0, (videos, moments))
        values["psnr"][name] = psnr
        values["ssim"][name] = 1 / (1 + np.exp(-(psnr - 22) / 4))
        values["lpips"][name] = 1 / (1 + np.exp((psnr - 20) / 5))
        rates[name] = np.exp(draw.normal(np.log(4000 * 2.0**k), 0.3, videos))
    return Made(
        values,
        bytes_per_s=rates,
        curves={name: curve for name, (curve, _) in settings.items() if curve},
        tags=[["fast"] if v % 3 == 0 else [] for v in range(videos)],
    )
