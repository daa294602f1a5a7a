"""The votes of a study, as arrays: what every ranking, interval and check starts from.

A vote names the system shown on the left and the one on the right, so the side is never lost: raters favour a side,
and a ranking that forgot the side would take that for quality. Fitting needs only counts (one table of systems by
systems by outcome, however many votes), intervals need to know who voted on which prompt; both are here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

_SPARSE = 16  # keys for each vote; with more, sorting the votes is cheaper than counting the keys


class Outcome(IntEnum):
    """What the rater said. The first three are also the columns of a table of counts."""

    LEFT = 0
    RIGHT = 1
    TIE = 2
    BOTH_BAD = 3  # a tie for the ranking, and a verdict of its own on both systems
    CANNOT_JUDGE = 4  # no information on the systems: never counted, never a tie


class Vote(NamedTuple):
    """One vote by names, as a ledger or a file has it. `outcome` is an `Outcome`'s name in small letters."""

    left: str
    right: str
    outcome: str
    rater: str
    prompt: str
    criterion: str = "overall"


@dataclass(frozen=True)
class Votes:
    """Votes as indices into the names beside them.

    `weight`: what each vote counts, where pairs were not drawn evenly (see `scheduling.weights`); None: all the same.

    Raises `ValueError` for an index outside its names, an unknown outcome, or a system shown against itself.
    """

    left: Int64[np.ndarray, " vote"]
    right: Int64[np.ndarray, " vote"]
    outcome: Int64[np.ndarray, " vote"]
    rater: Int64[np.ndarray, " vote"]
    prompt: Int64[np.ndarray, " vote"]
    criterion: Int64[np.ndarray, " vote"]
    systems: tuple[str, ...]
    raters: tuple[str, ...]
    prompts: tuple[str, ...]
    criteria: tuple[str, ...] = ("overall",)
    weight: Float64[np.ndarray, " vote"] | None = None

    def __post_init__(self) -> None:
        for what, index, size in (
            ("left", self.left, len(self.systems)),
            ("right", self.right, len(self.systems)),
            ("outcome", self.outcome, len(Outcome)),
            ("rater", self.rater, len(self.raters)),
            ("prompt", self.prompt, len(self.prompts)),
            ("criterion", self.criterion, len(self.criteria)),
        ):
            if index.shape != self.left.shape:
                raise ValueError(f"{what} has {len(index)} votes, left has {len(self.left)}")
            if index.size and not (index.min() >= 0 and index.max() < size):
                raise ValueError(f"{what} has an index outside 0..{size - 1}")
        if (self.left == self.right).any():
            raise ValueError(f"vote {int(np.argmax(self.left == self.right))} shows a system against itself")

    def __len__(self) -> int:
        return len(self.left)

    def where(self, kept: Bool[np.ndarray, " vote"]) -> "Votes":
        """The votes that `kept` marks. Names keep their indices, so results of several subsets line up."""
        columns = ["left", "right", "outcome", "rater", "prompt", "criterion"]
        columns += ["weight"] if self.weight is not None else []
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    def on(self, criterion: str) -> "Votes":
        """The votes on one criterion. Raises `ValueError` for a criterion nobody was asked about."""
        return self.where(self.criterion == self.criteria.index(criterion))


def gather(votes: Iterable[Vote], systems: Sequence[str] = ()) -> Votes:
    """Named votes as arrays. `systems` fixes the order (and adds systems without votes); else it is alphabetical.

    >>> votes = gather([Vote("wan", "nano", "left", "ann", "p1"), Vote("nano", "wan", "tie", "bob", "p1")])
    >>> votes.systems, votes.left.tolist(), votes.outcome.tolist()
    (('nano', 'wan'), [1, 0], [0, 2])
    """
    rows = list(votes)
    known = tuple(systems) or tuple(sorted({row.left for row in rows} | {row.right for row in rows}))
    raters, prompts, criteria = (
        tuple(sorted({getattr(row, name) for row in rows})) for name in ("rater", "prompt", "criterion")
    )

    def indices(values: Iterable[str], names: tuple[str, ...], what: str) -> Int64[np.ndarray, " vote"]:
        place = {name: at for at, name in enumerate(names)}
        try:
            return np.array([place[value] for value in values], dtype=np.int64)
        except KeyError as missing:
            raise ValueError(f"unknown {what} {missing}; known: {', '.join(names)}") from None

    outcomes = tuple(outcome.name.lower() for outcome in Outcome)
    return Votes(
        left=indices((row.left for row in rows), known, "system"),
        right=indices((row.right for row in rows), known, "system"),
        outcome=indices((row.outcome for row in rows), outcomes, "outcome"),
        rater=indices((row.rater for row in rows), raters, "rater"),
        prompt=indices((row.prompt for row in rows), prompts, "prompt"),
        criterion=indices((row.criterion for row in rows), criteria, "criterion"),
        systems=known,
        raters=raters,
        prompts=prompts,
        criteria=criteria,
    )


def ranked(votes: Votes) -> Votes:
    """The votes that a ranking uses, on its one criterion: without "cannot judge", with "both bad" as a tie.

    Raises `ValueError` for votes on several criteria: "motion" and "text" are two rankings, take `votes.on(...)`.
    """
    if len(votes) and votes.criterion.min() != votes.criterion.max():
        raise ValueError(f"votes on several criteria ({', '.join(votes.criteria)}): choose one with votes.on(...)")
    worst = votes.outcome.max(initial=0)  # most calls get votes that are ranked already: a million are not copied
    judged = votes.where(votes.outcome != Outcome.CANNOT_JUDGE) if worst == Outcome.CANNOT_JUDGE else votes
    return judged if worst <= Outcome.TIE else replace(judged, outcome=np.minimum(judged.outcome, int(Outcome.TIE)))


def count(votes: Votes) -> Float64[np.ndarray, "system system 3"]:
    """How often system i on the left met system j on the right and left won, right won, or they tied.

    >>> votes = gather([Vote("a", "b", "left", "ann", "p1"), Vote("a", "b", "both_bad", "bob", "p1")])
    >>> count(votes)[0, 1].tolist(), count(votes)[1, 0].tolist()
    ([1.0, 0.0, 1.0], [0.0, 0.0, 0.0])
    """
    used, systems = ranked(votes), len(votes.systems)
    table = np.bincount(cells(used), used.weight, minlength=systems * systems * 3).astype(np.float64)
    return table.reshape(systems, systems, 3)


def tables(votes: Votes, by: Literal["rater", "prompt"]) -> Float64[np.ndarray, "cluster system system 3"]:
    """`count`, for each rater or prompt alone, by its index. They sum to `count(votes)`."""
    used, systems = ranked(votes), len(votes.systems)
    cluster, names = (used.rater, votes.raters) if by == "rater" else (used.prompt, votes.prompts)
    size = systems * systems * 3
    table = np.bincount(cluster * size + cells(used), used.weight, minlength=len(names) * size).astype(np.float64)
    return table.reshape(len(names), systems, systems, 3)


def numbered(key: Int64[np.ndarray, " vote"], size: int) -> Int64[np.ndarray, " vote"]:
    """Keys in 0..size - 1 as numbers without gaps, in the same order: by counting where that is cheaper than sorting.

    >>> numbered(np.array([7, 3, 7, 900]), size=1000).tolist()
    [1, 0, 1, 2]
    """
    if size > _SPARSE * len(key):
        return np.asarray(np.unique(key, return_inverse=True)[1], dtype=np.int64)
    place = np.cumsum(np.bincount(key, minlength=size) > 0) - 1
    return np.asarray(place[key])


def cells(used: Votes) -> Int64[np.ndarray, " vote"]:
    """Where each vote falls in the flat table of counts. `used` is `ranked`."""
    return np.asarray((used.left * len(used.systems) + used.right) * 3 + used.outcome)
