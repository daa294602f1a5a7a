"""One recipe per model: what it is trained on, for how long, and where its weights go.

`vae`, then `dit` on its latents, then for each history encoder `stage_one` and `stage_two`. Each call goes on from
where an earlier one stopped, and writes a checkpoint with its model card when the last step is done.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.lora import add_lora, fold_lora, lora_state
from bench.backbones.rate import Rate
from bench.backbones.vae import VideoVAE
from bench.checkpoints.about import About, digest
from bench.checkpoints.files import fill, load, require, save
from bench.memories.history import HistoryEncoder, LargePatchifier, Variant
from bench.provenance import environment
from bench.training import vae as vae_recipe
from bench.training.backbone import BackboneLearner
from bench.training.cards import write_card
from bench.training.continuation import SECTION, ContinuationLearner
from bench.training.frame_query import FrameQueryLearner
from bench.training.latents import statistics
from bench.training.loop import Recipe, Trained, train
from bench.training.memory import Memory
from bench.training.starts import loss_on, start_encoder, start_guess
from bench.training.validation import recall_psnr
from bench.training.video import Collection
from bench.training.windows import Alternating, Plan, Windows
from bench.training.workplace import Workplace

LORA_RANK = 32
RATES = ("4x4x2", "2x2x2", "2x2x1")

RECIPES = {
    "vae": Recipe(steps=900, batch=8, learning_rate=1e-3, ema=0.995, save_every=100, validate_every=300),
    "dit": Recipe(steps=2400, batch=8, learning_rate=2.5e-3, warmup=50, ema=0.995, save_every=100, validate_every=600),
    # φ goes on from what it has learned with the guess, which was lost at the pace of the LoRA (docs/RESULTS.md)
    "stage1": Recipe(
        steps=500,
        batch=8,
        learning_rate=2e-3,
        slow_pace=0.1,
        warmup=20,
        ema=0.98,
        save_every=100,
        validate_every=250,
    ),
    "stage2": Recipe(
        steps=240,
        batch=8,
        learning_rate=1e-3,
        slow_pace=0.1,
        warmup=15,
        ema=0.95,
        save_every=60,
        validate_every=60,
    ),
}
"""What two CPU cores can do in an hour or two; a GPU takes more steps and larger batches (`--set steps=…`)."""


def train_vae(place: Workplace, recipe: Recipe, decoder_only: bool = False) -> Trained:
    """The VAE, from its closed-form start; or the decoder alone of the one that is there, whose latents then stay.

    Returns where the session ended.
    """
    learned, kept = place.videos().split()
    torch.manual_seed(recipe.seed)
    vae = VideoVAE(place.shapes)
    crops = vae_recipe.Crops(learned, recipe.batch, recipe.seed)
    if decoder_only:
        path = place.weights / "vae.safetensors"
        tensors, before = load(path)
        require(before, path, kind="vae", shapes=place.shapes, parents={})
        fill(vae, tensors, "", path)
        vae.freeze_encoder()
    else:
        vae_recipe.start_linear(vae, crops)
    held_back = list(kept.videos)

    def validate(learner: nn.Module) -> dict[str, float]:
        assert isinstance(learner, vae_recipe.VAELearner)
        return {"round_trip_psnr": vae_recipe.round_trip_psnr(learner.vae, held_back, 17)}

    learner = vae_recipe.VAELearner(vae)
    folder = place.work / ("vae-decoder" if decoder_only else "vae")
    ended = train(learner, crops, validate, recipe, folder, place.telling("train"))
    if ended.writes:
        vae.eval()
        if decoder_only:
            args = dict(before.args)  # the statistics of the latents, which did not change
        else:
            mean, std = statistics(vae, learned)
            args = {
                "latent_mean": mean,
                "latent_std": std,
                "fps": place.fps,
                "width": place.size.width,
                "height": place.size.height,
            }
        _write(
            place,
            "vae",
            vae.state_dict(),
            About("vae", place.shapes, args=args),
            recipe,
            ended,
            learned,
        )
    return ended


def train_dit(place: Workplace, recipe: Recipe) -> Trained:
    """The DiT with its text encoder, on the latents of the VAE. Before that, its first guess is learned alone."""
    rates = tuple(Rate.parse(rate) for rate in RATES)
    space, learned, kept = place.latents(rates)
    torch.manual_seed(recipe.seed)
    learner = BackboneLearner(place.shapes, learned.weights, rates)
    started = start_guess(place, recipe, learner, learned, kept)
    if not started.done:
        return started
    reading = Plan(recipe.batch, rates, seed=recipe.seed)
    going_on = Plan(recipe.batch, rates, longest=4, after=SECTION, whole=0.25, prompts=0.9, seed=recipe.seed + 1)
    batches = Alternating(Windows(learned.segments, reading), Windows(learned.segments, going_on))
    small = HistoryEncoder(place.shapes, rates[-1], Variant.ONLY_LOW)

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, BackboneLearner)
        encoders = {f"small_{rates[-1]}": small} | {f"dense_{rate}": encoder for rate, encoder in model.dense.items()}
        return {
            f"{name}_psnr": recall_psnr(model.dit, model.text, cast(HistoryEncoder, encoder), space, kept.segments)
            for name, encoder in encoders.items()
        }

    ended = train(learner, batches, validate, recipe, place.work / "dit", place.telling("train"))
    ended = replace(ended, seconds=started.seconds + ended.seconds)
    if ended.writes:
        note = f"before these, {started.step} steps of the first guess alone"
        about = About("dit", place.shapes, {"vae": digest(place.weights / "vae.safetensors")}, training={"note": note})
        # the codes of dense tokens were for practice
        tensors = {name: tensor for name, tensor in learner.state_dict().items() if not name.startswith("dense.")}
        _write(place, "dit", tensors, about, recipe, ended, learned.videos)
    return ended


def train_stage_one(place: Workplace, recipe: Recipe, memory: Memory) -> Trained:
    """Frame query: φ and a LoRA of the DiT. Before that, φ learns with the DiT's first guess alone."""
    rate = Rate.parse(memory.rate)
    space, learned, kept = place.latents((rate,))
    dit, text, parents = place.backbone()
    torch.manual_seed(recipe.seed)
    encoder = _encoder(place.shapes, rate, memory, dit)
    batches = Windows(learned.segments, Plan(recipe.batch, (rate,), seed=recipe.seed))
    started = start_encoder(place, recipe, memory.stage_one_name, encoder, dit, batches, kept, memory.undeclared)
    if started is not None and not started.done:
        return started
    add_lora(dit, LORA_RANK, LORA_RANK)
    learner = FrameQueryLearner(dit, text, encoder, learned.weights, memory.undeclared)

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, FrameQueryLearner)
        return {"recall_psnr": recall_psnr(model.dit, model.text, model.encoder, space, kept.segments)}

    name = memory.stage_one_name
    ended = train(learner, batches, validate, recipe, place.work / name, place.telling("train"))
    facts: dict[str, Any] = {}
    if started is not None:
        ended = replace(ended, seconds=started.seconds + ended.seconds)
        facts = {"note": f"before these, {started.step} steps with the first guess alone"}
    if ended.writes:
        args = _args(memory, stage=1) | {"undeclared": memory.undeclared}
        about = About("history", place.shapes, parents, args, facts)
        _write(place, name, _tensors(dit, encoder), about, recipe, ended, learned.videos)
    return ended


def train_stage_two(place: Workplace, recipe: Recipe, memory: Memory) -> Trained:
    """AR finetune: a fresh LoRA over stage one's, on the next section."""
    rate = Rate.parse(memory.rate)
    _, learned, kept = place.latents((rate,))
    dit, text, parents = place.backbone()
    torch.manual_seed(recipe.seed)
    if memory.without_stage_one:
        encoder = _encoder(place.shapes, rate, memory, dit)
    else:
        path = place.weights / f"{memory.stage_one_name}.safetensors"
        tensors, about = load(path)
        require(about, path, kind="history", shapes=place.shapes, parents=parents)
        encoder = _encoder(about.shapes, rate, memory, dit)
        fill(encoder, tensors, "encoder.", path)
        add_lora(dit, LORA_RANK, LORA_RANK)
        _fill_lora(dit, tensors)
        fold_lora(dit)
        parents = {**parents, "stage-one": digest(path)}
    encoder.requires_grad_(not memory.frozen)
    add_lora(dit, LORA_RANK, LORA_RANK)
    learner = ContinuationLearner(dit, text, encoder, learned.weights, memory.window)
    plan = Plan(recipe.batch, (rate,), after=SECTION, prompts=0.9, seed=recipe.seed)
    batches = Windows(learned.segments, plan)
    held_back = Windows(kept.segments, replace(plan, batch=4, whole=1.0, seed=recipe.seed + 1))

    def validate(model: nn.Module) -> dict[str, float]:
        return {"loss": loss_on(held_back, model)}

    name = memory.stage_two_name
    ended = train(learner, batches, validate, recipe, place.work / name, place.telling("train"))
    if ended.writes:
        about = About("history", encoder.shapes, parents, _args(memory, stage=2) | {"window": memory.window})
        _write(place, name, _tensors(dit, encoder), about, recipe, ended, learned.videos)
    return ended


def _encoder(shapes: Shapes, rate: Rate, memory: Memory, dit: VideoDiT) -> HistoryEncoder:
    encoder = HistoryEncoder(shapes, rate, memory.variant)
    if isinstance(encoder.high, LargePatchifier):
        encoder.high.start_from(dit.first_layer)
    return encoder


def _fill_lora(dit: VideoDiT, tensors: Mapping[str, Tensor]) -> None:
    lora = {name.removeprefix("lora."): tensor for name, tensor in tensors.items() if name.startswith("lora.")}
    missing = lora_state(dit).keys() - lora.keys()
    if missing:
        raise ValueError(f"the checkpoint lacks adapters: {sorted(missing)[:3]}")
    dit.load_state_dict(lora, strict=False)


def _tensors(dit: VideoDiT, encoder: HistoryEncoder) -> dict[str, Tensor]:
    return {f"encoder.{name}": value for name, value in encoder.state_dict().items()} | {
        f"lora.{name}": value for name, value in lora_state(dit).items()
    }


def _args(memory: Memory, stage: int) -> dict[str, Any]:
    return {
        "rate": memory.rate,
        "variant": memory.variant.value,
        "stage": stage,
        "lora_rank": LORA_RANK,
        "lora_alpha": LORA_RANK,
    }


def _write(
    place: Workplace,
    name: str,
    tensors: Mapping[str, Tensor],
    about: About,
    recipe: Recipe,
    ended: Trained,
    learned: Collection,
) -> None:
    """The checkpoint and its card."""
    facts = environment()
    training = {
        "recipe": recipe.identity,
        "steps": ended.step,
        "seconds": round(ended.seconds),
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{facts['processor']}, CPU",
        "processes": int(os.environ.get("WORLD_SIZE", "1")),  # each of them with the recipe's batch
        "threads": torch.get_num_threads(),
        "videos": len(learned.videos),
        "video_seconds": round(sum(video.frames for video in learned.videos) / place.fps),
        "videos_digest": learned.digest,
        "validation": {score: round(value, 4) for score, value in ended.scores.items()},
        "commit": facts["commit"],
    }
    path = place.weights / f"{name}.safetensors"
    whole = replace(about, training={**about.training, **training})
    save(path, tensors, whole)
    write_card(path, whole, learned)
