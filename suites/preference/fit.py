"""Strengths from counts: Newton's method on a table, a few milliseconds however many votes there are.

The published numbers come from a maximum of the likelihood, which does not depend on the order of the votes; an online
Elo does (shuffling the same votes reorders the table). The step is Fisher's scoring: for Davidson and Bradley-Terry it
is Newton's, for Rao and Kupper it differs from it only by noise. It runs to machine precision: two stopping rules must
not print two rankings.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from suites.preference.connect import Connection, connection, used_counts
from suites.preference.models import DAVIDSON, Curve, LogTie, TieModel, bradley_terry

PRIOR_SD = 4.0  # logits; only where the votes alone have no answer. Two systems 4 apart meet as 98 : 2.
_STEPS = 200
_CONVERGED = 1e-10


@dataclass(frozen=True)
class Fit:
    """Estimates. `strengths` are logits with mean 0; `side` is the advantage of the left in logits (None: not in the
    model, or not to be told from the systems); `log_tie` is log ν or log t (None: no such parameter, or no tie).

    `information` is over (strengths, side, log_tie), the absent ones left out; it is singular along "all strengths
    rise", as it must be. `penalised` says that no finite maximum exists and a weak prior N(0, 4²) stands in: publish
    such a row only with the flags of `connection`.
    """

    model: TieModel
    strengths: Float64[np.ndarray, " system"]
    side: float | None
    log_tie: float | None
    information: Float64[np.ndarray, "parameter parameter"]
    log_likelihood: float
    connection: Connection
    penalised: bool


class Slopes(NamedTuple):
    """Of the log likelihood, over (strengths, side, log_tie), all of them: the caller leaves out what it does not
    estimate. One for each table of counts."""

    gradient: Float64[np.ndarray, "*table parameter"]
    information: Float64[np.ndarray, "*table parameter parameter"]
    log_likelihood: Float64[np.ndarray, "*table"]


def distances(strengths: Float64[np.ndarray, " system"], side: float | None) -> Float64[np.ndarray, "system system"]:
    """d of every (left, right): how far the left is ahead, in logits, its side included."""
    return np.asarray(strengths[:, None] - strengths[None, :] + (side or 0.0))


def estimated(systems: int, side: bool, tie: bool) -> Int64[np.ndarray, " parameter"]:
    """Which of (strengths, side, log_tie) a fit estimates: their places in `Slopes`."""
    return np.array([*range(systems), *[systems] * side, *[systems + 1] * tie], dtype=np.int64)


def likelihood(model: TieModel, log_tie: float | None) -> Curve:
    """The model's likelihood; where no tie was seen, its limit without ties, which is Bradley-Terry for all."""
    return bradley_terry if log_tie is None else model.likelihood


def fit(counts: Float64[np.ndarray, "system system 3"], model: TieModel = DAVIDSON, side: bool = True) -> Fit:
    """Fits `model` to `counts` (see `votes.count`), with a side effect unless `side` is False.

    Raises `ValueError` when no vote has a winner: then nothing tells the systems apart.

    >>> counts = np.zeros((2, 2, 3))
    >>> counts[0, 1], counts[1, 0] = [30, 10, 0], [10, 30, 0]  # system 0 wins three times of four on either side
    >>> found = fit(counts)
    >>> float(round(found.strengths[0] - found.strengths[1], 6)), round(math.log(3), 6), round(abs(found.side), 6)
    (1.098612, 1.098612, 0.0)
    """
    used = used_counts(counts, model)
    if not used[..., :2].any():
        raise ValueError("no vote has a winner: there is nothing to rank")
    found = connection(used, model, side)
    has_side = side and not found.side_confounded
    has_tie = model.has_tie_parameter and bool(used[..., 2].any())
    penalty = 0.0 if found.sound else PRIOR_SD**-2
    systems = len(used)
    total = used.sum()
    parameters = np.zeros(systems + has_side + has_tie)

    def split(at: Float64[np.ndarray, " parameter"]) -> tuple[np.ndarray, float | None, float | None]:
        strengths = at[:systems] - at[:systems].mean()
        return strengths, float(at[systems]) if has_side else None, float(at[-1]) if has_tie else None

    keep = estimated(systems, has_side, has_tie)

    def objective(at: Float64[np.ndarray, " parameter"]) -> Slopes:
        strengths, beta, log_tie = split(at)
        found = slopes(used, likelihood(model, log_tie), distances(strengths, beta), log_tie or 0.0)
        return Slopes(
            found.gradient[keep] - penalty * at,
            found.information[np.ix_(keep, keep)] + penalty * np.eye(len(at)),
            found.log_likelihood - penalty / 2 * (at @ at),
        )

    if has_tie:
        share = used[..., 2].sum() / total
        parameters[-1] = math.log(2 * share / (1 - share)) if model is DAVIDSON else math.log(2 * math.atanh(share))
    here = objective(parameters)
    gauge = np.zeros((len(parameters), len(parameters)))
    gauge[:systems, :systems] = total / systems**2  # fixes the mean: the likelihood does not see it
    for _ in range(_STEPS):
        step = np.linalg.solve(here.information + gauge, here.gradient)
        there = objective(parameters + step)
        while not there.log_likelihood >= here.log_likelihood - 1e-9 * abs(here.log_likelihood):
            step /= 2
            there = objective(parameters + step)
        parameters, here = parameters + step, there
        if np.abs(step).max() < _CONVERGED:
            break
    else:
        raise ArithmeticError(f"the {model.name} fit did not converge in {_STEPS} steps; please report these counts")
    strengths, beta, log_tie = split(parameters)
    return Fit(model, strengths, beta, log_tie, here.information, float(here.log_likelihood), found, not found.sound)


def slopes(
    counts: Float64[np.ndarray, "*table system system 3"],
    curve: Curve,
    d: Float64[np.ndarray, "*table system system"],
    log_tie: LogTie,
) -> Slopes:
    """Gradient, expected information and log likelihood of one table of counts, or of many at once."""
    at = curve(d, log_tie)
    log_likelihood = (counts * np.where(counts > 0, at.log_p, 0.0)).sum(axis=(-3, -2, -1))
    by_d = (counts * at.score[..., 0]).sum(axis=-1)
    by_tie = (counts * at.score[..., 1]).sum(axis=(-3, -2, -1))
    votes = counts.sum(axis=-1)
    weight = votes * (at.p * at.score[..., 0] ** 2).sum(axis=-1)
    cross = votes * (at.p * at.score[..., 0] * at.score[..., 1]).sum(axis=-1)
    tie = votes * (at.p * at.score[..., 1] ** 2).sum(axis=-1)
    systems = counts.shape[-2]
    gradient = np.empty((*by_d.shape[:-2], systems + 2))
    gradient[..., :systems] = by_d.sum(axis=-1) - by_d.sum(axis=-2)
    gradient[..., systems], gradient[..., -1] = by_d.sum(axis=(-2, -1)), by_tie
    information = np.zeros((*gradient.shape, systems + 2))
    information[..., :systems, :systems] = -weight - np.swapaxes(weight, -1, -2)
    each = np.arange(systems)
    information[..., each, each] += weight.sum(axis=-1) + weight.sum(axis=-2)
    for place, terms in ((systems, weight), (-1, cross)):
        by_system = terms.sum(axis=-1) - terms.sum(axis=-2)
        information[..., :systems, place] = information[..., place, :systems] = by_system
    information[..., systems, systems] = weight.sum(axis=(-2, -1))
    information[..., -1, -1] = tie.sum(axis=(-2, -1))
    information[..., systems, -1] = information[..., -1, systems] = cross.sum(axis=(-2, -1))
    return Slopes(gradient, information, log_likelihood)
