"""Freed memory is kept until it is given back: seen in the pages that the system has to clear, and in what is held."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from pathlib import Path
import numpy as np
from suites.features.memory import give_back, keep_freed_memory

def fresh():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        np.ones(1 << 23)  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return int(Path("/proc/self/statm").read_text().split()[1])

first = fresh()
assert keep_freed_memory() and keep_freed_memory()
fresh()
print(first, fresh())
kept = held()
large = np.ones(5 << 23)  # 320 MB
full = held()
del large
print(kept, full, held())
give_back(unless_below=1 << 30)
assert held() >= kept  # 64 MB are not much
give_back()
print(held())
"""


def glibc() -> bool:
    return sys.platform.startswith("linux") and "glibc" in platform.libc_ver()[0]


@pytest.mark.skipif(not glibc(), reason="another allocator")
def test_freed_memory_is_taken_again() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    (before, after), (kept, full, without), (given_back,) = (
        map(int, line.split()) for line in done.stdout.splitlines()
    )
    assert after < before / 10
    assert full > kept + 75_000 and without < kept + 5_000  # pages of 4 kB: what is large goes by itself
    assert given_back < kept - 12_000
