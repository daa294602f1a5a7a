"""`keepframe score`: judge folders of videos without a reference, and compare the folders pair by pair."""

import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

from bench.errors import UsageError
from bench.registry import names, resolve
from bench.store import Results, Store
from bench.video.footage import Footage, load
from runners.console import err, last_line, out, progress
from runners.session import carry_out
from runners.verbs import Json, StorePath
from runners.watch import build, series_of, watch
from suites.vbench.leaderboard import DIMENSIONS, Totals, aggregate, totals


def score(
    *folders: Annotated[str, Parameter(help="A folder of videos or one video; LABEL=FOLDER gives it another name.")],
    metrics: Annotated[str | None, Parameter(help="Names, with commas. Default: all that can be asked.")] = None,
    prompts: Annotated[
        Path | None,
        Parameter(help="What each video should show: JSON or CSV (file,prompt). Default: its annotation."),
    ] = None,
    name: Annotated[str, Parameter(help="What the run is called.")] = "score",
    store: StorePath = Path("results"),
    workers: Annotated[int | None, Parameter(help="Worker processes; default: one a core.")] = None,
    retry: Annotated[bool, Parameter(help="Also try again what failed before.", negative="")] = False,
    json: Json = False,
) -> int:
    """Score whole videos without a reference: VBench's dimensions, motion, drift, who and what comes back.

    Every video is decoded once for all metrics, and what networks saw in it is kept: a metric that is added later
    decodes nothing. Several folders are compared by the names of their files. Running it again finishes what is
    missing. A metric whose weights are missing says which command fetches them, and its cells stay empty.

    Examples:

        keepframe score rollouts

        keepframe score old=out/v1 new=out/v2 --metrics temporal_flickering,drift_brightness

        keepframe score rollouts --prompts prompts.json --metrics overall_consistency
    """
    from reports.compare import compare
    from reports.formats import print_comparison

    systems = _labelled(folders)
    opened = Store(store)
    with progress() as report:
        footage = {
            label: load(
                folder,
                cache=opened.root / "cache" / "clips.json",
                progress=lambda done, total, what: report("probe", done, total, what),
            )
            for label, folder in systems.items()
        }
        chosen = metrics.split(",") if metrics else _askable(footage, prompts)
        plan = build(name, footage, systems, [one.strip() for one in chosen], prompts)
        outcome = carry_out(
            plan, opened, workers=workers or os.cpu_count() or 1, retry=retry, report=report, entry=watch
        )
    for warning in plan.warnings:
        err.print(f"note: {warning}", markup=False, soft_wrap=True)
    for metric, sentence in plan.unavailable.items():
        err.print(f"{metric} is unavailable, its cells stay empty: {sentence}", markup=False, soft_wrap=True)
    results = opened.results(plan.key)
    print_comparison(compare(results), out)
    out.print(
        f"{outcome.answers_done} videos scored in {outcome.seconds:.0f} s, {outcome.answers_before} were there; "
        f"{results.failures.num_rows} failed. Run {plan.key[:8]}.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    boards = leaderboards(opened, results)
    for system, board in boards.items():
        out.print(_said(system, board), markup=False, highlight=False, soft_wrap=True)
    if json:
        last_line(
            {
                "run": plan.key,
                "store": str(store),
                "vbench": {system: board._asdict() for system, board in boards.items()},
                "done": outcome.answers_done,
                "done_before": outcome.answers_before,
                "failures": results.failures.num_rows,
                "unavailable": plan.unavailable,
            }
        )
    return 0


def leaderboards(store: Store, results: Results) -> dict[str, Totals]:
    """VBench's totals of each system that has any of its dimensions, from what the scores were made of."""
    values: dict[str, dict[str, list[np.ndarray]]] = {}
    series = series_of(store)
    for row in results.planned.to_pylist():
        if row["metric"] in DIMENSIONS and (kept := series.get(row["score_key"])) is not None:
            values.setdefault(row["system"], {}).setdefault(row["metric"], []).append(kept["values"])
    return {
        system: totals({dimension: aggregate(dimension, videos) for dimension, videos in found.items()})
        for system, found in sorted(values.items())
    }


def _said(system: str, board: Totals) -> str:
    if board.total is not None:
        return f"VBench, {system}: {board.total:.4f} (quality {board.quality:.4f}, semantic {board.semantic:.4f})"
    there, every = len(DIMENSIONS) - len(board.missing), len(DIMENSIONS)
    return f"VBench, {system}: no total, {there} of {every} dimensions; on its scale these average {board.measured:.4f}"


def _labelled(folders: tuple[str, ...]) -> dict[str, Path]:
    """Label -> folder. A folder whose name has an equals sign in it needs a label of its own."""
    if not folders:
        raise UsageError("keepframe score needs a folder of videos.", "keepframe score rollouts")
    found: dict[str, Path] = {}
    for text in folders:
        label, equals, folder = text.partition("=")
        path = Path(folder if equals else text).expanduser()
        label = label if equals else path.resolve().name
        if label in found:
            raise UsageError(f"Two folders are called {label!r}.", "Name them: keepframe score old=a/out new=b/out")
        found[label] = path
    return found


def _askable(footage: dict[str, Footage], prompts: Path | None) -> list[str]:
    """The metrics that these videos can answer: no prompt is asked where there is none, nor an annotation."""
    items = [item for one in footage.values() for item in one.items]
    here: dict[Literal["prompt", "annotation"], bool] = {
        "prompt": prompts is not None or any(item.storyboard for item in items),
        "annotation": any(item.annotation for item in items),
    }
    return [ref for ref in names("video-metric") if all(here[what] for what in resolve("video-metric", ref).reads)]
