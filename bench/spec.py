"""What decides the numbers: the spec of a run. This is the one place where TOML is parsed.

    [footage]
    path = "videos"                  # or: procedural = ["static", "rapid-cuts"]

    [suite]
    name = "retrieval"
    args = { moments = 16, horizons_s = [20.0] }

    [[systems]]
    memory = "codec"
    args = { codec = "h264" }
    sweep = { bitrate_kbps = [25, 50, 100] }

Paths, workers and verbosity are not part of a run's identity: the key is made of the clips' digests, the
resolved arguments and the code (runners/plan.py).
"""

import itertools
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.errors import UsageError, did_you_mean
from bench.registry import absolute

Args = dict[str, Any]
Part = Literal["tested", "baseline", "ceiling"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Footage(_Frozen):
    """Where clips come from: a folder (or one file) of videos, or procedural scenes by name."""

    path: str | None = None
    procedural: tuple[str, ...] | None = None
    seeds: int = Field(default=2, ge=1, description="procedural clips of each kind")
    seconds: float = Field(default=20.0, gt=0, description="length of procedural clips")
    limit: int | None = Field(default=None, ge=1, description="use only the first so many clips")

    @model_validator(mode="after")
    def _one_source(self) -> "Footage":
        if (self.path is None) == (self.procedural is None):
            raise ValueError("give either path (a folder of videos) or procedural (a list of kinds)")
        return self


class Decode(_Frozen):
    """How frames are read. The defaults are half of 480p: what the reference encoders are trained at."""

    width: int = Field(default=416, ge=16)
    height: int = Field(default=240, ge=16)
    fit: Literal["crop", "stretch", "pad"] = "crop"
    fps: float | None = Field(default=None, gt=0, description="constant rate; default: the clip's own mean rate")
    reader: Literal["pyav", "decord"] = "pyav"


class SuiteRef(_Frozen):
    name: str = "retrieval"
    args: Args = Field(default_factory=dict)


_CEILINGS = {"latents"}  # memories that bound what others keep


class System(_Frozen):
    """A memory and what reads it. `curve` names the family that a rate-quality curve joins.

    `role` is its part in the comparison: under test; a baseline, there to be beaten (`baseline = true` says the same);
    or a ceiling, which bounds what is read through it and has no rank. `latents` is one unless told.
    """

    name: str
    memory: str
    args: Args = Field(default_factory=dict)
    generator: str = "readout"
    generator_args: Args = Field(default_factory=dict)
    curve: str | None = None
    role: Part = "tested"

    @model_validator(mode="before")
    @classmethod
    def _role(cls, entry: Any) -> Any:
        if not isinstance(entry, dict):
            return entry
        entry = dict(entry)
        baseline = entry.pop("baseline", None)
        if baseline not in (None, True, False):
            raise ValueError(f"baseline is true or false, not {baseline!r}")
        if baseline and entry.get("role", "baseline") != "baseline":
            raise ValueError(f"baseline = true and role = {entry['role']!r} cannot both be; leave one out")
        if baseline:
            entry["role"] = "baseline"
        elif entry.get("memory") in _CEILINGS:
            entry.setdefault("role", "ceiling")
        return entry


class RunSpec(_Frozen):
    """Everything that decides the numbers of one run, and nothing that does not."""

    name: str = "run"
    footage: Footage
    suite: SuiteRef = SuiteRef()
    decode: Decode = Decode()
    systems: tuple[System, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(default=("psnr", "ssim", "ms_ssim"), min_length=1)
    seed: int = 0

    @field_validator("systems", mode="before")
    @classmethod
    def _expand_sweeps(cls, systems: Any) -> Any:
        if not isinstance(systems, list | tuple):
            return systems
        return [one for entry in systems for one in _expand(entry)]

    @field_validator("systems")
    @classmethod
    def _unique(cls, systems: tuple[System, ...]) -> tuple[System, ...]:
        seen: set[str] = set()
        for system in systems:
            if system.name in seen:
                raise ValueError(f"two systems are called {system.name!r}; give one of them another name")
            seen.add(system.name)
        return systems

    @field_validator("metrics")
    @classmethod
    def _metrics_once(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(metrics))


def _expand(entry: Any) -> list[Any]:
    """One `[[systems]]` table as one system per combination of its `sweep` lists, each with a name."""
    if not isinstance(entry, dict):
        return [entry]
    entry = dict(entry)
    sweep = entry.pop("sweep", {})
    if not isinstance(sweep, dict) or not all(isinstance(v, list) and v for v in sweep.values()):
        raise ValueError("sweep must be a table of non-empty lists, such as { bitrate_kbps = [50, 100] }")
    base, args = entry.get("name"), entry.get("args", {})
    memory = str(entry.get("memory", "?")).rpartition(":")[2]
    expanded = []
    for values in itertools.product(*sweep.values()):
        swept = dict(zip(sweep, values, strict=True))
        label = base or _label(memory, args)
        extra = ",".join(_short(k, v) for k, v in swept.items())
        one = entry | {"args": args | swept, "name": f"{label} {extra}" if swept else label}
        if swept:
            one.setdefault("curve", label)
        expanded.append(one)
    return expanded


def _label(memory: str, args: Any) -> str:
    inner = ",".join(_short(k, v) for k, v in args.items()) if isinstance(args, dict) else ""
    return f"{memory} {inner}" if inner else memory


UNITS = {"kbps", "s", "bytes", "tokens", "px"}


def _short(name: str, value: Any) -> str:
    """`50 kbps` for bitrate_kbps=50: a name that ends in a unit need not be said."""
    unit = name.rpartition("_")[2]
    if isinstance(value, int | float) and unit in UNITS:
        return f"{value:g} {unit}"
    return str(value) if isinstance(value, str) else f"{name}={value}"


def load(path: Path, overrides: tuple[str, ...] = ()) -> RunSpec:
    """Read a spec. `overrides` are `a.b=VALUE` with VALUE a TOML literal (`--set suite.args.moments=4`).

    Raises UsageError that names the file and the key. Paths in the file are relative to its folder; an override of
    `footage.path` was typed, so it is relative to the working folder.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"Cannot read the spec {path}: {why}.", "keepframe init > spec.toml writes one.") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}.", "Mend that line.") from error
    return parse(data, overrides, source=str(path), folder=path.resolve().parent)


def parse(data: dict[str, Any], overrides: tuple[str, ...] = (), *, source: str, folder: Path) -> RunSpec:
    """A spec from TOML data; see `load`."""
    for override in overrides:
        _apply(data, override)
    try:
        spec = RunSpec.model_validate(data)
    except ValidationError as error:
        raise UsageError(_explain(error, source), "keepframe run --help shows a whole spec.") from error
    update: dict[str, Any] = {
        "systems": tuple(
            s.model_copy(update={"memory": absolute(s.memory, folder), "generator": absolute(s.generator, folder)})
            for s in spec.systems
        ),
        "metrics": tuple(absolute(m, folder) for m in spec.metrics),
    }
    if spec.footage.path is not None:
        update["footage"] = spec.footage.model_copy(update={"path": str(folder / Path(spec.footage.path).expanduser())})
    return spec.model_copy(update=update)


def _apply(data: dict[str, Any], override: str) -> None:
    name, equals, literal = override.partition("=")
    if not equals:
        raise UsageError(f"--set {override!r} has no '='.", "Write it as --set suite.args.moments=4")
    try:
        value = tomllib.loads(f"value = {literal}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"--set {override!r}: {literal!r} is not a TOML value.",
            f"Text needs quotes: --set '{name}=\"{literal}\"'",
        ) from error
    if name.strip() == "footage.path" and isinstance(value, str):
        value = str(Path(value).expanduser().absolute())
    *tables, last = name.strip().split(".")
    for table in tables:
        data = data.setdefault(table, {})
        if not isinstance(data, dict):
            raise UsageError(
                f"--set {override!r}: {table!r} is not a table.", "keepframe run --help shows a whole spec."
            )
    data[last] = value


def _explain(error: ValidationError, source: str) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"]) or "the spec"
        if problem["type"] == "extra_forbidden":
            lines.append(
                f"{source}: unknown key {place!r}. {did_you_mean(str(problem['loc'][-1]), _known(problem['loc']))}"
            )
        else:
            lines.append(f"{source}: {place}: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)


def _known(loc: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = RunSpec
    tables: dict[str, type[BaseModel]] = {"footage": Footage, "decode": Decode, "suite": SuiteRef, "systems": System}
    if len(loc) > 1:
        model = tables.get(str(loc[0]), RunSpec)
    extra = ["sweep", "baseline"] if model is System else []
    return [*model.model_fields, *extra]
