"""Memory that is freed stays with the process, and the next thing of that size takes it.

Each of RAFT's twenty updates, every layer and every view of a chunk takes and frees tens of megabytes. glibc gives them
back at once and asks for them anew, and the system clears each page again: 6 % of the processor time of a pass with
networks. No number changes. Single things of `LARGE` bytes, such as correlations of a pair, still go back: kept, they
leave holes that nothing else fits. And where one network is done with a chunk and leaves `MUCH`, the next one gets it
clean: what AMT leaves does not fit RAFT, and both would lie there.
"""

import ctypes
import sys
from functools import lru_cache
from typing import Any

LARGE = 128 << 20
MUCH = 512 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_freed_memory() -> bool:
    """From now on, in this process. False where the allocator is not glibc's, or an old one that refuses: nothing is
    changed there."""
    libc = _glibc()
    return libc is not None and bool(libc.mallopt(M_MMAP_THRESHOLD, LARGE) and libc.mallopt(M_TRIM_THRESHOLD, -1))


def give_back(unless_below: int = 0) -> None:
    """Return what is free now: what reading weights took is never needed again, and would stay beside all the rest.
    Nothing is done where less than that many bytes are free."""
    libc = _glibc()
    if libc is not None and (not unless_below or libc.mallinfo2().free >= unless_below):
        libc.malloc_trim(0)


class _Info(ctypes.Structure):
    """`mallinfo2` of malloc.h; `free` is its `fordblks`."""

    _fields_ = [(f"_{k}", ctypes.c_size_t) for k in range(8)] + [("free", ctypes.c_size_t), ("top", ctypes.c_size_t)]


@lru_cache(maxsize=1)
def _glibc() -> Any:
    """The C library where it is glibc, else None."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt, libc.malloc_trim  # noqa: B018  # musl lacks them
        libc.mallinfo2.restype = _Info  # of 2021 and later
    except (OSError, AttributeError):
        return None
    return libc
