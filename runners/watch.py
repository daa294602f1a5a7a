"""Score whole videos: folders of rollouts or real clips, judged without a reference.

Each folder is a system, each file name a case, so that two models' videos of the same names are compared pair by
pair by the same reports as memories are. A video is decoded once for all metrics. What a video's score was made of
(a value a frame, say) is kept beside the features, under the score's address.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench import registry
from bench.digest import digest_bytes, digest_file, key
from bench.errors import UsageError, did_you_mean
from bench.spec import Footage as FootageSpec
from bench.spec import RunSpec, SuiteRef, System
from bench.store import Store
from bench.store_tables import PLAN
from bench.types import Case, Clip, Continue, Prompt
from bench.video.annotation import sidecar
from bench.video.footage import Footage, Item
from runners.plan import Ask, Plan, Plugin, Task
from runners.work import Clock, Rows
from suites.features.cache import FeatureCache
from suites.features.judge import judge
from suites.features.memory import keep_freed_memory
from suites.features.plugins import identity, open_model
from suites.features.protocols import Evidence, VideoMetric
from suites.features.said import Said, read_said
from suites.judging.kept import Spent, answered_by, spent
from suites.judging.named import open_judge
from suites.judging.protocol import Judge
from suites.vbench2.dimensions import PREFIX

SUITE, VERSION = "perceptual", "1"
_VIDEOS = Plugin("videos", {}, "")  # stands where a run has a memory and a generator: the videos are there already


@dataclass(frozen=True)
class Beside:
    """What decides scores beside the videos, as the user names it; workers open it themselves.

    `prompts` is read by `suites/features/said.py`; without it a video's storyboard, or its caption in the folder's
    manifest, says what it should show. `judge` is read by `suites/judging/named.py`, `models` (kind, reference) by
    `suites/features/plugins.py`. `at_once` processes ask the judge, each at its part of the rate.
    """

    prompts: Path | None = None
    judge: str | None = None
    models: tuple[tuple[str, str], ...] = ()
    at_once: int = 1

    def __getstate__(self) -> dict[str, Any]:  # what is opened stays here: models do not cross process borders
        return {"prompts": self.prompts, "judge": self.judge, "models": self.models, "at_once": self.at_once}

    @cached_property
    def said(self) -> Said | None:
        return None if self.prompts is None else read_said(self.prompts)

    @cached_property
    def opened(self) -> Mapping[str, Any]:
        """The user's models by kind."""
        return {kind: open_model(kind, ref) for kind, ref in self.models}

    def asked(self, store: Store) -> Judge | None:
        """The judge, with what it answered before."""
        return None if self.judge is None else open_judge(self.judge, _answers(store), self.at_once)


NOTHING = Beside()


def build(
    name: str,
    systems: Mapping[str, Footage],
    folders: Mapping[str, Path],
    metrics: Sequence[str],
    beside: Beside = NOTHING,
) -> Plan:
    """Every video of every system against every metric (references of kind `video-metric`); nothing is computed.

    Raises UsageError for an unknown metric, one whose judge or model is not named, or prompts that name no video.
    """
    judges = {ref: _metric(ref) for ref in metrics}
    asked = None if beside.judge is None else open_judge(beside.judge, Path())
    _check(judges.values(), beside)
    found = _Found(judges, beside, asked)
    for system, footage in systems.items():
        found.take(system, footage)
    unasked = found.unasked(item for footage in systems.values() for item in footage.items)
    rows = found.rows
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
        tasks=tuple(found.tasks),
        problems=found.problems,
        unavailable={m.name: missing for m in judges.values() if (missing := _missing(m, asked)) is not None},
        metrics={m.name: m.version for m in judges.values()},
        warnings=(
            *(f"{system}: {text}" for system, footage in systems.items() for text in footage.warnings),
            *(f"{ref} has no row: {beside.prompts} asks it of none of these videos" for ref in unasked),
            *_cautions(judges.values(), found.prompted),
        ),
    )


@dataclass
class _Found:
    """What a plan is made of, system by system."""

    judges: Mapping[str, VideoMetric]  # by reference
    beside: Beside
    asked: Judge | None
    rows: list[dict[str, Any]] = field(default_factory=list)  # of the plan's table
    tasks: list[Task] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    prompted: dict[str, None] = field(default_factory=dict)  # prompts in order, each once
    counts: Counter[str] = field(default_factory=Counter)  # videos of which a metric is asked, by reference

    def take(self, system: str, footage: Footage) -> None:
        """All videos of a system."""
        shown = {item.name: _storyboard(item, self.beside.said) for item in footage.items}
        numbered: dict[str, list[Item]] = {}
        for item in footage.items:
            numbered.setdefault(_base(_stem(item.name)), []).append(item)
        groups = _groups({_stem(one): " ".join(line.text for line in lines) for one, lines in shown.items()})
        for item in footage.items:
            self._take(system, item, shown[item.name], groups[_stem(item.name)], numbered[_base(_stem(item.name))])

    def _take(self, system: str, item: Item, lines: tuple[Prompt, ...], group: str, together: Sequence[Item]) -> None:
        """One video; `together` are those that were made for its prompt, itself included."""
        self.prompted |= dict.fromkeys(line.text for line in lines)
        mine = {
            ref: metric
            for ref, metric in self.judges.items()
            if (item is together[0] or not getattr(metric, "once_a_prompt", False))
            and _asks(metric, item, self.beside.said)
        }
        self.counts.update(mine.keys())
        if not mine:
            return
        known = _known(item, lines, self.beside, self.asked) | {"siblings": [_content(one) for one in together]}
        ask, case_key = _ask(system, item, lines, mine, known)
        self.rows += [_row(item, group, case_key, ask, ref, metric) for ref, metric in mine.items()]
        if item.clip is None:
            self.problems[ask.prediction_key] = item.problem or "cannot be read"
        else:
            self.tasks.append(_task(_stem(item.name), group, item.clip, lines, case_key, ask))

    def unasked(self, items: Iterable[Item]) -> list[str]:
        """The metrics that no video is asked for. Raises UsageError when the user's prompts ask for nothing at all."""
        said = self.beside.said
        if said is not None and not self.prompted:
            every = [_stem(item.name) for item in items]
            raise UsageError(
                f"{self.beside.prompts} has a prompt for none of the videos.",
                did_you_mean(next(iter(said.prompts), ""), every),
            )
        unasked = [ref for ref in self.judges if not self.counts[ref]]
        if unasked and not self.rows:
            raise UsageError(
                f"{self.beside.prompts} asks nothing of these videos for {', '.join(unasked)}.",
                "Name dimensions that it asks of them, or give the folder of these dimensions' videos.",
            )
        return unasked


def _row(item: Item, group: str, case_key: str, ask: Ask, ref: str, metric: VideoMetric) -> dict[str, Any]:
    return {
        "case": _stem(item.name),
        "group": group,
        "file": item.name,
        "tags": list(item.tags),
        "horizon_s": None,
        "case_key": case_key,
        "system": ask.system,
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


def watch(task: Task, store: Store, session: str, beside: Beside = NOTHING) -> None:
    """Judge the video of a task by the metrics that are missing, and store the rows."""
    keep_freed_memory()
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
                Evidence(
                    case.clip,
                    storyboard=case.request.storyboard,
                    annotation=annotation,
                    judge=beside.asked(store),
                    questions={} if beside.said is None else beside.said.question(case.clip.path.name),
                    models=beside.opened,
                ),
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


def paid(store: Store) -> Spent:
    """What judges were ever paid for the answers in this store."""
    return spent(_answers(store))


def other_models(store: Store, beside: Beside) -> list[str]:
    """The models that answered as this run's judge, as the server calls them; none when that is the one in its name."""
    if beside.judge is None:
        return []
    name = open_judge(beside.judge, Path()).name
    models = answered_by(_answers(store), name)
    return [] if len(models) == 1 and models[0] in name.split() else models


def _answers(store: Store) -> Path:
    return store.root / "cache" / "answers"


def _asks(metric: VideoMetric, item: Item, said: Said | None) -> bool:
    """Whether a metric is meant for a video. A benchmark's list has a say in it: it asks each of VBench-2.0's
    dimensions, and those of VBench that look for something, of some prompts' videos only. A video that the list does
    not know fails, with the reason."""
    listed = {} if said is None else said.question(item.name)
    return not listed or (of_list := _of_list(metric)) is None or of_list in listed


def _of_list(metric: VideoMetric) -> str | None:
    """The name by which a benchmark's list asks for what this metric measures, None where it asks it of any video."""
    if metric.name.startswith(PREFIX):
        return metric.name.removeprefix(PREFIX)
    return getattr(metric, "of_list", None)


def _ask(
    system: str,
    item: Item,
    lines: tuple[Prompt, ...],
    judges: Mapping[str, VideoMetric],
    known: Mapping[str, Any],
) -> tuple[Ask, str]:
    case_key = key("case", suite=SUITE, version=VERSION, case=_stem(item.name), prompts=known["prompt"])
    prediction_key = key("video", content=_content(item))
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


def _known(item: Item, lines: tuple[Prompt, ...], beside: Beside, asked: Judge | None) -> dict[str, Any]:
    """All that a metric may read of a video, in the form that goes into the address of its score."""
    answered = _stem(item.name) if asked is not None and asked.name.startswith("answers ") else None
    return {
        "prompt": [[line.at_s, line.text] for line in lines],
        "annotation": digest_file(item.annotation) if item.annotation else None,
        "judge": None if asked is None else [asked.name, answered],
        "questions": {} if beside.said is None else beside.said.question(item.name),
        **{kind: identity(model) for kind, model in beside.opened.items()},
    }


def _check(metrics: Iterable[VideoMetric], beside: Beside) -> None:
    """Raises UsageError for a metric that reads what nobody named."""
    here = {"prompt", "annotation", "siblings", *beside.opened, *(("judge",) if beside.judge else ())}
    if beside.said is not None:
        here.add("questions")
    for metric in metrics:
        for what in metric.reads:
            if what not in here:
                raise UsageError(
                    f"{metric.name} needs {_NEEDED.get(what, f'a model of kind {what!r}')}.", _how(what, metric)
                )


_NEEDED = {"judge": "a judge", "questions": "the questions of its benchmark"}


def _how(what: str, metric: VideoMetric) -> str:
    questions = "vbench2-prompts" if metric.name.startswith(PREFIX) else "vbench-prompts"
    return {
        "interpolator": "Bring one: --model interpolator=runners.amt:Amt (VBench's, for non-commercial use)",
        "judge": "Name one: --judge answers.csv, or --judge 'http://localhost:8000/v1?model=NAME'",
        "questions": f"Give them: keepframe weights fetch {questions}, then --prompts {questions}",
    }.get(what, f"Bring one: --model {what}=./mine.py:Attr")


def _missing(metric: VideoMetric, asked: Judge | None) -> str | None:
    return metric.available() or (asked.available() if asked is not None and "judge" in metric.reads else None)


def _task(stem: str, group: str, clip: Clip, lines: tuple[Prompt, ...], case_key: str, ask: Ask) -> Task:
    case = Case(stem, clip, Continue(lines, clip.duration_s), group, 0.0, 0.0)
    return Task(case, case_key, None, float(clip.fps), {}, False, 0, (ask,))


def _groups(prompts: Mapping[str, str]) -> dict[str, str]:
    """Case -> the statistical unit, from case -> prompt. `a cat-0` to `a cat-4` of one prompt are one unit, since
    what is hard about the prompt is hard for all five; `take-0` and `take-1` without a prompt are two."""
    bases = {case: _base(case) for case in prompts}
    tries = Counter((bases[case], prompt) for case, prompt in prompts.items() if prompt)
    return {case: bases[case] if tries[bases[case], prompt] > 1 else case for case, prompt in prompts.items()}


def _base(case: str) -> str:
    return re.sub(r"-\d+$", "", case)


def _cautions(judges: Iterable[VideoMetric], prompts: Iterable[str]) -> list[str]:
    """What the metrics that can run have to say about the prompts, each thing once."""
    said = [
        caution(list(prompts))
        for judge in judges
        if (caution := getattr(judge, "caution", None)) is not None and judge.available() is None
    ]
    return list(dict.fromkeys(one for one in said if one))


def _storyboard(item: Item, said: Said | None) -> tuple[Prompt, ...]:
    return item.storyboard if said is None else said.lines(item.name)


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
    metric = registry.made("video-metric", ref)
    if not isinstance(metric, VideoMetric):
        raise UsageError(
            f"{ref} is not a metric of videos: it lacks one of name, version, unit, better, reads, available, "
            "features, __call__.",
            "See VideoMetric in suites/features/protocols.py.",
        )
    return metric
