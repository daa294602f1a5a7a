"""What comes before a recipe's own steps: the first guess, learned alone, and encoders that learn to tell it."""

from dataclasses import replace
from typing import cast

import torch
from torch import nn

from bench.backbones.dit import VideoDiT
from bench.backbones.rate import Rate
from bench.memories.history import HistoryEncoder, LargePatchifier
from bench.memories.history_high import HighBranch
from bench.training.backbone import BackboneLearner
from bench.training.guessing import PLAIN, GuessLearner
from bench.training.loop import Recipe, Trained, moved, train
from bench.training.principal import start_principal
from bench.training.windows import Plan, Windows
from bench.training.workplace import Latents, Workplace

GUESSING = 3
"""Steps with the first guess alone for each step of what comes after it."""
SAMPLED = 40
"""Batches from which principal components are taken, that the codes of dense tokens start with, and spreads."""


def start_guess(place: Workplace, recipe: Recipe, learner: BackboneLearner, learned: Latents, kept: Latents) -> Trained:
    """Learn the DiT's first guess, with the codes of dense tokens."""
    rates = tuple(Rate.parse(rate) for rate in learner.dense)
    # few blocks and many examples: what is in a token is learned from where there is little else to look at
    close = Plan(6 * recipe.batch, rates, crop=(4, 4), longest=4, whole=0.0, seed=recipe.seed + 2)
    cuts, held_back = Windows(learned.segments, close), Windows(kept.segments, close)
    for rate in rates:
        of_rate = Windows(learned.segments, Plan(recipe.batch, (rate,), seed=recipe.seed))
        samples = [of_rate[index]["latents"] for index in range(SAMPLED)]
        start_principal(cast(LargePatchifier, learner.code(rate).high), samples, learned.weights)
    guessing = GuessLearner(learner.dit, dict(learner.dense.items()), learned.weights, plain=PLAIN, guess_learns=True)
    longer = replace(recipe, steps=GUESSING * recipe.steps, learning_rate=3e-3)
    ended = _guess(place, longer, guessing, "dit", cuts, held_back)
    device = learner.dit.spreads.device
    learner.dit.spreads.copy_(guessing.spreads(moved(cuts[index], device) for index in range(SAMPLED)))
    # now they rest: what all other layers do on top of a guess that encoders learn to tell alone would not fit another
    learner.dit.requires_grad_(True)
    for part in (learner.dit.first_guess, learner.dit.first_layer, learner.dense):
        assert part is not None
        part.requires_grad_(False)
    return ended


def start_encoder(
    place: Workplace,
    recipe: Recipe,
    name: str,
    encoder: HistoryEncoder,
    dit: VideoDiT,
    batches: Windows,
    kept: Latents,
    undeclared: float,
) -> Trained | None:
    """Let the encoder learn to tell the DiT's first guess what it can. None where there is nothing to learn."""
    if encoder.high is None or dit.first_guess is None:
        return None
    held_back = Windows(kept.segments, replace(batches.plan, batch=4, whole=1.0, seed=recipe.seed + 1))
    guessing = GuessLearner(dit, {str(encoder.rate): encoder}, kept.weights, undeclared=undeclared)
    if isinstance(encoder.high, HighBranch):
        encoder.high.listen(kept.weights.sqrt())
    longer = replace(recipe, steps=GUESSING * recipe.steps)
    return _guess(place, longer, guessing, name, batches, held_back)


def _guess(
    place: Workplace, recipe: Recipe, guessing: GuessLearner, name: str, learned: Windows, kept: Windows
) -> Trained:
    folder, told = place.work / f"{name}-start", place.telling("guess")
    return train(guessing, learned, lambda model: {"left": loss_on(kept, model)}, recipe, folder, told)


@torch.no_grad()
def loss_on(held_back: Windows, model: nn.Module) -> float:
    """Over its first four batches, with the same noise each time."""
    torch.manual_seed(0)
    device = next(model.parameters()).device
    return sum(float(model(moved(held_back[index], device))[0]) for index in range(4)) / 4
