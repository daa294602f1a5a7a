"""The verbs of the gate: check, calibrate, baseline."""

import getpass
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from bench import baselines, registry
from bench.errors import KeepframeError, UsageError
from bench.spec import RunSpec
from bench.store import Store
from reports.verbs import Overrides, Workers
from runners.console import last_line, out, progress, say
from runners.plan import Plan
from runners.session import Report, execute
from runners.verbs import Json, StorePath

LockPath = Annotated[Path, Parameter(help="The file that names the baselines; commit it.")]
System = Annotated[str | None, Parameter(help="Which system of both; default: the only one that is no baseline.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Which:
    """Where the two systems come from, where their names leave it open."""

    spec: Annotated[Path | None, Parameter(help="The spec whose system reads a checkpoint file.")] = None
    system: System = None
    overrides: Overrides = None
    lock: LockPath = baselines.FILE
    workers: Workers = None
    retry: Annotated[bool, Parameter(help="Also try again what failed before.", negative="")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Outputs:
    """Where the answer goes beside the terminal."""

    html: Annotated[Path | None, Parameter(help="The page; default: in the store.")] = None
    markdown: Annotated[Path | None, Parameter(help="A comment for a pull request.")] = None
    junit: Annotated[Path | None, Parameter(help="JUnit XML.")] = None
    json: Json = False


def check(
    candidate: str,
    *,
    against: Annotated[str, Parameter(help="The baseline: as the candidate, or a name of the lock file.")] = "main",
    policy: Annotated[Path | None, Parameter(help="What counts as worse (TOML); default: by suite.")] = None,
    store: StorePath = Path("results"),
    which: Which | None = None,
    outputs: Outputs | None = None,
) -> int:
    """Is this checkpoint worse than that one? Exits with 0 (pass), 3 (regressed), 4 (inconclusive) or 5 (not
    comparable), and says why.

    CANDIDATE and --against are a spec (what is missing of it is measured), a checkpoint file (with --spec), or a run
    of the store (RUN or RUN/SYSTEM). Differences are paired by video; passing has to be shown, and so has regressing.
    An inconclusive check says how many videos would settle it: add them to the footage and check again.

    Examples:

        keepframe check new.toml --against old.toml

        keepframe check ckpt/step-9000.safetensors --spec spec.toml --against main --junit check.xml --markdown check.md
    """
    from reports.gate import gate
    from reports.gate.document import document, junit
    from reports.gate.policy import fits, load
    from reports.gate.subject import Finder
    from reports.gate.text import markdown, print_check

    which, outputs = which or Which(), outputs or Outputs()
    rules = load(policy)
    opened = Store(store)
    joined = None
    try:
        with progress() as report:
            measure = _measure(opened, which.workers, report, retry=which.retry)

            def measure_for_rules(spec: RunSpec) -> Plan:
                fits(rules, [registry.resolve("metric", ref)().name for ref in spec.metrics])
                return measure(spec)

            overrides = tuple(which.overrides or ())
            finder = Finder(opened, which.lock, measure_for_rules, which.spec, overrides, which.system)
            located = [finder.locate(reference) for reference in (against, candidate)]
            baseline, subject = (one() for one in located)
        decided, joined = gate.check(opened, baseline, subject, rules)
    except gate.REFUSALS as error:
        decided = gate.refused(error, against, candidate)
    print_check(decided, out)
    for path, text in ((outputs.markdown, markdown), (outputs.junit, junit)):
        if path is not None:
            _write(path, text(decided))
    extra = {}
    if joined is not None:
        from reports.gate.page import write_page

        page = outputs.html or opened.root / "checks" / gate.report_name(decided)
        write_page(opened, joined, decided, page)
        say(f"Report: {page}")
        extra = {"report": str(page)}
    if outputs.json:
        last_line({**document(decided), **extra})
    return decided.exit_code


@Parameter(name="*")
@dataclass(frozen=True)
class Over:
    """What the repeats of a calibration are spread over, beside seeds."""

    workers: Workers = None
    batch: Annotated[
        list[int] | None, Parameter(help="Frames that a memory is given at once; default: 32 and 7.", negative="")
    ] = None
    device: Annotated[
        list[str] | None, Parameter(help="cpu, cuda: repeats on each of them; default: as every run.", negative="")
    ] = None


def calibrate(
    spec: Path,
    *,
    repeats: Annotated[int, Parameter(name=["--repeats", "-n"], help="Runs of the same system.")] = 5,
    over: Over | None = None,
    store: StorePath = Path("results"),
    overrides: Overrides = None,
    json: Json = False,
) -> int:
    """Measure how far two runs of the very same system differ: the noise floor, below which no margin is accepted.

    The systems of the spec that are under test are run again from nothing, with other seeds, numbers of workers and
    batches (frames that a memory is given at once), and on every --device that is named. Run it on the machine that the
    checks run on, and on both devices where some checks run on one and some on the other.

    Examples:

        keepframe calibrate spec.toml

        keepframe calibrate spec.toml -n 8 --device cpu --device cuda
    """
    from bench.spec import load
    from reports.gate import noise
    from runners.calibrate import BATCHES, Vary, repeat, spread

    over = over or Over()
    most = over.workers or os.cpu_count() or 1
    vary = Vary(most, tuple(over.batch or BATCHES), tuple(over.device or ()))  # a GPU that is not there is said now

    parsed = load(spec, tuple(overrides or ()))
    tested = tuple(system for system in parsed.systems if system.role == "tested")
    if not tested:
        raise UsageError(f"{spec} tests no system: all bound others.", "Calibrate the spec of what you check.")
    opened = Store(store)
    with progress() as report:
        only = parsed.model_copy(update={"systems": tested})
        done = repeat(only, opened.root, repeats, vary, report)
    how = [asdict(one.how) for one in done.runs]
    table = Table("system", "metric", "noise floor", "means of the runs", title="noise floors", title_justify="left")
    floors = {}
    for system in tested:
        found = noise.floor([one.results for one in done.runs], system.name, how)
        noise.save(opened, done.runs[0].results.run, found)
        floors[system.name] = found.metrics
        for name, value in found.metrics.items():
            table.add_row(system.name, name, f"{value:.3g}", ", ".join(f"{mean:.4g}" for mean in found.means[name]))
    done.clear()
    out.print(table)
    say(f"Varied: {spread([one.how for one in done.runs])}.")
    if json:
        last_line({"noise": floors, "repeats": how})
    return 0


def baseline(
    action: Literal["show", "promote"] = "show",
    run: Annotated[
        str, Parameter(help="What to promote: a run of the store, RUN or RUN/SYSTEM, or a spec.")
    ] = "latest",
    *,
    reason: Annotated[str, Parameter(help="Why, for those who read the file.")] = "",
    name: Annotated[str, Parameter(help="What the baseline is called.")] = "main",
    store: StorePath = Path("results"),
    system: System = None,
    lock: LockPath = baselines.FILE,
    json: Json = False,
) -> int:
    """Show the baselines of the lock file, or make a run the baseline. Commit the file: a review shows what changed.

    Examples:

        keepframe baseline show

        keepframe baseline promote 3fa2 --reason "new VAE, agreed on 3 March"
    """
    if action == "promote":
        if not reason.strip():
            raise UsageError("A baseline is not changed without a reason.", 'Say why: --reason "…"')
        from reports.gate.promote import entry
        from reports.gate.subject import Finder

        opened = Store(store)
        with progress() as report:
            finder = Finder(opened, lock, _measure(opened, None, report), system=system)
            found = finder.with_weights(finder.find(run))
        baselines.promote(lock, name, entry(opened, found, reason.strip(), _who()))
    known = baselines.load(lock).baselines
    table = Table("baseline", "run", "system", "videos", "metrics", "by", "why", title=str(lock), title_justify="left")
    for one, held in known.items():
        last = held.promotions[-1]
        metrics = ", ".join(f"{metric} {version}" for metric, version in held.metrics.items())
        who = f"{last.by}, {last.at[:10]}"
        table.add_row(*map(escape, (one, held.run[:8], held.system, str(held.videos), metrics, who, last.reason)))
    if known:
        out.print(table)
    else:
        none = f"{lock} holds no baseline yet: keepframe baseline promote RUN --reason … makes one."
        say(none)
    if json:
        last_line({"lock": str(lock), "baselines": {n: held.model_dump(mode="json") for n, held in known.items()}})
    return 0


def _measure(store: Store, workers: int | None, report: Report, *, retry: bool = False) -> Callable[[RunSpec], Plan]:
    """What does the missing part of a spec, in this store."""

    def measure(spec: RunSpec) -> Plan:
        return execute(spec, store.root, workers=workers or os.cpu_count() or 1, retry=retry, report=report).plan

    return measure


def _who() -> str:
    """The name in git's settings, else the account's."""
    try:
        told = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, timeout=10, check=True)
        return told.stdout.strip() or getpass.getuser()
    except (OSError, subprocess.SubprocessError):
        return getpass.getuser()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise KeepframeError(f"Cannot write {path}: {error.strerror}.", "Name another file.") from error
