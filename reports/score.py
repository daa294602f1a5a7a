"""`keepframe score`: judge folders of videos without a reference, and compare the folders pair by pair."""

import math
import os
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from cyclopts import Parameter

from bench.errors import UsageError
from bench.registry import names, resolve
from bench.store import Results, Store
from bench.video.footage import Footage, load
from runners.console import err, last_line, out, progress
from runners.session import carry_out
from runners.verbs import Json, StorePath
from runners.watch import Beside, build, other_models, paid, series_of, watch
from suites.vbench.leaderboard import DIMENSIONS, Totals, aggregate, totals
from suites.vbench2 import dimensions as vbench2_totals


def score(
    *folders: Annotated[str, Parameter(help="A folder of videos or one video; LABEL=FOLDER gives it another name.")],
    metrics: Annotated[str | None, Parameter(help="Names, with commas. Default: all that can be asked.")] = None,
    prompts: Annotated[
        Path | None,
        Parameter(help="What each video should show: JSON, CSV, VBench's list, storyboard.toml. Default: annotations."),
    ] = None,
    judge: Annotated[
        str | None,
        Parameter(help="Who answers questions: answers.csv, https://host/v1?model=NAME, local:org/model@revision."),
    ] = None,
    model: Annotated[
        list[str] | None,
        Parameter(help="A model of yours: face=, tracker=, interpolator=, anatomy=./mine.py:Attr.", negative=""),
    ] = None,
    name: Annotated[str, Parameter(help="What the run is called.")] = "score",
    store: StorePath = Path("results"),
    workers: Annotated[
        int | None, Parameter(help="Worker processes; default: one a core, one with a local judge.")
    ] = None,
    retry: Annotated[bool, Parameter(help="Also try again what failed before.", negative="")] = False,
    json: Json = False,
) -> int:
    """Score whole videos without a reference: VBench's dimensions, motion, drift, who and what comes back.

    Every video is decoded once for all metrics, and what networks saw in it is kept: a metric that is added later
    decodes nothing. Several folders are compared by the names of their files. Running it again finishes what is
    missing. A metric whose weights are missing says which command fetches them, and its cells stay empty.

    Prompts are those of the evaluation: a model is often given longer ones, and scores against those do not compare.

    Examples:

        keepframe score rollouts

        keepframe score old=out/v1 new=out/v2 --metrics temporal_flickering,drift_brightness

        keepframe score rollouts --prompts prompts.json --metrics overall_consistency

        keepframe generate long.toml --seconds 20 -o rollouts/a.mp4 && keepframe score rollouts --prompts short.toml
    """
    from reports.compare import compare
    from reports.formats import print_grids
    from reports.grids import grids

    systems = _labelled(folders)
    opened = Store(store)
    with progress() as report:
        footage = {
            label: load(
                folder,
                every_file=True,
                cache=opened.root / "cache" / "clips.json",
                progress=lambda done, total, what: report("probe", done, total, what),
            )
            for label, folder in systems.items()
        }
        beside = Beside(prompts, judge, tuple(_model(one) for one in model or ()))
        chosen = metrics.split(",") if metrics else _askable(footage, beside)
        plan = build(name, footage, systems, [one.strip() for one in chosen], beside)
        before = paid(opened)
        # a model of billions of weights in every process would fill the machine
        count = workers or (1 if (judge or "").startswith("local:") else os.cpu_count() or 1)
        outcome = carry_out(
            plan,
            opened,
            workers=count,
            retry=retry,
            report=report,
            entry=partial(watch, beside=replace(beside, at_once=max(1, min(count, len(plan.tasks))))),
        )
    for warning in plan.warnings:
        err.print(f"note: {warning}", markup=False, soft_wrap=True)
    for metric, sentence in plan.unavailable.items():
        err.print(f"{metric} is unavailable, its cells stay empty: {sentence}", markup=False, soft_wrap=True)
    results = opened.results(plan.key)
    # nothing was remembered here, so a table of what remembering costs would be empty
    print_grids([grid for grid in grids(compare(results)) if grid.title != "Costs"], out)
    out.print(
        f"{outcome.answers_done} videos scored in {outcome.seconds:.0f} s, {outcome.answers_before} were there; "
        f"{results.failures.num_rows} failed. Run {plan.key[:8]}.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for line in _dropped(results):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    cost = [now - then for now, then in zip(paid(opened), before, strict=True)]
    if cost[0]:
        out.print(
            f"The judge was asked {cost[0]:.0f} questions: {cost[1]:,.0f} tokens in, {cost[2]:,.0f} out"
            + (f", {cost[3]:.4f} dollars." if cost[3] else "."),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    others = other_models(opened, beside)
    if others:
        err.print(f"note: {_as_whom(others)}", markup=False, soft_wrap=True)
    boards = leaderboards(opened, results)
    styled = vbench2(results)
    for line in (*(_said(*one) for one in boards.items()), *(_said2(*one) for one in styled.items())):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if json:
        last_line(
            {
                "run": plan.key,
                "store": str(store),
                "vbench": {system: board._asdict() for system, board in boards.items()},
                "vbench2_style": {system: found._asdict() for system, found in styled.items()},
                "done": outcome.answers_done,
                "done_before": outcome.answers_before,
                "failures": results.failures.num_rows,
                "unavailable": plan.unavailable,
                "judge": dict(zip(("questions", "tokens_in", "tokens_out", "dollars"), cost, strict=True))
                | {"other_models": others},
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


class Styled(NamedTuple):
    """VBench-2.0-style totals of a system, from `scored` values of (video, dimension), `dropped` beside them."""

    totals: vbench2_totals.Totals
    scored: int
    dropped: int


def vbench2(results: Results) -> dict[str, Styled]:
    """VBench-2.0-style totals of each system that has any of its dimensions; videos that dropped out count nowhere."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in results.scores.to_pylist():
        if row["metric"].startswith(vbench2_totals.PREFIX):
            dimension = row["metric"].removeprefix(vbench2_totals.PREFIX)
            values.setdefault(row["system"], {}).setdefault(dimension, []).append(row["value"])
    gone = Counter(
        row["system"]
        for row in results.failures.to_pylist()
        if row["error"] == "DroppedOut" and row["metric"].startswith(vbench2_totals.PREFIX)
    )
    return {
        system: Styled(
            vbench2_totals.totals({name: math.fsum(one) / len(one) for name, one in found.items()}),
            sum(len(one) for one in found.values()),
            gone[system],
        )
        for system, found in sorted(values.items())
    }


def _said2(system: str, found: Styled) -> str:
    total = "no total" if found.totals.total is None else f"{found.totals.total:.4f}"
    there = [f"{name} {value:.4f}" for name, value in found.totals.categories.items() if value is not None]
    missing = f"; {len(found.totals.missing)} dimensions missing" if found.totals.missing else ""
    counts = f"{found.scored} values, {found.dropped} dropped out{missing}"
    return f"{vbench2_totals.LABEL}, {system}: {', '.join([total, *there])} ({counts})"


def _as_whom(models: list[str]) -> str:
    """What to say of models that answered under another name than the judge's."""
    if len(models) > 1:
        return f"several models answered under this judge's name ({', '.join(models)}): its scores are not of one judge"
    return (
        f"the server says that {models[0]} answered. Its scores are told from a later model's by &version={models[0]} "
        "in the judge's address, which asks everything anew."
    )


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


def _dropped(results: Results) -> list[str]:
    """Of each system and metric from which videos dropped out, because a gate was not passed: how many of how many."""
    out_of = Counter((row["system"], row["metric"]) for row in results.planned.to_pylist())
    gone = Counter(
        (row["system"], row["metric"]) for row in results.failures.to_pylist() if row["error"] == "DroppedOut"
    )
    return [
        f"{metric}, {system}: {count} of {out_of[system, metric]} videos dropped out and count in no mean."
        for (system, metric), count in sorted(gone.items())
    ]


def _model(text: str) -> tuple[str, str]:
    kind, equals, ref = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} names no kind of model.", "Write --model face=./mine.py:Attr")
    return kind, ref


def _askable(footage: dict[str, Footage], beside: Beside) -> list[str]:
    """The metrics that these videos can answer: no prompt is asked where there is none, nor an annotation.

    Those of a benchmark's own prompts (VBench-2.0), and the published package's, are asked by name only.
    """
    items = [item for one in footage.values() for item in one.items]
    here: set[str] = {"siblings", *beside.opened}
    if beside.prompts is not None or any(item.storyboard for item in items):
        here.add("prompt")
    if any(item.annotation for item in items):
        here.add("annotation")
    if beside.judge is not None:
        here.add("judge")
    refs = [ref for ref in names("video-metric") if not ref.startswith(("vbench2_", "official_"))]
    return [ref for ref in refs if all(what in here for what in resolve("video-metric", ref).reads)]
