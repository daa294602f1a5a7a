"""What holds around every test: the same draws in whatever order tests run, and no thread that starves the machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

THREADS = Path("/proc/self/task")


@pytest.fixture(autouse=True)
def draws_do_not_depend_on_what_ran_before() -> None:
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_thread_is_real_time() -> Iterator[None]:
    """A library that root runs may raise its threads (SVT-AV1 does), and all that they start inherits it. With two such
    workers on two processors, one that waits for a thread of the usual class waits for ever: that hung whole runs."""
    yield
    raised = []
    for thread in (int(folder.name) for folder in THREADS.glob("*")):
        with suppress(ProcessLookupError):  # it ended meanwhile
            if os.sched_getscheduler(thread) in (os.SCHED_FIFO, os.SCHED_RR):
                raised.append(thread)
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    assert not raised, "the test left real-time threads"
