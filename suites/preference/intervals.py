"""How sure a ranking is when raters and prompts have tastes of their own.

Votes of one rater go together, and so do votes on one prompt: the question is how other raters on other prompts would
have voted. Counting votes as independent, as the arenas do, gives 95 % intervals that hold 73 to 90 % of the time.
Here the variance is the two-way clustered sandwich of Cameron, Gelbach & Miller (2011),

    V = H⁻¹ (R/(R-1) · M_rater + P/(P-1) · M_prompt - M_rater∩prompt) H⁻¹

with H the information and M the sum of outer products of the scores, summed within clusters. Its subtraction comes out
too small by chance when clusters are few, so the standard error of a contrast is the largest of four (independent,
rater, prompt, two-way): the guard. Critical values are Student's t with min(R, P) - 1 degrees of freedom.
Measured by simulation in tests/unit/test_preference_coverage.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from bench.stats import CONFIDENCE
from suites.preference.fit import Fit, distances, likelihood
from suites.preference.votes import Votes, cells, numbered, ranked

FEW_CLUSTERS = 12  # with fewer raters or prompts than this, say beside the interval that it is not to be trusted


@dataclass(frozen=True)
class Contrasts:
    """All differences of a ranking, in logits. [i, j] is about "i minus j".

    NaN: the difference is unknown (systems in separate components), or there are fewer than two raters or prompts to
    judge its spread by. `p` is two-sided. `from_mean` and its half width are about "system minus the mean of all".
    """

    difference: Float64[np.ndarray, "system system"]
    half_width: Float64[np.ndarray, "system system"]
    p: Float64[np.ndarray, "system system"]
    from_mean: Float64[np.ndarray, " system"]
    from_mean_half_width: Float64[np.ndarray, " system"]
    side_half_width: float
    raters: int
    prompts: int

    @property
    def few_clusters(self) -> bool:
        """Too few raters or prompts for the promised coverage: to be said beside every number."""
        return min(self.raters, self.prompts) < FEW_CLUSTERS


def contrasts(votes: Votes, fitted: Fit, confidence: float = CONFIDENCE) -> Contrasts:
    """Intervals and tests for every pair of systems, for `fitted` = the fit of these very votes.

    >>> from suites.preference.fit import fit
    >>> from suites.preference.votes import Vote, count, gather
    >>> votes = gather(
    ...     Vote(*sides, "left" if (rater + prompt) % 3 else "right", f"rater{rater}", f"prompt{prompt}")
    ...     for rater in range(6) for prompt in range(6) for sides in (("a", "b"), ("b", "a"))
    ... )
    >>> found = contrasts(votes, fit(count(votes)))
    >>> found.difference.round(6).tolist(), found.few_clusters
    ([[0.0, 0.0], [0.0, 0.0]], True)
    """
    from scipy.special import stdtr, stdtrit  # not scipy.stats, which takes seconds to import

    used = ranked(votes)
    if not fitted.model.counts_ties:
        used = used.where(used.outcome < 2)
    raters, prompts = (int(np.count_nonzero(np.bincount(index))) for index in (used.rater, used.prompt))
    systems = len(fitted.strengths)
    pairs = np.triu_indices(systems, k=1)
    parameters = len(fitted.information)
    wanted = np.zeros((len(pairs[0]) + systems + 1, parameters))
    rows = np.arange(len(pairs[0]))
    wanted[rows, pairs[0]], wanted[rows, pairs[1]] = 1.0, -1.0
    wanted[len(rows) : -1, :systems] = np.eye(systems) - 1 / systems
    if fitted.side is not None:
        wanted[-1, systems] = 1.0
    df = min(raters, prompts) - 1
    error = _guarded_error(used, fitted, wanted) if df >= 1 else np.full(len(wanted), np.nan)
    half = error * float(stdtrit(max(df, 1), 0.5 + confidence / 2))
    component = np.empty(systems, dtype=np.int64)
    for at, members in enumerate(fitted.connection.components):
        component[list(members)] = at
    unknown = component[:, None] != component[None, :]
    difference = np.where(unknown, np.nan, fitted.strengths[:, None] - fitted.strengths[None, :])
    error_matrix, half_matrix = np.zeros((systems, systems)), np.zeros((systems, systems))
    error_matrix[pairs] = error[: len(rows)]
    half_matrix[pairs] = half[: len(rows)]
    error_matrix, half_matrix = error_matrix + error_matrix.T, half_matrix + half_matrix.T
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stdtr(max(df, 1), -np.abs(difference) / error_matrix)
    p[np.diag_indices(systems)] = 1.0
    joined = len(fitted.connection.components) == 1
    return Contrasts(
        difference=difference,
        half_width=np.where(unknown, np.nan, half_matrix),
        p=np.where(unknown, np.nan, p),
        from_mean=fitted.strengths if joined else np.full(systems, np.nan),
        from_mean_half_width=half[len(rows) : -1] if joined else np.full(systems, np.nan),
        side_half_width=float(half[-1]) if fitted.side is not None else float("nan"),
        raters=raters,
        prompts=prompts,
    )


class Variances(NamedTuple):
    """Of each contrast, in logits², when these go together: nothing, the votes of a rater, those on a prompt, and those
    of a rater on a prompt. The cluster variances carry their small-sample factors."""

    independent: Float64[np.ndarray, " contrast"]
    rater: Float64[np.ndarray, " contrast"]
    prompt: Float64[np.ndarray, " contrast"]
    cell: Float64[np.ndarray, " contrast"]


def variances(used: Votes, fitted: Fit, wanted: Float64[np.ndarray, "contrast parameter"]) -> Variances:
    """cᵀ H⁻¹ M H⁻¹ c for every row c of `wanted` and every way to cluster. `used` is `ranked`."""
    influence = np.linalg.solve(fitted.information + gauge(fitted), wanted.T)  # H⁻¹ c, a column a contrast

    def variance(cluster: Int64[np.ndarray, " vote"], size: np.ndarray | float = 1.0) -> np.ndarray:
        """Clusters of `size` votes that all have one score may stand for independent votes."""
        sums = cluster_scores(used, fitted, cluster)
        meat = sums.T @ (sums / np.reshape(size, (-1, 1)))
        return np.asarray((influence * (meat @ influence)).sum(axis=0))

    by_rater, by_prompt = (
        variance(index) * clusters / (clusters - 1)
        for index, clusters in ((index, np.count_nonzero(np.bincount(index))) for index in (used.rater, used.prompt))
    )
    kind = cells(used)
    alike = used.weight is None  # votes of one kind then have one score
    independent = variance(kind, np.maximum(np.bincount(kind), 1)) if alike else variance(np.arange(len(used)))
    cell = numbered(used.rater * len(used.prompts) + used.prompt, len(used.raters) * len(used.prompts))
    by_cell = independent if cell.max() + 1 == len(used) else variance(cell)
    return Variances(independent, by_rater, by_prompt, by_cell)


def gauge(fitted: Fit) -> Float64[np.ndarray, "parameter parameter"]:
    """Added to the information, it fixes the mean of the strengths, which no contrast sees, so that H⁻¹ exists."""
    systems = len(fitted.strengths)
    fixed = np.zeros_like(fitted.information)
    fixed[:systems, :systems] = np.trace(fitted.information) / systems**2
    return fixed


def _guarded_error(
    used: Votes, fitted: Fit, wanted: Float64[np.ndarray, "contrast parameter"]
) -> Float64[np.ndarray, " contrast"]:
    """The largest of the standard errors of each contrast, by independent votes, raters, prompts and both."""
    found = variances(used, fitted, wanted)
    candidates = [found.independent, found.rater, found.prompt, found.rater + found.prompt - found.cell]
    if fitted.penalised:  # scores of votes that are certain vanish: only the prior's information keeps doubt
        candidates.append((wanted.T * np.linalg.solve(fitted.information + gauge(fitted), wanted.T)).sum(axis=0))
    return np.asarray(np.sqrt(np.max(candidates, axis=0)))


def cluster_scores(
    used: Votes, fitted: Fit, cluster: Int64[np.ndarray, " vote"]
) -> Float64[np.ndarray, "cluster parameter"]:
    """The slopes of the log likelihood at the estimate, summed over the votes of each cluster. `used` is `ranked`.

    Columns as in `fitted.information`. Over all clusters they sum to 0: that is what "maximum" means.
    """
    systems, parameters = len(fitted.strengths), len(fitted.information)
    at = likelihood(fitted.model, fitted.log_tie)(distances(fitted.strengths, fitted.side), fitted.log_tie or 0.0)
    by_d, by_tie = at.score[used.left, used.right, used.outcome].T * (1.0 if used.weight is None else used.weight)
    clusters = int(cluster.max(initial=-1)) + 1
    size = clusters * parameters
    sums = np.bincount(cluster * parameters + used.left, by_d, minlength=size)
    sums -= np.bincount(cluster * parameters + used.right, by_d, minlength=size)
    sums = sums.reshape(clusters, parameters)
    if fitted.side is not None:
        sums[:, systems] = np.bincount(cluster, by_d, minlength=clusters)
    if fitted.log_tie is not None:
        sums[:, -1] = np.bincount(cluster, by_tie, minlength=clusters)
    return sums
