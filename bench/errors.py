"""Errors that say what happened, to which file or case, and end with the command that mends it.

Every error a user can cause is a `KeepframeError`; the command line prints its text and exits with its
`exit_code`, without a traceback. Anything else that escapes is a bug and shows its traceback (exit code 1).
"""

import difflib
from collections.abc import Iterable


class KeepframeError(Exception):
    """A problem the user can mend: `what` happened, and `mend`, the way out."""

    exit_code = 1

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"{what}\n  {mend}" if mend else what)
        self.what = what
        self.mend = mend

    def __reduce__(self) -> tuple[type, tuple[str, str]]:  # errors cross process borders
        return type(self), (self.what, self.mend)


class UsageError(KeepframeError):
    """The command, the spec or a name in it is wrong."""

    exit_code = 2


class NotComparableError(KeepframeError):
    """Two results differ in what decides the numbers: cases, metric versions, decode settings."""

    exit_code = 5


class VideoError(KeepframeError):
    """A file cannot be read as video. In a run this becomes a failed row, never a crash."""


class StoreError(KeepframeError):
    """The result folder cannot be read or written."""


class UnavailableError(KeepframeError):
    """Something optional is not on this machine: weights, a package, a codec."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`"Did you mean 'psnr'? "` for a near miss, then all that is known."""
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Available: {', '.join(names)}." if names else hint
