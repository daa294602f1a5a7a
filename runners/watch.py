"""Score whole videos: folders of rollouts or real clips, judged without a reference.

Each folder is a system, each file name a case, so that two models' videos of the same names are compared pair by
pair by the same reports as memories are. A video is decoded once for all metrics. What a video's score was made of
(a value a frame, say) is kept beside the features, under the score's address.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench import registry
from bench.digest import digest_bytes, digest_file, key
from bench.errors import UsageError, did_you_mean
from bench.spec import Footage as FootageSpec
from bench.spec import RunSpec, SuiteRef, System
from bench.store import PLAN, Store
from bench.types import Case, Clip, Continue, Prompt
from bench.video.annotation import sidecar
from bench.video.footage import Footage, Item
from runners.plan import Ask, Plan, Plugin, Task
from runners.work import Clock, Rows
from suites.features.cache import FeatureCache
from suites.features.judge import judge
from suites.features.protocols import Evidence, VideoMetric

SUITE, VERSION = "perceptual", "1"
_VIDEOS = Plugin("videos", {}, "")  # stands where a run has a memory and a generator: the videos are there already


def build(
    name: str, systems: Mapping[str, Footage], folders: Mapping[str, Path], metrics: Sequence[str], prompts: Path | None
) -> Plan:
    """Every video of every system against every metric (references of kind `video-metric`); nothing is computed.

    `prompts` is a JSON object or a CSV with columns `file` and `prompt`, by file name with or without its ending.
    Without it a video's storyboard, or its caption in the folder's manifest, says what it should show.

    Raises UsageError for an unknown metric or prompts that name no video.
    """
    judges = {ref: _metric(ref) for ref in metrics}
    said = None if prompts is None else read_prompts(prompts)
    rows: list[dict[str, Any]] = []
    tasks: list[Task] = []
    problems: dict[str, str] = {}
    seen: set[str] = set()
    prompted: dict[str, None] = {}  # in order, each once
    for system, footage in systems.items():
        asked = {item.name: _storyboard(item, said) for item in footage.items}
        groups = _groups({_stem(one): " ".join(line.text for line in lines) for one, lines in asked.items()})
        for item in footage.items:
            stem, lines = _stem(item.name), asked[item.name]
            seen.add(stem)
            prompted |= dict.fromkeys(line.text for line in lines)
            ask, case_key = _ask(system, item, stem, lines, judges)
            rows += [
                {
                    "case": stem,
                    "group": groups[stem],
                    "file": item.name,
                    "tags": list(item.tags),
                    "horizon_s": None,
                    "case_key": case_key,
                    "system": system,
                    "curve": None,
                    "baseline": False,
                    "memory_key": ask.memory_key,
                    "prediction_key": ask.prediction_key,
                    "metric": metric.name,
                    "metric_version": metric.version,
                    "unit": metric.unit,
                    "better": metric.better,
                    "score_key": ask.scores[ref],
                }
                for ref, metric in judges.items()
            ]
            if item.clip is None:
                problems[ask.prediction_key] = item.problem or "cannot be read"
            else:
                tasks.append(_task(stem, groups[stem], item.clip, lines, case_key, ask))
    if said is not None and not {_stem(one) for one in said} & seen:
        raise UsageError(f"{prompts} names none of the videos.", did_you_mean(next(iter(said), ""), seen))
    identity = [(row["system"], row["case"], row["score_key"]) for row in rows]
    spec = RunSpec(
        name=name,
        footage=FootageSpec(path=str(next(iter(folders.values())))),
        suite=SuiteRef(name=SUITE),
        systems=tuple(System(name=one, memory="videos", args={"folder": str(folders[one])}) for one in systems),
        metrics=tuple(metrics),
    )
    return Plan(
        key=key("run", suite={"name": SUITE, "version": VERSION}, scores=identity),
        spec=spec,
        table=pa.Table.from_pylist(rows, schema=PLAN),
        tasks=tuple(tasks),
        problems=problems,
        unavailable={m.name: missing for m in judges.values() if (missing := m.available()) is not None},
        metrics={m.name: m.version for m in judges.values()},
        warnings=(
            *(f"{system}: {text}" for system, footage in systems.items() for text in footage.warnings),
            *_cautions(judges.values(), prompted),
        ),
    )


def watch(task: Task, store: Store, session: str) -> None:
    """Judge the video of a task by the metrics that are missing, and store the rows."""
    rows = Rows(store, session)
    case, (ask,) = task.case, task.asks
    metrics = {ref: _metric(ref) for ref in ask.scores}
    assert isinstance(case.request, Continue)
    annotation = case.clip.path.with_suffix(".json") if sidecar(case.clip.path) else None
    clock = Clock()
    try:
        with clock.running():
            found = judge(
                list(metrics.values()),
                Evidence(case.clip, storyboard=case.request.storyboard, annotation=annotation),
                FeatureCache(store.root / "cache" / "features"),
            )
    except Exception as error:  # metrics' own errors were caught inside: this is the video's
        rows.failure(ask.prediction_key, "decode", error)
        rows.flush(force=True)
        return
    for ref, score_key in ask.scores.items():
        name = metrics[ref].name
        if name in found.failures:
            rows.failure(score_key, "score", found.failures[name])
            continue
        series = found.series[name]
        series_of(store).put(score_key, {"frames": series.frames, "values": series.values})
        rows.add("scores", score_key=score_key, moment=0, value=float(series.values.mean()))
    rows.timing(ask.prediction_key, "score", clock)
    rows.flush(force=True)


def series_of(store: Store) -> FeatureCache:
    """What scores were made of, by score key: arrays `frames` and `values`."""
    return FeatureCache(store.root / "cache" / "series")


def read_prompts(path: Path) -> dict[str, str]:
    """File name (with or without ending) -> evaluation prompt. Raises UsageError naming the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            data = json.loads(text)
            if not isinstance(data, dict) or not all(isinstance(one, str) for one in data.values()):
                raise ValueError("it is not an object of texts")
            return {str(name): prompt for name, prompt in data.items()}
        rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
        return {row["file"]: row["prompt"] for row in rows}
    except KeyError as error:
        raise UsageError(f"{path} has no column {error}.", "Its first line is: file,prompt") from error
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(
            f"{path} cannot be read as prompts: {error}.", 'Write JSON {"a.mp4": "A cat."}, or CSV.'
        ) from error


def _ask(
    system: str, item: Item, stem: str, lines: tuple[Prompt, ...], judges: Mapping[str, VideoMetric]
) -> tuple[Ask, str]:
    prompts = [[line.at_s, line.text] for line in lines]
    case_key = key("case", suite=SUITE, version=VERSION, case=stem, prompts=prompts)
    prediction_key = key("video", content=_content(item))
    known = {"prompt": prompts, "annotation": digest_file(item.annotation) if item.annotation else None}
    scores = {
        ref: key(
            "score",
            prediction=prediction_key,
            metric=metric.name,
            version=metric.version,
            reads={name: known[name] for name in metric.reads},
        )
        for ref, metric in judges.items()
    }
    return Ask(system, _VIDEOS, _VIDEOS, prediction_key, prediction_key, scores), case_key


def _task(stem: str, group: str, clip: Clip, lines: tuple[Prompt, ...], case_key: str, ask: Ask) -> Task:
    case = Case(stem, clip, Continue(lines, clip.duration_s), group, 0.0, 0.0)
    return Task(case, case_key, None, float(clip.fps), {}, False, 0, (ask,))


def _groups(prompts: Mapping[str, str]) -> dict[str, str]:
    """Case -> the statistical unit, from case -> prompt. `a cat-0` to `a cat-4` of one prompt are one unit, since
    what is hard about the prompt is hard for all five; `take-0` and `take-1` without a prompt are two."""
    bases = {case: re.sub(r"-\d+$", "", case) for case in prompts}
    tries = Counter((bases[case], prompt) for case, prompt in prompts.items() if prompt)
    return {case: bases[case] if tries[bases[case], prompt] > 1 else case for case, prompt in prompts.items()}


def _cautions(judges: Iterable[VideoMetric], prompts: Iterable[str]) -> list[str]:
    """What the metrics that can run have to say about the prompts, each thing once."""
    said = [
        caution(list(prompts))
        for judge in judges
        if (caution := getattr(judge, "caution", None)) is not None and judge.available() is None
    ]
    return list(dict.fromkeys(one for one in said if one))


def _storyboard(item: Item, said: Mapping[str, str] | None) -> tuple[Prompt, ...]:
    if said is None:
        return item.storyboard
    text = said.get(item.name, said.get(_stem(item.name), ""))
    return (Prompt(0.0, text),) if text else ()


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{1,4}$", "", name)


def _content(item: Item) -> str:
    if item.clip is not None:
        return item.clip.digest
    try:
        return digest_file(item.path)
    except OSError:  # absent or unreadable: its problem is all that is known of it
        return digest_bytes(f"{item.name} {item.problem}".encode())


def _metric(ref: str) -> VideoMetric:
    metric = registry.resolve("video-metric", ref)()
    if not isinstance(metric, VideoMetric):
        raise UsageError(
            f"{ref} is not a metric of videos: it lacks one of name, version, unit, better, reads, available, "
            "features, __call__.",
            "See VideoMetric in suites/features/protocols.py.",
        )
    return metric
