"""The processes of a browser test: what it starts itself, and what it finds running below it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import leaderboard

PROJECT = Path(leaderboard.__file__).parents[1]
PROC = Path("/proc")
# the command itself, on the leash that ends it with the test that started it, even if that is killed
MAIN = "from tests.browser.chromium import leashed; leashed(); from bench.cli import main; main()"


class Thread(NamedTuple):
    name: str
    policy: int
    """0 is the usual one, 1 (FIFO) and 2 (RR) are real-time: <linux/sched.h>."""
    nice: int


def keepframe(*words: str, **environment: str) -> "subprocess.Popen[str]":
    """`keepframe WORDS`, with its output to be read."""
    command = [sys.executable, "-c", MAIN, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=os.environ | environment)


def ended(process: "subprocess.Popen[str]", how: signal.Signals) -> int:
    """The exit code of a server that was asked to stop; one that does not within 20 s is killed and the test fails."""
    process.send_signal(how)
    try:
        return process.wait(timeout=20)
    finally:
        process.kill()
        process.communicate()


def descendants() -> dict[int, str]:
    """Process ids and command lines of all that runs below this process; empty where there is no /proc."""
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = _fields(folder / "stat")
        except OSError:
            continue  # it ended meanwhile
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    below = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return {process: line for process in below - {os.getpid()} if (line := _command_line(process))}


def threads(process: int) -> list[Thread]:
    """Every thread of a process with its scheduling."""
    found = []
    for folder in (PROC / str(process) / "task").iterdir():
        fields = _fields(folder / "stat")
        found.append(Thread((folder / "comm").read_text().strip(), int(fields[38]), int(fields[16])))
    return found


def _command_line(process: int) -> str:
    try:
        return (PROC / str(process) / "cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""


def _fields(stat: Path) -> list[str]:
    """What follows the name in proc_pid_stat(5): the state is number 0, the parent 1, nice 16, the policy 38."""
    return stat.read_text().rpartition(")")[2].split()
