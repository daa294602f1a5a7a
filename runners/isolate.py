"""A suite in an interpreter of its own: packages that do not get on with today's run beside us, not among us.

A *box* is a virtual environment with a pinned list of packages. It borrows what is large and harmless (torch, numpy,
OpenCV) from the environment around it, and what it installs itself comes first. A program in the box answers over
JSON lines: one request a line to its input, one answer a line from its output. What crashes or hangs there costs one
answer here.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Annotated, Any

from cyclopts import Parameter

from bench.digest import digest_bytes, key
from bench.errors import KeepframeError, UnavailableError, UsageError, did_you_mean
from runners.console import say

FOLDER_VARIABLE = "KEEPFRAME_BOXES"
START_S = 300.0  # importing torch from a cold disk


@dataclass(frozen=True)
class Recipe:
    """What makes a box: a list of pinned packages, and the program that answers. Both lie in `runners/boxes`."""

    name: str
    packages: str
    program: str

    @property
    def digest(self) -> str:
        """Changes with the list and with the interpreter; the program is read anew each time."""
        return key("box", packages=digest_bytes(_file(self.packages).read_bytes()), python=sys.version)[:12]

    @property
    def folder(self) -> Path:
        return boxes_dir() / f"{self.name}-{self.digest}"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def missing(self) -> str | None:
        """None when the box is there, else the sentence and the command that makes it."""
        if (self.folder / "done").is_file():
            return None
        return f"The box {self.name!r} is not built.\n  keepframe isolate {self.name}"


RECIPES = {"vbench": Recipe("vbench", "vbench.txt", "vbench_box.py")}


def boxes_dir() -> Path:
    """Where boxes lie: `KEEPFRAME_BOXES`, else `keepframe/boxes` in `XDG_CACHE_HOME` or `~/.cache`."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "keepframe" / "boxes"


def build(recipe: Recipe) -> Path:
    """Make the box, unless it is there. Raises UnavailableError with what pip said when it cannot be made."""
    if recipe.missing() is None:
        return recipe.folder
    shutil.rmtree(recipe.folder, ignore_errors=True)  # half of one
    for command in _commands(recipe):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise UnavailableError(
                f"The box {recipe.name!r} cannot be built: {(done.stderr or done.stdout).strip()[-500:]}",
                f"Mend that (network, disk), then: keepframe isolate {recipe.name}",
            )
    around = sysconfig.get_paths()["purelib"]
    (own,) = recipe.folder.glob("lib/python*/site-packages")
    (own / "zz_borrowed.pth").write_text(around + "\n")  # after the box's own, so that those win
    (recipe.folder / "done").write_text(recipe.digest)
    return recipe.folder


def _commands(recipe: Recipe) -> list[list[str]]:
    """What makes the environment: by uv where it is at hand, in seconds, else by venv and pip, in minutes."""
    packages = str(_file(recipe.packages))
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is not None:
        install = [uv, "pip", "install", "--quiet", "--python", str(recipe.python), "--no-deps", "-r", packages]
        return [[uv, "venv", "--quiet", "--python", sys.executable, str(recipe.folder)], install]
    pip = [str(recipe.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", str(recipe.folder)], [*pip, "--no-deps", "-r", packages]]


def isolate(
    name: Annotated[str, Parameter(help="Which: vbench.")] = "vbench",
) -> None:
    """Build the environment of a suite that needs one of its own. Some 50 MB; torch is borrowed from this one.

    Example: keepframe isolate vbench
    """
    if name not in RECIPES:
        raise UsageError(f"No box is called {name!r}.", did_you_mean(name, RECIPES))
    say(f"The box {name!r} is at {build(RECIPES[name])}.")


class Box:
    """A running program that answers over JSON lines; a context manager.

    `versions` is what its first line said. Raises KeepframeError when it does not start.
    """

    def __init__(self, python: Path, program: Path, environment: Mapping[str, str] | None = None) -> None:
        self._command = [str(python), str(program)]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._said: deque[str] = deque(maxlen=20)
        self._asked = 0
        self.versions: dict[str, str] = {}

    def __enter__(self) -> "Box":
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ask(self, timeout_s: float, **request: Any) -> Any:
        """The answer's value. The program is started again when an earlier request ended it.

        Raises KeepframeError with what it said when it fails, dies or takes longer.
        """
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._asked += 1
        with suppress(OSError):  # it is gone: the answer that does not come says so
            self._process.stdin.write(json.dumps({"id": self._asked, **request}) + "\n")
            self._process.stdin.flush()
        answer = self._next(timeout_s)
        if answer.get("id") != self._asked:
            self._stop()
            raise KeepframeError(f"The box answered something else: {str(answer)[:200]}.", "Run it again.")
        if "error" in answer:
            raise KeepframeError(f"In its box: {answer['error']}.", "Its own words are on the error stream.")
        return answer["value"]

    def _start(self) -> None:
        pipe = subprocess.PIPE
        self._answers = queue.Queue()
        self._process = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=self._environment
        )
        for target, stream in ((self._listen, self._process.stdout), (self._overhear, self._process.stderr)):
            threading.Thread(target=target, args=(stream, self._answers), daemon=True).start()
        self.versions = self._next(START_S).get("versions", {})

    def _stop(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with suppress(OSError):  # what was written is not wanted any more
                        stream.close()

    def _next(self, timeout_s: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._stop()
            raise KeepframeError(f"The box did not answer within {timeout_s:.0f} s.", "Give it more time.") from None
        if line is None:
            killed = self._ended_by() == -signal.SIGKILL
            self._stop()
            said = f"The program in the box {'was killed' if killed else 'ended'}: {' '.join(self._said)[-400:]}"
            mend = "Most often memory ran out: make room (fewer workers), then run it again with --retry."
            raise KeepframeError(said, mend if killed else "Run it again.")
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"error": f"no JSON: {line[:200]}"}

    def _ended_by(self) -> int | None:
        """The exit code of a program whose output is closed; None where it goes on all the same."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=5.0)
        return None

    @staticmethod
    def _listen(stream: Any, answers: "queue.Queue[str | None]") -> None:
        with suppress(ValueError):  # closed while reading
            for line in stream:
                answers.put(line)
        answers.put(None)

    def _overhear(self, stream: Any, _: "queue.Queue[str | None]") -> None:
        with suppress(ValueError):
            for line in stream:
                self._said.append(line.strip())


def borrow(recipe: Recipe) -> None:
    """Let this process import what the box holds and this environment lacks; what both have stays ours.

    Raises UnavailableError when the box is not built.
    """
    missing = recipe.missing()
    if missing is not None:
        raise UnavailableError(*missing.split("\n  ", 1))
    (place,) = map(str, recipe.folder.glob("lib/python*/site-packages"))
    if place not in sys.path:
        sys.path.append(place)
    for name in ("imgaug", "imgaug.augmenters"):  # pyiqa imports it for training; it is not made for numpy 2
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["imgaug"].augmenters = sys.modules["imgaug.augmenters"]  # type: ignore[attr-defined]


def _file(name: str) -> Path:
    return Path(str(files("runners").joinpath("boxes", name)))


def program(recipe: Recipe) -> Path:
    """Where the program of a box lies."""
    return _file(recipe.program)
