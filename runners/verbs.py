"""The verbs that look at the machine, the plug-ins and the store; those that end in a table are in reports/verbs.py."""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from bench import registry
from bench.errors import UsageError
from runners.console import err, last_line, out, say

Json = Annotated[bool, Parameter(help="End stdout with one line of JSON.", negative="")]
StorePath = Annotated[Path, Parameter(help="The result folder.", env_var="KEEPFRAME_STORE")]


def init() -> None:
    """Print the spec of the quickstart, with comments, to start from.

    Example: keepframe init > spec.toml
    """
    sys.stdout.write(quickstart_spec())


def quickstart_spec() -> str:
    """The spec that `keepframe quickstart` runs, as TOML."""
    return files("runners").joinpath("quickstart.toml").read_text(encoding="utf-8")


STATUS = """
SELECT (SELECT count(*) FROM planned), (SELECT count(DISTINCT "group") FROM planned),
       (SELECT count(DISTINCT "system") FROM planned),
       (SELECT count(*) FROM (SELECT DISTINCT prediction_key, metric FROM scores)),
       (SELECT count(*) FROM failures WHERE error <> 'DroppedOut')
"""


def status(*, store: StorePath = Path("results"), json: Json = False) -> None:
    """List the runs of a store, the latest last, and how complete each is.

    Example: keepframe status --store results
    """
    from bench.store import Store

    opened = Store.existing(store)
    table = Table(
        "run", "name", "videos", "systems", "scores", "failed", "last command", title=str(store), title_justify="left"
    )
    found = []
    for run in opened.runs():
        con = opened.connect(run["key"])
        planned, videos, systems, done, failed = con.execute(STATUS).fetchall()[0]
        command = run["sessions"][-1]["command"]
        table.add_row(run["key"][:8], run["name"], str(videos), str(systems), f"{done}/{planned}", str(failed), command)
        found.append({"key": run["key"], "name": run["name"], "scores": done, "planned": planned, "failures": failed})
    if found:
        out.print(table)
    else:
        say(f"There are no runs in {store} yet: keepframe quickstart makes one.")
    if json:
        last_line({"store": str(store), "runs": found})


def list_plugins(
    kind: Literal["all", "memory", "generator", "suite", "metric", "video-metric"] = "all", *, json: Json = False
) -> None:
    """List the plug-ins that a spec can name: built-in ones and installed entry points.

    Example: keepframe list memory
    """
    kinds = [k for k in registry.BUILT_IN if kind in ("all", k)]
    table = Table("kind", "name", "what it is", "arguments", title="plug-ins", title_justify="left")
    found: dict[str, dict[str, str]] = {}
    for one in kinds:
        found[one] = {}
        for name, target in sorted(registry.names(one).items()):
            try:
                plugin = registry.resolve(one, name)
                about, arguments = _first_line(plugin), _arguments(plugin)
            except Exception as error:  # a broken entry point must not hide the others
                about, arguments = f"cannot be imported: {error}", ""
            found[one][name] = target
            table.add_row(one, name, about, arguments)
    out.print(table)
    if json:
        last_line(found)


def _first_line(plugin: object) -> str:
    return (plugin.__doc__ or "").strip().partition("\n")[0]


def _arguments(plugin: object) -> str:
    import inspect

    parameters = inspect.signature(plugin).parameters.values()  # type: ignore[arg-type]
    return ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)


def try_plugin(
    reference: str,
    *,
    args: Annotated[str, Parameter(help="Arguments as an inline TOML table, such as '{ every_s = 1.0 }'.")] = "{}",
    json: Json = False,
) -> int:
    """Check a memory encoder against the contract: what it must do to be measured here.

    A memory of tokens is read by the reference generator. Exits with 0 when every check holds and 3 when one does not.

    Example: keepframe try ./mine.py:Mine --args '{ width = 32 }'
    """
    import tomllib

    from bench.generation.reference import Reference
    from bench.memories.context import TokenEncoder
    from runners.contract import check_encoder

    try:
        parsed = tomllib.loads(f"args = {args}")["args"]
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"--args {args!r} is not a TOML table: {error}.", "Write it as --args '{ every_s = 1.0 }'"
        ) from error
    target = registry.resolve("memory", registry.absolute(reference, Path.cwd()))
    bound = registry.bind(target, parsed)
    generator = Reference(steps=1) if isinstance(target, type) and issubclass(target, TokenEncoder) else None
    checks = check_encoder(lambda: target(**bound), generator)
    table = Table("", "check", "what was seen", title=f"contract: {reference}", title_justify="left")
    marks = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]–[/]"}
    for check in checks:
        table.add_row(marks[check.passed], check.name, check.detail)
    out.print(table)
    broken = [check.name for check in checks if check.passed is False]
    out.print(
        f"{len(broken)} of {len(checks)} checks fail: {', '.join(broken)}"
        if broken
        else "It can be measured: name it in a spec as memory."
    )
    if json:
        last_line(
            {
                "reference": reference,
                "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in checks],
            }
        )
    return 3 if broken else 0


def doctor(*, store: StorePath = Path("results"), json: Json = False) -> int:
    """Check this machine: whose `bench` is imported, versions, codecs, disk, and that frames are read exactly.

    Exits with 1 when something is wrong that would make results wrong.

    Example: keepframe doctor
    """
    from runners.doctor import examine

    table = Table("", "what", "finding", title="doctor", title_justify="left")
    marks = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}
    findings = []
    with err.status("examining"):
        for finding in examine(store):
            findings.append(finding)
            table.add_row(marks[finding.verdict], finding.what, finding.detail)
    out.print(table)
    if json:
        last_line({"findings": [finding._asdict() for finding in findings]})
    return 1 if any(finding.verdict == "bad" for finding in findings) else 0


def weights(
    action: Literal["list", "fetch", "verify", "path"] = "list",
    *names: Annotated[str, Parameter(help="Which weights; default: all, but for fetch.")],
    every: Annotated[bool, Parameter(name="--all", help="Fetch all that is missing.", negative="")] = False,
    source: Annotated[
        Path | None, Parameter(name="--from", help="Copy from this folder instead of downloading.")
    ] = None,
    again: Annotated[bool, Parameter(help="Fetch also what is there already.", negative="")] = False,
    json: Json = False,
) -> int:
    """List, fetch, verify or locate the published weights that learned metrics need.

    Nothing is fetched unasked: `fetch` wants names, or --all. The list has sizes and licences.

    Examples:

        keepframe weights list

        keepframe weights fetch alexnet
    """
    from bench import weights as published
    from bench.weights_catalogue import CATALOGUE
    from bench.weights_fetch import fetch

    known = {file.name: file for file in CATALOGUE}
    chosen = list(known) if every or not names else list(names)
    if action == "path":
        for name in chosen:
            print(published.path(name))
        return 0
    if action == "fetch" and (names or every):
        for name in [published.state(name).file.name for name in chosen]:  # a wrong name ends it before the first byte
            with err.status(f"fetching {name}"):
                target = fetch(name, folder=source, again=again)
            out.print(f"{name}: {target}", soft_wrap=True)
        return 0
    states = [published.state(name) for name in chosen]
    table = Table(title=str(published.weights_dir()), title_justify="left")
    table.add_column("name", no_wrap=True)  # it is to be typed
    table.add_column("state", no_wrap=True)
    table.add_column("size", no_wrap=True, justify="right")
    table.add_column("licence; from; needed by", overflow="fold")
    for name, state in zip(chosen, states, strict=True):
        file = known[name]
        licence = f"{file.licence} (non-commercial)" if file.non_commercial else file.licence
        megabytes = f"{file.size_bytes / 1e6:.{0 if file.size_bytes > 1e6 else 2}f} MB"
        about = f"{licence}; {_host(file.url)}\n{', '.join(file.needed_by)}"
        table.add_row(name, state.status, megabytes, about)
    out.print(table)
    if action == "fetch":
        absent = [state.file for state in states if state.status != "present"]
        size = sum(file.size_bytes for file in absent) / 1e9
        raise UsageError(
            f"Which ones? {len(absent)} of {len(known)} files are not here, {size:.1f} GB in all.",
            "keepframe weights fetch NAME …, or --all. What a licence allows is for you to see to.",
        )
    if json:
        last_line({"folder": str(published.weights_dir()), "weights": {s.file.name: s.status for s in states}})
    return 1 if action == "verify" and any(state.status == "damaged" for state in states) else 0


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]
