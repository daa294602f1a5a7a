"""Made-up studies whose truth is known: raters and prompts with tastes, a side bias, ties by Davidson's model."""

import numpy as np

from suites.preference.votes import Votes

TIE = 0.6  # ν: a tie rate of 23 % between equals
SIDE = 0.3  # logits in favour of the left


def study(
    draw: np.random.Generator,
    raters: int,
    prompts: int,
    per_rater: int,
    strengths: np.ndarray,
    taste: float = 0.0,
) -> Votes:
    """`taste` is the sd, in logits, of each rater's and of each prompt's own opinion of each system."""
    systems, total = len(strengths), raters * per_rater
    rater = np.repeat(np.arange(raters), per_rater)
    prompt = draw.integers(prompts, size=total)
    left = draw.integers(systems, size=total)
    right = (left + draw.integers(1, systems, size=total)) % systems
    by_rater = draw.normal(0, taste, (raters, systems))
    by_prompt = draw.normal(0, taste, (prompts, systems))
    worth = strengths + by_rater[rater] + by_prompt[prompt]
    at = np.arange(total)
    d = worth[at, left] - worth[at, right] + SIDE
    chances = np.stack([np.exp(d / 2), np.exp(-d / 2), np.full(total, TIE)], axis=1)
    chances /= chances.sum(axis=1, keepdims=True)
    outcome = (draw.random(total)[:, None] > chances.cumsum(axis=1)[:, :2]).sum(axis=1)
    return Votes(
        left, right, outcome, rater, prompt, np.zeros(total, dtype=np.int64),
        tuple(f"system{i}" for i in range(systems)),
        tuple(f"rater{i}" for i in range(raters)),
        tuple(f"prompt{i}" for i in range(prompts)),
    )  # fmt: skip
