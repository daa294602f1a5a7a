"""The training loop of every model: accelerate, EMA, clipping, and a resume that gives the very same losses.

Everything random in a step is a function of (seed, step): the pieces of video that are drawn, the noise that is put
on them. So a run that was killed goes on from its last checkpoint as if nothing had happened, without saving the
state of any data loader. The loss is computed by a module of its own (`Learner`), so that the same loop runs it on
one core, on many GPUs (`accelerate launch`), or sharded (`accelerate launch --use_fsdp`).
"""

import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from bench.backbones.precision import has_fast_bfloat16
from bench.digest import key
from bench.errors import KeepframeError, UsageError

Report = Callable[[int, int, str], None]
"""Called as `report(step, steps, what)`."""


def _fast_precision() -> Literal["no", "bf16"]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return "bf16" if has_fast_bfloat16(device) else "no"


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to learn. `minutes` stops a session early; the next one goes on."""

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 0.01
    slow_pace: float = 1.0  # part of the learning rate at which those parts learn that a learner calls `slow`
    clip: float = 1.0
    ema: float = 0.999
    precision: Literal["no", "bf16", "fp16"] = field(default_factory=_fast_precision)
    seed: int = 0
    save_every: int = 200
    validate_every: int = 500
    minutes: float | None = None
    workers: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the result: a run is resumed only by the same recipe."""
        free = ("save_every", "validate_every", "minutes", "workers")
        return {name: value for name, value in asdict(self).items() if name not in free}


@runtime_checkable
class Learner(Protocol):
    """A module whose `forward(batch)` is `(loss, parts)`; only its parameters that require a gradient are trained."""

    def __call__(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]: ...


@dataclass(frozen=True)
class Trained:
    """Where a session ended."""

    step: int
    done: bool
    seconds: float  # of all sessions
    writes: bool  # whether all is done and this process is the one of many that writes the checkpoint
    scores: Mapping[str, float] = field(default_factory=dict)  # of the last validation; none before all is done


class NotFiniteError(KeepframeError):
    """The loss is NaN or infinite: nothing is saved after that."""


def train(
    learner: nn.Module,
    batches: Dataset[dict[str, Tensor]],
    validate: Callable[[nn.Module], dict[str, float]],
    recipe: Recipe,
    folder: Path,
    report: Report,
) -> Trained:
    """Train until `recipe.steps`, or until its minutes are over; `learner` then holds the averaged weights.

    `batches[i]` is the i-th batch, always the same one. `folder` gets the checkpoints, `log.jsonl` and the events
    that TensorBoard reads. Raises `NotFiniteError` when the loss is not a number, and `UsageError` when the folder
    holds a run of another recipe.
    """
    from accelerate import Accelerator, DistributedDataParallelKwargs

    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    # of several GPUs, each may draw another lesson, which leaves other weights without a gradient
    uneven = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(
        mixed_precision=recipe.precision, step_scheduler_with_optimizer=False, kwargs_handlers=[uneven]
    )
    wanted = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = _optimizer(learner, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, recipe))
    model, optimizer, schedule = accelerator.prepare(learner, optimizer, schedule)
    average = AveragedModel(accelerator.unwrap_model(model), multi_avg_fn=get_ema_multi_avg_fn(recipe.ema))  # type: ignore[no-untyped-call]
    state = _State(folder, recipe, sum(parameter.numel() for parameter in wanted))
    step, seconds = state.resume(accelerator, average)
    journal = _Journal(folder, step) if accelerator.is_main_process else None
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(step * accelerator.num_processes + accelerator.process_index, 2**62, accelerator.num_processes),
        num_workers=recipe.workers,
    )
    numbers = iter(loader)
    recent: deque[float] = deque(maxlen=50)
    scores: dict[str, float] = {}
    out_of_time = False
    while step < recipe.steps and not out_of_time:
        batch = moved(next(numbers), accelerator.device)
        torch.manual_seed(_seed(recipe.seed, step, accelerator.process_index))
        model.train()
        with accelerator.autocast():
            loss, parts = model(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NotFiniteError(
                f"The loss is {value} at step {step} in {folder}.",
                f"Lower the learning rate (now {recipe.learning_rate:g}); the last checkpoint is kept: run it again.",
            )
        accelerator.backward(loss)
        norm = float(accelerator.clip_grad_norm_(wanted, recipe.clip))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        average.update_parameters(accelerator.unwrap_model(model))
        step += 1
        recent.append(value)
        elapsed = seconds + time.monotonic() - began
        out_of_time = recipe.minutes is not None and time.monotonic() - began > 60 * recipe.minutes
        if journal:
            journal.learned(step, elapsed, {"loss": value, "norm": norm, **{k: float(v) for k, v in parts.items()}})
        said = f"loss {sum(recent) / len(recent):.4f}"
        report(step, recipe.steps, said)
        if step % recipe.validate_every == 0 or step == recipe.steps:
            scores = _validated(average, validate)
            if journal:
                journal.validated(step, elapsed, scores)
            report(step, recipe.steps, ", ".join([said, *(f"{name} {number:.3f}" for name, number in scores.items())]))
        if step % recipe.save_every == 0 or step == recipe.steps or out_of_time:
            state.save(accelerator, average, step, elapsed)
    if journal:
        journal.close()
    accelerator.unwrap_model(model).load_state_dict(average.module.state_dict())
    finished, elapsed = step == recipe.steps, seconds + time.monotonic() - began
    if finished and not scores:  # all was done before this session
        scores = _validated(average, validate)
    return Trained(step, finished, elapsed, finished and accelerator.is_main_process, scores if finished else {})


def _validated(average: AveragedModel, validate: Callable[[nn.Module], dict[str, float]]) -> dict[str, float]:
    with torch.no_grad():
        return validate(average.module.eval())


def moved(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch, where a model is."""
    return {name: part.to(device) for name, part in batch.items()}


def _optimizer(learner: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Of what is trained; parameters whose names begin with one of the learner's `slow` have a pace of their own."""
    slow = getattr(learner, "slow", ())
    groups: dict[float, list[nn.Parameter]] = {1.0: [], recipe.slow_pace: []}
    for name, parameter in learner.named_parameters():
        if parameter.requires_grad:
            groups[recipe.slow_pace if name.startswith(slow) else 1.0].append(parameter)
    return torch.optim.AdamW(
        [{"params": group, "lr": pace * recipe.learning_rate} for pace, group in groups.items() if group],
        betas=(0.9, 0.95),
        weight_decay=recipe.weight_decay,
        foreach=True,
    )


def rate_at(step: int, recipe: Recipe) -> float:
    """A linear warm-up, then half a cosine down to 2 % of the learning rate.

    >>> [round(rate_at(step, Recipe(1000, 1, 1e-3)), 2) for step in (0, 99, 550, 1000)]
    [0.01, 1.0, 0.51, 0.02]
    """
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    part = min(1.0, (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part))


def _seed(seed: int, step: int, process: int) -> int:
    return int(key("training-step", seed=seed, step=step, process=process)[:15], 16)


class _State:
    """What a resume needs, in two folders that take turns: a kill while one is written leaves the other whole."""

    def __init__(self, folder: Path, recipe: Recipe, parameters: int) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = {"recipe": recipe.identity, "parameters": parameters}
        known = folder / "recipe.json"
        if not known.exists():
            known.write_text(json.dumps(self.facts, indent=1) + "\n", encoding="utf-8")
        elif (before := json.loads(known.read_text(encoding="utf-8"))) != self.facts:
            other = {**self.facts["recipe"], "parameters": parameters}
            old = {**before["recipe"], "parameters": before["parameters"]}
            differs = ", ".join(f"{n} {old.get(n)!r} -> {other[n]!r}" for n in other if old.get(n) != other[n])
            raise UsageError(
                f"{folder} holds a training run of another recipe ({differs}).",
                "Name another folder, or the same recipe to go on with it.",
            )

    def resume(self, accelerator: Any, average: nn.Module) -> tuple[int, float]:
        newest: tuple[int, Path, dict[str, Any]] | None = None
        for place in (self.folder / "state-a", self.folder / "state-b"):
            try:
                facts = json.loads((place / "done.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # never finished
            if newest is None or facts["step"] > newest[0]:
                newest = facts["step"], place, facts
        if newest is None:
            return 0, 0.0
        step, place, facts = newest
        accelerator.load_state(str(place))
        average.load_state_dict(torch.load(place / "average.pt", weights_only=True))
        return step, float(facts["seconds"])

    def save(self, accelerator: Any, average: nn.Module, step: int, seconds: float) -> None:
        place = self.folder / (
            "state-a" if _step_of(self.folder / "state-b") > _step_of(self.folder / "state-a") else "state-b"
        )
        (place / "done.json").unlink(missing_ok=True)
        accelerator.save_state(str(place))
        if accelerator.is_main_process:
            torch.save(average.state_dict(), place / "average.pt")
            (place / "done.json").write_text(json.dumps({"step": step, "seconds": seconds}), encoding="utf-8")


class _Journal:
    """What was learned, step by step: `log.jsonl` and TensorBoard's events. Of many processes, one writes it."""

    def __init__(self, folder: Path, after: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = folder / "log.jsonl"
        # lines of steps that are about to be done again are forgotten
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= after]
        self._path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        self._events = SummaryWriter(str(folder), purge_step=after + 1)

    def learned(self, step: int, seconds: float, facts: Mapping[str, float]) -> None:
        self._write(step, seconds, facts, facts)

    def validated(self, step: int, seconds: float, scores: Mapping[str, float]) -> None:
        curves = {f"validation/{name}": number for name, number in scores.items()}
        self._write(step, seconds, {"validation": dict(scores)}, curves)

    def close(self) -> None:
        self._events.close()

    def _write(self, step: int, seconds: float, line: Mapping[str, Any], curves: Mapping[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "seconds": round(seconds, 2), **line}) + "\n")
        for name, number in curves.items():
            self._events.add_scalar(name, number, step)


def _step_of(place: Path) -> int:
    try:
        return int(json.loads((place / "done.json").read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError):
        return -1
