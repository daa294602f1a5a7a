"""Four ways to read a tie, each as the chance of an outcome given how far apart two systems are.

d = θ_left - θ_right + β is the distance in logits, β the advantage of being on the left. Ties are a fifth to a quarter
of the votes on generated videos, so what is done with them decides the scale:

- `DAVIDSON` (default; Davidson, 1970): P(left) : P(right) : P(tie) = e^(d/2) : e^(-d/2) : ν. P(left wins | somebody
  wins) is the logistic of d, so strengths mean the same as without ties.
- `RAO_KUPPER` (Rao & Kupper, 1967): a rater sees no difference below a threshold t = log η:
  P(left) = σ(d - t), P(right) = σ(-d - t).
- `HALF_TIES`: Bradley-Terry, a tie is half a win for each. What Chatbot Arena does. It squeezes the scale.
- `DECISIVE`: Bradley-Terry on the votes that have a winner. Throws the ties away.

The tie parameter is estimated as its logarithm: log ν, or log t.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64


class Likelihood(NamedTuple):
    """Of the outcomes left, right, tie at every distance. `score` is the slope of `log_p` by d and by the log of the
    tie parameter; `p` is 0 where a model has no such outcome."""

    log_p: Float64[np.ndarray, "*at 3"]
    p: Float64[np.ndarray, "*at 3"]
    score: Float64[np.ndarray, "*at 3 2"]


LogTie = float | Float64[np.ndarray, "*#at"]  # one for all distances, or one for each table of many
Curve = Callable[[np.ndarray, LogTie], Likelihood]


@dataclass(frozen=True)
class TieModel:
    """A named likelihood. `counts_ties` is False where votes without a winner are left out before the fit."""

    name: str
    has_tie_parameter: bool
    counts_ties: bool
    likelihood: Curve


def davidson(d: Float64[np.ndarray, "*at"], log_tie: LogTie) -> Likelihood:
    """Davidson's model; `log_tie` = log ν. At d = 0 the chance of a tie is ν / (2 + ν).

    >>> davidson(np.array([0.0]), np.log(2.0)).p.round(12).tolist()
    [[0.25, 0.25, 0.5]]
    """
    exponents = np.stack([d / 2, -d / 2, np.broadcast_to(log_tie, d.shape)], axis=-1)
    top = exponents.max(axis=-1, keepdims=True)
    log_p = exponents - top - np.log(np.exp(exponents - top).sum(axis=-1, keepdims=True))
    p = np.exp(log_p)
    score = np.empty((*d.shape, 3, 2))
    score[..., 0] = np.array([0.5, -0.5, 0.0]) - ((p[..., 0] - p[..., 1]) / 2)[..., None]
    score[..., 1] = np.array([0.0, 0.0, 1.0]) - p[..., 2:]
    return Likelihood(log_p, p, score)


def rao_kupper(d: Float64[np.ndarray, "*at"], log_tie: LogTie) -> Likelihood:
    """Rao and Kupper's model; `log_tie` = log t, with the threshold t = log η in logits.

    P(tie) = (e^(2t) - 1) · P(left) · P(right).

    >>> rao_kupper(np.array([0.0]), np.log(np.log(3.0))).p.round(12).tolist()
    [[0.25, 0.25, 0.5]]
    """
    threshold = np.exp(log_tie)
    log_left, log_right = -np.logaddexp(0.0, threshold - d), -np.logaddexp(0.0, threshold + d)
    log_p = np.stack([log_left, log_right, np.log(np.expm1(2 * threshold)) + log_left + log_right], axis=-1)
    lose_left, lose_right = -np.expm1(log_left), -np.expm1(log_right)
    score = np.empty((*d.shape, 3, 2))
    score[..., 0, 0], score[..., 1, 0], score[..., 2, 0] = lose_left, -lose_right, lose_left - lose_right
    score[..., 0, 1], score[..., 1, 1] = -lose_left, -lose_right
    score[..., 2, 1] = 2 / -np.expm1(-2 * threshold) - lose_left - lose_right
    score[..., 1] *= np.asarray(threshold)[..., None]
    return Likelihood(log_p, np.exp(log_p), score)


def bradley_terry(d: Float64[np.ndarray, "*at"], log_tie: LogTie = 0.0) -> Likelihood:
    """Bradley and Terry's model (1952); a tie, where it is counted, is half of a win for each. `log_tie` is not used.

    >>> bradley_terry(np.array([np.log(3.0)])).p.round(12).tolist()
    [[0.75, 0.25, 0.0]]
    """
    log_left, log_right = -np.logaddexp(0.0, -d), -np.logaddexp(0.0, d)
    log_p = np.stack([log_left, log_right, (log_left + log_right) / 2], axis=-1)
    p = np.exp(log_p)
    p[..., 2] = 0.0
    score = np.zeros((*d.shape, 3, 2))
    score[..., 0] = np.array([1.0, 0.0, 0.5]) - p[..., :1]
    return Likelihood(log_p, p, score)


DAVIDSON = TieModel("davidson", has_tie_parameter=True, counts_ties=True, likelihood=davidson)
RAO_KUPPER = TieModel("rao-kupper", has_tie_parameter=True, counts_ties=True, likelihood=rao_kupper)
HALF_TIES = TieModel("half-ties", has_tie_parameter=False, counts_ties=True, likelihood=bradley_terry)
DECISIVE = TieModel("decisive", has_tie_parameter=False, counts_ties=False, likelihood=bradley_terry)
MODELS = {model.name: model for model in (DAVIDSON, HALF_TIES, DECISIVE, RAO_KUPPER)}
