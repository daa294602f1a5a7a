"""The verbs that end in a table: quickstart, run, compare, report."""

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.errors import UsageError
from bench.spec import RunSpec, load, parse
from bench.store import Results, Store
from reports.unscored import ended, noted
from runners.console import err, last_line, out, progress, say
from runners.estimate import estimate
from runners.session import Outcome, execute, prepare
from runners.verbs import Json, StorePath, quickstart_spec

Overrides = Annotated[
    list[str] | None,
    Parameter(name="--set", help="Override a key, KEY=VALUE with a TOML value. May be repeated.", negative=""),
]
Workers = Annotated[int | None, Parameter(help="Worker processes; default: one a core. Never changes a number.")]
DryRun = Annotated[bool, Parameter(help="Plan and estimate, measure nothing.", negative="")]
RunName = Annotated[str, Parameter(help="Key, first digits of the key, name, or latest.")]


_SUITES_WITH_VERBS = {
    "cost": "keepframe cost --help",
    **dict.fromkeys(("vbench", "vbench2", "viclip", "dynamics", "consistency"), "keepframe score --help"),
}


def quickstart(
    *,
    store: StorePath = Path("results"),
    overrides: Overrides = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Draw 14 short videos, squeeze each into every memory that needs no training, ask for 16 random moments, and
    say how much of them came back: a table and one HTML report. Running it again finishes what is missing.

    Example: keepframe quickstart
    """
    spec = parse(tomllib.loads(quickstart_spec()), tuple(overrides or ()), source="quickstart", folder=Path.cwd())
    return _measure(spec, store, workers, dry_run=dry_run, json=json)


def run(
    spec: Path,
    *,
    store: StorePath = Path("results"),
    overrides: Overrides = None,
    workers: Workers = None,
    retry: Annotated[bool, Parameter(help="Also try again what failed before.", negative="")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Measure the memories of a spec: clips -> encode once -> ask for random moments -> score -> store -> report.

    Running the same command again is the resume: only what is missing is done, whatever stopped it. Exits with 0 when
    anything was scored, whatever failed beside it, and with 1 when nothing was. A spec:

        name = "mine"
        metrics = ["psnr", "ssim", "ms_ssim"]

        [footage]
        path = "videos"                     # or procedural = ["static", "characters"]

        [suite]
        args = { moments = 16, horizons_s = [20.0], queries = "undeclared" }

        [decode]
        width = 416
        height = 240

        [[systems]]
        memory = "mean-frame"               # a name of `keepframe list memory`
        baseline = true                     # to be beaten; role = "ceiling" bounds from above, and is not ranked

        [[systems]]
        name = "h264"
        memory = "codec"
        args = { codec = "h264" }
        sweep = { bitrate_kbps = [25, 50, 100] }

        [[systems]]
        memory = "./mine.py:Mine"           # your own, relative to the spec

    Examples:

        keepframe run spec.toml

        keepframe run spec.toml --set footage.limit=3 --dry-run
    """
    if (verb := _SUITES_WITH_VERBS.get(str(spec))) and not spec.exists():
        raise UsageError(f"`run` measures what a spec says; the suite {str(spec)!r} has a verb of its own.", verb)
    return _measure(load(spec, tuple(overrides or ())), store, workers, retry=retry, dry_run=dry_run, json=json)


def _measure(
    spec: RunSpec, root: Path, workers: int | None, *, retry: bool = False, dry_run: bool = False, json: bool = False
) -> int:
    import os

    if dry_run:
        return _dry_run(spec, root, retry=retry, json=json)
    with progress() as report:
        outcome = execute(spec, root, workers=workers or os.cpu_count() or 1, retry=retry, report=report)
    said = noted(outcome.plan)
    store = Store.existing(root)
    results = store.results(outcome.plan.key)
    page = _report(store, outcome, results)
    _show(results, said)
    say(f"{_sentence(outcome, results)}\nReport: {page}")
    if json:
        last_line(
            {
                "run": outcome.plan.key,
                "store": str(root),
                "report": str(page),
                "done": outcome.answers_done,
                "done_before": outcome.answers_before,
                "failures": results.failures.num_rows,
                "unavailable": outcome.plan.unavailable,
            }
        )
    return ended(results, outcome.plan.unavailable)


def _dry_run(spec: RunSpec, root: Path, *, retry: bool, json: bool) -> int:
    store = Store(root)  # before anything is kept in the folder: what is no store, and not empty, is refused
    with progress() as report:
        plan = prepare(spec, root, report)
    guess = estimate(plan, store, retry=retry)
    say(guess.text())
    if json:
        last_line({"run": plan.key, **guess.document()})
    return 0


def _sentence(outcome: Outcome, results: Results) -> str:
    kinds = len(set(results.planned["system"].to_pylist()))
    videos = len(set(results.planned["group"].to_pylist()))
    failed = results.failures.num_rows
    return (
        f"{kinds} memories x {videos} videos: {outcome.answers_done} answers measured in {outcome.seconds:.0f} s, "
        f"{outcome.answers_before} were there; {failed} failed. Run {outcome.plan.key[:8]}."
    )


def _report(store: Store, outcome: Outcome, results: Results) -> Path:
    """Write the report, unless nothing was done since it was written."""
    page = report_path(store, outcome.plan.key)
    if outcome.answers_done or not page.exists():
        from reports.html import write_report

        with err.status("writing the report"):
            write_report(store, outcome.plan.key, page)
    return page


def report_path(store: Store, key: str) -> Path:
    """Where a run's report lies unless the user says otherwise."""
    return store.root / "runs" / key / "report.html"


def _show(results: Results, said: Collection[str]) -> None:
    """Scores, costs and failures, without what was `said`; slices and differences are for the report and for
    `keepframe compare`."""
    from dataclasses import replace

    from reports.compare import compare as compare_systems
    from reports.formats import print_comparison

    found = compare_systems(results)
    warnings = tuple(line for line in found.warnings if line not in said)
    print_comparison(replace(found, slices=(), warnings=warnings), out)


def compare(
    *systems: Annotated[str, Parameter(help="Systems by name, or RUN/SYSTEM for another run. Default: all.")],
    against: Annotated[str | None, Parameter(help="The baseline; default: the first system named.")] = None,
    run: RunName = "latest",
    store: StorePath = Path("results"),
    form: Annotated[
        Literal["terminal", "markdown", "csv", "latex", "json"], Parameter(name="--format", help="How to print it.")
    ] = "terminal",
    json: Json = False,
) -> int:
    """Which memory keeps more, and how sure is that.

    Differences are paired per video, with Student-t intervals and Holm's correction over the table; systems that the
    tests cannot tell apart share their ranks. Rate sweeps are compared by BD-rate and BD-PSNR over bytes.

    Examples:

        keepframe compare "h264 50 kbps" "hevc 50 kbps"

        keepframe compare --against mean-frame --format latex > table.tex

        keepframe compare 3fa2/mine 9c01/mine --against 3fa2/mine
    """
    from reports.compare import compare as compare_systems
    from reports.formats import print_comparison, render
    from reports.pick import pick

    results, names = pick(Store.existing(store), run, [*systems, *([against] if against else [])])
    baseline = names[-1] if against else names[0] if names else None
    if len(set(names)) == 1 and not against:
        raise UsageError(f"{names[0]!r} has nothing to be compared with.", "Name two systems, or --against one.")
    chosen = None if against and not systems else names or None
    comparison = compare_systems(results, baseline=baseline, systems=chosen)
    if form == "terminal":
        print_comparison(comparison, out)
    else:
        print(render(comparison, form), end="" if form != "json" else "\n")
    if json and form != "json":
        print(render(comparison, "json"))
    return 0


def report(
    run: RunName = "latest",
    *,
    store: StorePath = Path("results"),
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Default: beside the run.")] = None,
    json: Json = False,
) -> int:
    """Write one self-contained HTML file about a run: table, curves, worst cases, how it was got.

    Example: keepframe report latest -o report.html
    """
    from reports.html import write_report

    opened = Store.existing(store)
    key = opened.find(run)["key"]
    page = output or report_path(opened, key)
    with err.status("writing the report"):
        write_report(opened, key, page)
    say(f"Report: {page}")
    if json:
        last_line({"run": key, "report": str(page)})
    return 0
