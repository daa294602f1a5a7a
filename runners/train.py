"""`keepframe train`: one command per model, which goes on from where it stopped when it is run again."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from bench.errors import UnavailableError, UsageError
from runners.console import err, last_line, out, progress

Model = Literal["vae", "dit", "stage1", "stage2"]
Variant = Literal["proposed", "only-lr", "without-lr", "large-patchifier"]


def train(
    model: Annotated[Model, Parameter(help="In this order: vae, dit (with its text encoder), stage1, stage2.")],
    *,
    footage: Annotated[list[Path], Parameter(help="Folders of videos to learn from.")],
    procedural: Annotated[int, Parameter(help="Also learn from so many drawn clips of each kind.")] = 4,
    decoder_only: Annotated[
        bool, Parameter(help="VAE: go on with the decoder of the one that is there; its latents stay.", negative="")
    ] = False,
    rate: Annotated[str, Parameter(help="Of the memory, HxWxT.")] = "4x4x2",
    variant: Annotated[Variant, Parameter(help="The paper's encoder, or one of its ablations.")] = "proposed",
    frozen: Annotated[bool, Parameter(help="Stage two: keep the encoder as stage one left it.", negative="")] = False,
    without_stage_one: Annotated[bool, Parameter(help="Stage two from the DiT alone.", negative="")] = False,
    undeclared: Annotated[float, Parameter(help="Stage one: part of queries that the encoder is not told.")] = 0.5,
    window: Annotated[
        int, Parameter(help="Stage two: latent frames before the section that are seen as they are.")
    ] = 3,
    work: Annotated[Path, Parameter(help="Frames, latents, states; may be deleted afterwards.")] = Path("training"),
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Folder of the weights.")] = None,
    set_: Annotated[list[str], Parameter(name="--set", help="Change the recipe: steps=2000, minutes=9, …")] = [],  # noqa: B006
    json: Annotated[bool, Parameter(help="End stdout with one line of JSON.", negative="")] = False,
) -> int:
    """Train the reference models from videos. Run the same command again to go on.

    The recipe can be changed with --set: steps, batch, learning_rate, warmup, clip, ema, precision (bf16, fp16, no),
    seed, save_every, validate_every, minutes (stop this session early), workers. Curves: tensorboard --logdir WORK.

    Several GPUs: accelerate launch -m bench train … (FSDP: accelerate launch --use_fsdp -m bench train …).

    Example: keepframe train stage1 --footage videos --rate 2x2x1 --set minutes=9
    """
    for name in ("torch", "accelerate", "tensorboard"):
        if importlib.util.find_spec(name) is None:
            raise UnavailableError(f"Training needs {name}, which is not installed.", "pip install 'keepframe[train]'")
    from bench.memories.history import Variant as Variants
    from bench.training.memory import Memory
    from bench.training.recipes import RECIPES, train_dit, train_stage_one, train_stage_two, train_vae
    from bench.training.workplace import Workplace

    recipe = replace(RECIPES[model], **_changes(set_))
    memory = Memory(rate, Variants(variant), undeclared, window, without_stage_one, frozen)
    with progress() as report:
        if procedural:
            footage = [*footage, _drawn(work / "procedural", procedural, report)]
        place = Workplace(tuple(footage), work, output or work / "checkpoints" / "nano", report)
        if model == "vae":
            ended = train_vae(place, recipe, decoder_only)
        elif model == "dit":
            ended = train_dit(place, recipe)
        elif model == "stage1":
            ended = train_stage_one(place, recipe, memory)
        else:
            ended = train_stage_two(place, recipe, memory)
    if ended.done:
        out.print(f"Trained {ended.step} steps in {ended.seconds / 60:.0f} min; the weights are in {place.weights}.")
    else:
        err.print(f"Stopped at step {ended.step} of {recipe.steps}; the same command goes on from there.")
    if json:
        last_line({"model": model, "step": ended.step, "done": ended.done, "seconds": round(ended.seconds, 1)})
    return 0


def _changes(words: list[str]) -> dict[str, Any]:
    """`steps=2000` as a field of the recipe, with its type."""
    import tomllib
    from dataclasses import fields

    from bench.errors import did_you_mean
    from bench.training.loop import Recipe

    known = [field.name for field in fields(Recipe)]
    changes: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in known:
            raise UsageError(f"--set {word!r} is not part of a recipe.", did_you_mean(name, known))
        try:
            changes[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name] = text  # precision=bf16
    return changes


def _drawn(folder: Path, count: int, report: Any) -> Path:
    """Procedural footage with seeds that no measurement uses."""
    from bench.training.workplace import NANO
    from bench.video.procedural import write_set

    write_set(
        folder,
        seeds=range(1000, 1000 + count),
        size=NANO,
        progress=lambda done, total, clip: report("render", done, total, clip.stem),
    )
    return folder
