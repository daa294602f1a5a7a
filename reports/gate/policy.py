"""What counts as worse: the policy of a gate, from a TOML file or from defaults that need none.

    alpha = 0.05                      # two-sided, over all metrics that gate and all looks
    looks = 3                         # how often an inconclusive check may be extended by new videos, plus one
    minimum_videos = 10

    [metrics.psnr]
    role = "gate"                     # or "info": shown, never decides
    margin = { absolute = 0.2 }       # what may be lost: in the metric's unit,
                                      # { relative = 0.02 } of the baseline's mean, or { noise = 2.0 } noise floors

    [metrics.vmaf]
    role = "info"

A metric that is not named takes its default: few metrics gate, since each one that does makes it harder to pass.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.digest import key
from bench.errors import UsageError, did_you_mean
from reports.comparison import MetricInfo

Role = Literal["gate", "info"]
Better = Literal["higher", "lower", "neutral"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Margin(_Frozen):
    """How much worse is still good enough: exactly one of three scales, each above 0."""

    absolute: float | None = Field(default=None, gt=0, description="in the metric's unit")
    relative: float | None = Field(default=None, gt=0, lt=1, description="share of the baseline's mean")
    noise: float | None = Field(default=None, ge=1, description="times the calibrated noise floor")

    @model_validator(mode="after")
    def _one_scale(self) -> "Margin":
        if sum(value is not None for value in (self.absolute, self.relative, self.noise)) != 1:
            raise ValueError("give exactly one of absolute, relative and noise")
        return self

    def __str__(self) -> str:
        if self.absolute is not None:
            return f"{self.absolute:g}"
        return f"{self.relative:.3%} of the baseline" if self.relative is not None else f"{self.noise:g} noise floors"


class Rule(_Frozen):
    """How one metric is judged. What is None is the metric's own, or its default."""

    role: Role | None = None
    better: Better | None = None
    margin: Margin | None = None
    family: str = Field(default="gate", min_length=1, description="metrics of a family share Holm's correction")


class Policy(_Frozen):
    """The whole policy. The defaults are for a check of 50 videos or so."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    looks: int = Field(default=3, ge=1, le=10)
    minimum_videos: int = Field(default=10, ge=2)
    metrics: dict[str, Rule] = Field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The policy's address: looks of one check must share it."""
        return key("policy", **self.model_dump())


@dataclass(frozen=True)
class Judged:
    """A metric with the rule that holds for it. `margin` is as asked for; `named` is whether the policy names it."""

    metric: MetricInfo
    role: Role
    margin: Margin
    family: str
    named: bool


def _gates(absolute: float) -> Rule:
    return Rule(role="gate", margin=Margin(absolute=absolute))


def _shown(absolute: float) -> Rule:
    return Rule(role="info", margin=Margin(absolute=absolute))


# Margins: less than a viewer notices, more than a codec build or a GPU changes. One metric of each kind gates.
DEFAULTS: dict[str, dict[str, Rule]] = {
    "retrieval": {
        "psnr": _gates(0.25),
        "ssim": _gates(0.01),
        "lpips_alex": _gates(0.01),
        "ms_ssim": _shown(0.01),
        "lpips_vgg": _shown(0.01),
        "vmaf": _shown(1.0),
    },
    "perceptual": {
        "subject_consistency": _gates(0.01),
        "temporal_flickering": _gates(0.005),
        "aesthetic_quality": _gates(0.01),
        "overall_consistency": _gates(0.01),
        "drift_colour": _gates(1.0),
        "character_return": _gates(0.02),
        "background_consistency": _shown(0.01),
        "appearance_style": _shown(0.01),
        "temporal_style": _shown(0.01),
        "segment_consistency": _shown(0.01),
        "drift_brightness": _shown(0.01),
        "drift_contrast": _shown(0.01),
        "drift_sharpness": Rule(role="info", margin=Margin(relative=0.1)),
        "drift_flickering": _shown(0.005),
        "drift_motion": Rule(role="info", margin=Margin(relative=0.1)),
        "drift_subject": _shown(0.01),
        "drift_background": _shown(0.01),
        "drift_aesthetic": _shown(0.01),
        "drift_imaging": _shown(1.0),
        "place_return": _shown(0.02),
    },
}
OTHERWISE = Rule(role="gate", margin=Margin(relative=0.02))


def judged(policy: Policy, suite: str, metrics: tuple[MetricInfo, ...]) -> tuple[Judged, ...]:
    """The rule of every metric of a run, in the run's order.

    Raises UsageError where the policy names a metric that the run does not have, or where nothing gates.
    """
    fits(policy, [metric.name for metric in metrics])
    found = tuple(_judged(policy, DEFAULTS.get(suite, {}), metric) for metric in metrics)
    if not any(one.role == "gate" for one in found):
        raise UsageError("The policy lets no metric gate, so nothing could ever regress.", 'Give one role = "gate".')
    return found


def fits(policy: Policy, metrics: Collection[str]) -> None:
    """Raises UsageError where the policy names a metric that is not among these: known before anything is measured."""
    unknown = [name for name in policy.metrics if name not in metrics]
    if unknown:
        raise UsageError(
            f"The policy names the metric {unknown[0]!r}, which the run does not measure.",
            did_you_mean(unknown[0], metrics),
        )


def _judged(policy: Policy, defaults: Mapping[str, Rule], metric: MetricInfo) -> Judged:
    own, default = policy.metrics.get(metric.name, Rule()), defaults.get(metric.name, OTHERWISE)
    info = MetricInfo(metric.name, metric.version, metric.unit, own.better or metric.better)
    role = own.role or default.role or "gate"
    if info.sign == 0:
        if own.role == "gate":
            raise UsageError(
                f"{metric.name} has no direction, so it cannot gate.",
                f'Say which way is up: [metrics.{metric.name}] better = "higher"',
            )
        role = "info"
    margin = own.margin or default.margin
    assert margin is not None  # every default has one
    return Judged(info, role, margin, own.family, metric.name in policy.metrics)


def load(path: Path | None) -> Policy:
    """The policy of a file; the defaults without one.

    Raises UsageError that names the file and the key.

    >>> load(None).alpha
    0.05
    """
    if path is None:
        return Policy()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read the policy {path}: {error}.", "Without --policy the defaults hold.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}.", "Mend that line.") from error
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        raise UsageError(_explain(error, path), "docs/CI.md shows a whole policy.") from error


def _explain(error: ValidationError, path: Path) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            wrong = str(problem["loc"][-1])
            lines.append(f"{path}: unknown key {place!r}. {did_you_mean(wrong, _known(problem['loc']))}")
        else:
            where = f"{path}: {place}" if place else str(path)
            lines.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)


def _known(loc: tuple[Any, ...]) -> list[str]:
    """The keys that are allowed beside the last one of `loc`."""
    model: type[BaseModel] = (Policy, Policy, Rule, Margin)[min(len(loc), 4) - 1] if loc[0] == "metrics" else Policy
    return list(model.model_fields)
