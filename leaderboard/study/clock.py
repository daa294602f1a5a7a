"""The time of the ledger: it never goes back, whatever the machine's clock does.

A clock that is set back while a rater watches would make the watch look too short, and set forward, long enough. So a
running server counts with the monotonic clock from the wall time at its start, and a server that starts never begins
before the newest row of the ledger.
"""

import time


class Clock:
    """Milliseconds since 1970 that only grow.

    >>> clock = Clock(not_before_ms=10**15)
    >>> clock.now_ms() >= 10**15
    True
    """

    def __init__(self, not_before_ms: int = 0) -> None:
        self._start_ms = max(time.time_ns() // 1_000_000, not_before_ms)
        self._start_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        return self._start_ms + (time.monotonic_ns() - self._start_ns) // 1_000_000


class ManualClock(Clock):
    """A clock that a simulation moves by hand."""

    def __init__(self, not_before_ms: int = 0) -> None:
        super().__init__(not_before_ms)
        self._now_ms = self._start_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        self._now_ms += by_ms
