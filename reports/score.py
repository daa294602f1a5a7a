"""`keepframe score`: judge folders of videos without a reference, and compare the folders pair by pair."""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.errors import UsageError
from bench.registry import names, resolve
from bench.store import Results, Store
from bench.video.footage import Footage, load
from reports.benchmark_totals import leaderboards, total, total_styled, vbench2
from reports.grids import counted, grids
from reports.unscored import ended, lost, lost_said, noted
from runners.console import err, last_line, out, progress, say
from runners.session import Outcome, Report, carry_out
from runners.verbs import Json, StorePath
from runners.watch import Beside, build, other_models, paid, watch
from suites.judging.kept import Spent


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
    missing. A metric whose weights are missing says which command fetches them, and has no column.

    Exits with 0 when anything was scored, whatever failed beside it, and with 1 when nothing was: all rows failed, no
    metric is available here, or none applies to these videos.

    Prompts are those of the evaluation: a model is often given longer ones, and scores against those do not compare.

    Examples:

        keepframe score rollouts

        keepframe score old=out/v1 new=out/v2 --metrics temporal_flickering,drift_brightness

        keepframe score rollouts --prompts prompts.json --metrics overall_consistency

        keepframe generate long.toml --seconds 20 -o rollouts/a.mp4 && keepframe score rollouts --prompts short.toml
    """
    from reports.compare import compare
    from reports.formats import print_grids

    systems = _labelled(folders)
    opened = Store(store)
    with progress() as report:
        footage = _loaded(systems, opened, report)
        beside = Beside(prompts, judge, tuple(_model(one) for one in model or ()))
        chosen = metrics.split(",") if metrics else _askable(footage, beside)
        plan = build(name, footage, systems, [one.strip() for one in chosen], beside)
        before = paid(opened)
        said = noted(plan)
        # a model of billions of weights in every process would fill the machine
        count = workers or (1 if (judge or "").startswith("local:") else os.cpu_count() or 1)
        outcome = carry_out(
            plan,
            opened,
            workers=count,
            retry=retry,
            report=partial(_and_answers, report, opened, before),
            entry=partial(watch, beside=replace(beside, at_once=max(1, min(count, len(plan.tasks))))),
        )
    cost = _since(paid(opened), before)
    others = other_models(opened, beside)
    for note in _as_whom(others):
        say(note, to=err)
    results = opened.results(plan.key)
    found = compare(results)
    found = replace(found, warnings=tuple(line for line in found.warnings if line not in said))
    # nothing was remembered here, so a table of what remembering costs would be empty
    print_grids([grid for grid in grids(found) if grid.title != "Costs"], out)
    boards, styled = leaderboards(opened, results), vbench2(results)
    lines = [_done(outcome, results), *_judged(cost)]
    lines += [*(total(*one) for one in boards.items()), *(total_styled(*one) for one in styled.items())]
    for line in lines:
        say(line)
    if json:
        failed, dropped = (table.num_rows for table in lost(results))
        last_line(
            {
                "run": plan.key,
                "store": str(store),
                "vbench": {system: board._asdict() for system, board in boards.items()},
                "vbench2_style": {system: found._asdict() for system, found in styled.items()},
                "done": outcome.answers_done,
                "done_before": outcome.answers_before,
                "failures": failed,
                "not_applicable": dropped,
                "unavailable": plan.unavailable,
                "judge": cost._asdict() | {"other_models": others},
            }
        )
    return ended(results, plan.unavailable)


def _loaded(systems: Mapping[str, Path], store: Store, report: Report) -> dict[str, Footage]:
    """The videos of every folder, by its label."""
    return {
        label: load(
            folder,
            every_file=True,
            cache=store.root / "cache" / "clips.json",
            progress=lambda done, total, what: report("probe", done, total, what),
        )
        for label, folder in systems.items()
    }


def _and_answers(report: Report, store: Store, before: Spent, stage: str, done: int, total: int, what: str) -> None:
    """Report, with how often the judge has answered: of a video that waits for it, nothing else can be seen."""
    asked = round(paid(store).questions - before.questions) if stage == "measure" and done < total else 0
    report(stage, done, total, f"{what}, {counted(asked, 'answer')} of the judge" if asked else what)


def _as_whom(models: list[str]) -> list[str]:
    """What to say of models that answered under another name than the judge's."""
    if not models:
        return []
    if len(models) > 1:
        called = ", ".join(models)
        return [f"note: several models answered under this judge's name ({called}): its scores are not of one judge"]
    return [
        f"note: the server says that {models[0]} answered. Its scores are told from a later model's by "
        f"&version={models[0]} in the judge's address, which asks everything anew."
    ]


def _done(outcome: Outcome, results: Results) -> str:
    before = f", {outcome.answers_before} had nothing left to do" if outcome.answers_before else ""
    return (
        f"{counted(outcome.answers_done, 'video')} measured in {outcome.seconds:.0f} s{before}; {lost_said(results)}. "
        f"Run {results.key[:8]}."
    )


def _since(now: Spent, before: Spent) -> Spent:
    return Spent(
        now.questions - before.questions,
        now.tokens_in - before.tokens_in,
        now.tokens_out - before.tokens_out,
        now.dollars - before.dollars,
    )


def _judged(cost: Spent) -> list[str]:
    """What a judge was asked and paid this time."""
    if not cost.questions:
        return []
    dollars = f", {cost.dollars:.4f} dollars." if cost.dollars else "."
    return [
        f"The judge was asked {counted(round(cost.questions), 'question')}: {cost.tokens_in:,.0f} tokens in, "
        f"{cost.tokens_out:,.0f} out{dollars}"
    ]


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
