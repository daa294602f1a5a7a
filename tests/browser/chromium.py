#!/usr/bin/env python3
"""The Chromium of the browser tests and of the benchmarks: which one, with which switches, and held on a leash.

Chromium gives many of its threads a nice value of -8, and a real-time class where it plays sound, if it may, and root
may. On a machine of two cores one such thread that spins leaves the rest of the machine a few hundredths of a second
in every second, and a test run then looks hung. So this file is also the program that is started: it gives up the
right to raise priorities (the browser alone loses it), asks to be killed with its parent, and becomes Chromium.
"""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), "")
MISSING = "there is no Chromium: apt-get install chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# from Linux's <sys/prctl.h> and <linux/capability.h>
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, CAP_SYS_NICE = 1, 24, 23


@contextmanager
def launched(play: "Playwright") -> Iterator["Browser"]:
    """A headless browser that is gone afterwards, whatever the test did."""
    browser = play.chromium.launch(executable_path=__file__, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()


def leashed() -> None:
    """Die with the parent, and lose the right to raise a thread's priority with the next program that is executed."""
    if sys.platform != "linux":
        return
    import resource

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_CAPBSET_DROP, CAP_SYS_NICE)  # refused to everybody but root, who alone needs it
    for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE):  # what others may be allowed
        resource.setrlimit(limit, (0, 0))


if __name__ == "__main__":
    leashed()
    os.execv(CHROMIUM, [CHROMIUM, *sys.argv[1:]])
