"""Which frames to keep, evenly spread over a history whose length is not known yet.

An encoder may not look at the future and must not grow without bound, so candidates are gathered at a stride
that doubles (and every other candidate is dropped) whenever they take more than four times the budget. Only
when the history has ended is the budget spent: on the largest number of evenly spaced candidates that fits.
With four times as many candidates as places, spacing is even to within a quarter of a gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

OVERSAMPLING = 4  # candidates held, as a multiple of the budget
FEWEST = 4  # candidates held however small the budget, so that there is one near the middle


@dataclass(frozen=True)
class Budget:
    """How much may be kept: a number of pictures, a number of bytes, or neither (everything)."""

    pictures: int | None = None
    total_bytes: int | None = None

    def holds(self, sizes: Sequence[int], times: int = 1) -> bool:
        """Whether pictures of these sizes (bytes) fit into `times` the budget."""
        return (self.pictures is None or len(sizes) <= times * self.pictures) and (
            self.total_bytes is None or sum(sizes) <= times * self.total_bytes
        )


class Candidates:
    """Pictures by frame index, thinned to a bounded number while they stream in.

    >>> candidates = Candidates(Budget(pictures=2))
    >>> for index in range(100):
    ...     if candidates.wants(index):
    ...         candidates.add(index, b"picture")
    >>> sorted(candidates.best(overhead=0))
    [16, 80]
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._stride = 1
        self._pictures: dict[int, bytes] = {}

    def wants(self, index: int) -> bool:
        """Whether this frame is worth compressing."""
        return index % self._stride == 0

    def add(self, index: int, picture: bytes) -> None:
        """Hold a candidate, and drop every other one while there are too many."""
        self._pictures[index] = picture
        while len(self._pictures) > FEWEST and not self._budget.holds(self._sizes(0), times=OVERSAMPLING):
            self._stride *= 2
            self._pictures = {i: picture for i, picture in self._pictures.items() if self.wants(i)}

    def best(self, overhead: int) -> dict[int, bytes]:
        """The most evenly spread pictures that fit, each costing `overhead` bytes more; empty if none does."""
        return most_that_fit(self._pictures, self._budget, overhead)

    def middle(self) -> tuple[int, bytes]:
        """The candidate nearest to the middle of the history."""
        return list(self._pictures.items())[len(self._pictures) // 2]

    def _sizes(self, overhead: int) -> list[int]:
        return [len(picture) + overhead for picture in self._pictures.values()]


def most_that_fit(pictures: dict[int, bytes], budget: Budget, overhead: int) -> dict[int, bytes]:
    """The largest evenly spread choice from `pictures` (by index, ascending) within the budget.

    >>> list(most_that_fit({0: b"aa", 5: b"aa", 9: b"aa"}, Budget(total_bytes=5), overhead=0))
    [0, 9]
    """
    sizes = [len(picture) + overhead for picture in pictures.values()]
    indices = list(pictures)
    most = len(indices)
    if budget.pictures is not None:
        most = min(most, budget.pictures)
    if budget.total_bytes is not None and sizes:
        most = min(most, budget.total_bytes // min(sizes))
    for count in range(most, 0, -1):
        ranks = [(2 * place + 1) * len(indices) // (2 * count) for place in range(count)]  # the middle of each share
        if budget.holds([sizes[rank] for rank in ranks]):
            return {indices[rank]: pictures[indices[rank]] for rank in ranks}
    return {}
