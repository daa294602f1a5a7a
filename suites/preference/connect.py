"""Can these votes be ranked at all? A maximum likelihood exists only if no direction of the parameters makes every vote
ever more likely. Where one does, an optimiser still prints numbers: they say where it stopped, nothing else. So the
question is asked before the fit, exactly, and the answer travels with the fit.

Ford (1957) answers it for Bradley-Terry by paths of wins. With a side effect or a tie parameter more can run away (all
raters choose the left; A always beats C while both tie with B), so the general answer is a linear programme (Albert &
Anderson, 1984; Konis, 2007). It is solved only when a quick sufficient check does not settle it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from suites.preference.models import TieModel

_ALMOST_ZERO = 1e-7


@dataclass(frozen=True)
class Connection:
    """What the votes can tell.

    `components`: systems joined by votes; between two components nothing is known. `unbounded_above`: systems that
    beat others from which no win or tie leads back, so how far they are above has no upper end; `unbounded_below`:
    likewise the beaten. `separated`: no finite maximum of the likelihood. `side_confounded`: the side cannot be told
    from the systems (each pair was shown in one order only).
    """

    components: tuple[tuple[int, ...], ...]
    unbounded_above: tuple[int, ...]
    unbounded_below: tuple[int, ...]
    separated: bool
    side_confounded: bool

    @property
    def sound(self) -> bool:
        """One component, and finite strengths: the plain fit can be published."""
        return len(self.components) == 1 and not self.separated


def connection(counts: Float64[np.ndarray, "system system 3"], model: TieModel, side: bool = True) -> Connection:
    """Says what the votes in `counts` (see `votes.count`) allow `model` to estimate.

    >>> counts = np.zeros((3, 3, 3))
    >>> counts[0, 1] = counts[1, 0] = [2, 1, 1]  # systems 0 and 1 beat each other
    >>> counts[2, 0] = counts[0, 2] = [0, 0, 0]
    >>> counts[0, 2, 0] = counts[2, 1, 1] = 3  # both always beat system 2
    >>> from suites.preference.models import DAVIDSON
    >>> found = connection(counts, DAVIDSON)
    >>> found.separated, found.unbounded_above, found.unbounded_below
    (True, (0, 1), (2,))
    """
    from scipy.sparse.csgraph import connected_components

    counts = used_counts(counts, model)
    systems = len(counts)
    ties = counts[..., 2]
    beats = (counts[..., 0] + counts[..., 1].T + ties + ties.T) > 0  # wins and ties lead from i to j
    _, component = connected_components(beats, directed=False)
    _, group = connected_components(beats, directed=True, connection="strong")
    leaves = beats & (group[:, None] != group[None, :])
    above, below = (
        tuple(i for i in range(systems) if members[group == group[i]].any())
        for members in (leaves.any(axis=1), leaves.any(axis=0))
    )
    confounded = _side_confounded(counts.sum(axis=-1) > 0, int(component.max(initial=-1)) + 1)
    with_side = side and not confounded
    return Connection(
        components=tuple(tuple(np.flatnonzero(component == c).tolist()) for c in range(component.max(initial=-1) + 1)),
        unbounded_above=above,
        unbounded_below=below,
        separated=bool(above) or (not _overlapping(counts, with_side) and _runs_away(counts, model, with_side)),
        side_confounded=confounded,
    )


def used_counts(
    counts: Float64[np.ndarray, "*table system system 3"], model: TieModel
) -> Float64[np.ndarray, "*table system system 3"]:
    """The counts the model fits: without ties where it leaves them out."""
    return counts if model.counts_ties else counts * np.array([1.0, 1.0, 0.0])


def _side_confounded(shown: Bool[np.ndarray, "system system"], components: int) -> bool:
    """Whether strengths alone could imitate the side: the design has no rank left for it."""
    left, right = np.nonzero(shown)
    rows = np.arange(len(left))
    design = np.zeros((len(left), len(shown) + 1))
    design[rows, left], design[rows, right], design[:, -1] = 1.0, -1.0, 1.0
    if not len(left):
        return True
    return int(np.linalg.matrix_rank(design.T @ design)) < len(shown) - components + 1


def _overlapping(counts: Float64[np.ndarray, "system system 3"], side: bool) -> bool:
    """Quick and sufficient: both outcomes were seen on pairs that join all systems, in both orders for one of them.

    Seeing left and right win in the same order of the same pair pins its d; pinned pairs that join everything pin all.
    """
    from scipy.sparse.csgraph import connected_components

    pinned = (counts[..., 0] > 0) & (counts[..., 1] > 0)
    joined = connected_components(pinned, directed=False)[0] == 1
    return bool(joined and (not side or (pinned & pinned.T).any()))


def _runs_away(counts: Float64[np.ndarray, "system system 3"], model: TieModel, side: bool) -> bool:
    """Whether a direction (θ, β, tie) exists along which no vote becomes less likely and some become more likely."""
    from scipy.optimize import linprog

    systems = len(counts)
    tie_parameter = model.has_tie_parameter and bool(counts[..., 2].any())
    rows = []
    for left, right, outcome in np.argwhere(counts > 0):
        d = np.zeros(systems + 2)
        d[left], d[right], d[systems] = 1.0, -1.0, float(side)
        tie = np.zeros(systems + 2)
        tie[-1] = float(tie_parameter)  # the direction of log ν in Davidson's model, of t / 2 in Rao and Kupper's
        if outcome == 2:
            rows += [tie - d / 2, tie + d / 2]
        else:
            win = d if outcome == 0 else -d
            rows += [win, win / 2 - tie] if tie_parameter else [win]
    inequality = np.array(rows)
    found = linprog(-inequality.sum(axis=0), A_ub=-inequality, b_ub=np.zeros(len(rows)), bounds=(-1.0, 1.0))
    return bool(-found.fun > _ALMOST_ZERO)
