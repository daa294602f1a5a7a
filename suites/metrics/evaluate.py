"""Several metrics on the same frames: work shared where it can be, failures kept apart.

A metric that shares work with others names the function that computes them together, `joint`, from
`(reference, recalled)` to values by metric name. Nothing else is asked of it, so a plug-in metric can do the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from bench.errors import KeepframeError, UnavailableError
from bench.protocols import Metric
from bench.types import Frames


class Evaluation(NamedTuple):
    """What came of each metric: `values[name]`, one float64 a frame, or `failures[name]`, why there are none."""

    values: dict[str, np.ndarray]
    failures: dict[str, Exception]


def evaluate(metrics: Sequence[Metric], reference: Frames, recalled: Frames) -> Evaluation:
    """Score the frames with every metric; each name ends up in `values` or in `failures`, never in both.

    Args:
        metrics: the metrics to run. Those with the same `joint` function are computed by one call of it.
        reference: the true frames, uint8 RGB `[time, height, width, 3]`.
        recalled: the remembered frames, same shape.

    Returns:
        Values and failures by metric name. A failure is a `KeepframeError` when the user can mend it
        (`UnavailableError` when something is missing on this machine); any other exception is the metric's bug.

    >>> from suites.metrics.psnr import Psnr
    >>> frames = np.zeros((2, 16, 16, 3), np.uint8)
    >>> evaluate([Psnr()], frames, frames).values["psnr"]
    array([60., 60.])
    """
    values: dict[str, np.ndarray] = {}
    failures: dict[str, Exception] = {}
    ready = []
    for metric in metrics:
        missing = metric.available()
        if missing is None:
            ready.append(metric)
        else:
            failures[metric.name] = UnavailableError(*missing.split("\n  ", 1))
    together = _joint_values(ready, reference, recalled)
    for metric in ready:
        try:
            found = together[metric.name] if metric.name in together else metric(reference, recalled)
            values[metric.name] = _checked(metric.name, found, len(reference))
        except Exception as error:  # a metric may be a plug-in: whatever it raises costs only its own cells
            failures[metric.name] = error
    return Evaluation(values, failures)


def _joint_values(metrics: Sequence[Metric], reference: Frames, recalled: Frames) -> dict[str, Any]:
    """Values of the metrics that two or more compute together. A joint call that fails leaves them to run alone."""
    groups: dict[Callable[[Frames, Frames], Mapping[str, Any]], set[str]] = {}
    for metric in metrics:
        joint = getattr(metric, "joint", None)
        if joint is not None:
            groups.setdefault(joint, set()).add(metric.name)
    values: dict[str, Any] = {}
    for joint, names in groups.items():
        if len(names) < 2:
            continue
        try:
            found = joint(reference, recalled)
        except Exception:  # frames too small for one of them, say: each then says so for itself
            continue
        values.update((name, found[name]) for name in names & found.keys())
    return values


def _checked(name: str, found: Any, frames: int) -> Float64[np.ndarray, " time"]:
    values = np.asarray(found, np.float64)
    if values.shape != (frames,):
        raise KeepframeError(
            f"Metric {name} returned values of shape {values.shape} for {frames} frames.",
            "A metric returns one value for each frame.",
        )
    if not np.isfinite(values).all():
        raise KeepframeError(
            f"Metric {name} returned a value that is not a finite number.",
            "A metric raises when it cannot score a frame, and caps what would be infinite.",
        )
    return values
