"""Several metrics of one video: their features in one pass, their failures kept apart."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.errors import KeepframeError, UnavailableError
from suites.features.cache import FeatureCache
from suites.features.one_pass import extract
from suites.features.protocols import Evidence, Feature, Series, VideoMetric


class Judgement(NamedTuple):
    """What came of each metric: `series[name]`, or `failures[name]`, why there is none."""

    series: dict[str, Series]
    failures: dict[str, Exception]
    frames_decoded: int


def judge(metrics: Sequence[VideoMetric], evidence: Evidence, cache: FeatureCache | None = None) -> Judgement:
    """Score a video with every metric; each name ends up in `series` or in `failures`, never in both.

    `evidence` comes without features. A failure is a `KeepframeError` when the user can mend it.

    Raises VideoError when the clip cannot be read.
    """
    failures: dict[str, Exception] = {}
    wanted: dict[str, tuple[Feature, ...]] = {}
    for metric in metrics:
        missing = metric.available()
        if missing is not None:
            failures[metric.name] = UnavailableError(*missing.split("\n  ", 1))
            continue
        try:
            wanted[metric.name] = metric.features(evidence)
        except Exception as error:  # a metric may be a plug-in: whatever it raises costs only its own cells
            failures[metric.name] = error
    found = extract(evidence.clip, [feature for features in wanted.values() for feature in features], cache)
    full = replace(evidence, features=found.arrays)
    series: dict[str, Series] = {}
    for metric in metrics:
        if metric.name in failures:
            continue
        broken = [found.failures[f.name] for f in wanted[metric.name] if f.name in found.failures]
        try:
            if broken:
                raise broken[0]
            series[metric.name] = _checked(metric.name, metric(full))
        except Exception as error:
            failures[metric.name] = error
    return Judgement(series, failures, found.frames_decoded)


def _checked(name: str, series: Series) -> Series:
    values = np.asarray(series.values, np.float64)
    if values.ndim != 1 or values.shape != np.shape(series.frames) or not len(values):
        raise KeepframeError(
            f"Metric {name} returned {np.shape(series.frames)} frame numbers for {values.shape} values.",
            "It returns one frame number with each value, and one value at least.",
        )
    if not np.isfinite(values).all():
        raise KeepframeError(f"Metric {name} returned a value that is not a finite number.", "It must raise instead.")
    return Series(np.asarray(series.frames, np.int64), values)
