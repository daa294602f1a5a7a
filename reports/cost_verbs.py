"""The verb `keepframe cost`: what a memory and the generator that reads it cost, in time, memory and work."""

from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bench.errors import NotComparableError, UsageError
from bench.types import Size
from runners.console import last_line, out, progress, say
from runners.verbs import Json, StorePath
from suites.cost.profile import MOST_WARMING

if TYPE_CHECKING:
    from reports.cost import Figures
    from runners.meter_pairs import Pairs
    from runners.meter_resume import Earlier
    from suites.cost.profile import Profile


@Parameter(name="*")
@dataclass(frozen=True)
class What:
    """The configurations: one for every rate and length of history."""

    size: Annotated[str, Parameter(help="The backbone: nano, wan-14b or hunyuan.")] = "nano"
    layers: Annotated[int | None, Parameter(help="Layers of the DiT to build; default: all.")] = None
    rate: Annotated[
        list[str] | None, Parameter(help="HxWxT, or none for latents as they are; may be repeated.", negative="")
    ] = None
    history_s: Annotated[list[float] | None, Parameter(help="Seconds of history; may be repeated.", negative="")] = None
    frame: Annotated[str | None, Parameter(help="Size of frames, such as 832x480.")] = None
    steps: Annotated[int, Parameter(help="Steps of the sampler.")] = 4
    isolated: Annotated[bool, Parameter(help="Memory is prefilled once per section.", negative="")] = False
    trained: Annotated[bool, Parameter(help="The weights that ship; default: random ones.", negative="")] = False
    device: Annotated[str, Parameter(help="cpu, or cuda.")] = "cpu"
    dtype: Annotated[
        Literal["float32", "bfloat16"] | None, Parameter(help="Default: bfloat16 on a GPU, else float32.")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sections: Annotated[int, Parameter(help="Warm sections to measure.")] = 12
    most_warming: Annotated[int, Parameter(help="Sections after which a warm-up ends, settled or not.")] = MOST_WARMING
    again: Annotated[bool, Parameter(help="Also measure what was measured before.", negative="")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Against:
    """Another version to compare with: what differs is its baseline."""

    against_rate: Annotated[str | None, Parameter(help="The baseline's rate.")] = None
    against_layers: Annotated[int | None, Parameter(help="The baseline's layers.")] = None
    against_code: Annotated[Path | None, Parameter(help="Another checkout, whose code is the baseline.")] = None
    rounds: Annotated[int, Parameter(help="Rounds of A-B-B-A, four processes each.")] = 6
    minimum: Annotated[float, Parameter(help="The least effect that counts: 0.05 is 5 %.")] = 0.05

    @property
    def asked(self) -> bool:
        """Whether there is a baseline."""
        return any(one is not None for one in (self.against_rate, self.against_layers, self.against_code))


def cost(
    *,
    what: What | None = None,
    effort: Effort | None = None,
    budget_gb: Annotated[
        list[float] | None, Parameter(help="Also: does it fit a card of so many GB? (simulated)", negative="")
    ] = None,
    against: Against | None = None,
    store: StorePath = Path("results"),
    form: Annotated[Literal["terminal", "markdown"], Parameter(name="--format", help="How to print it.")] = "terminal",
    json: Json = False,
) -> int:
    """What does it cost: load, encode, compress, denoise, decode, write; time, memory, FLOPs; does it fit?

    Every configuration runs in a fresh process, once for time and once for memory. The weights are random unless
    --trained is given, since cost does not depend on their values: so the paper's sizes can be profiled, with part of
    their layers where the whole does not fit. With a baseline (--against-…) the two are run interleaved, A-B-B-A, and
    the exit code is 0 (no slower), 3 (slower) or 4 (inconclusive). Running it again finishes what is missing: what was
    measured in the same environment is not measured again, unless --again asks for it.

    Examples:

        keepframe cost --rate 4x4x2 --rate none --history-s 5 --history-s 10 --history-s 20 --history-s 60

        keepframe cost --size wan-14b --layers 1 --frame 128x64 --history-s 2 --dtype bfloat16

        keepframe cost --size wan-14b --layers 4 --device cuda --budget-gb 12 --budget-gb 24

        keepframe cost --size nano --against-code ../main
    """
    from runners import devices, meter_ballast

    what, effort, against = what or What(), effort or Effort(), against or Against()
    if effort.sections < 1:
        raise UsageError(f"{effort.sections} sections cannot be measured.", "Take 1 or more; 59 give a p95.")
    if effort.most_warming < 0:
        raise UsageError(f"A warm-up has no {effort.most_warming} sections.", "Take 0 or more.")
    if budget_gb:
        meter_ballast.check(what.device, budget_gb)
        if against.asked:
            raise UsageError("A comparison is of times, and has no budgets.", "Leave out --budget-gb, or --against-….")
    devices.check(what.device)  # before anything heavy is imported or started
    profiles = _profiles(what)
    if against.asked:
        return _compare(profiles, against, effort, store, json=json)
    return _measure(profiles, effort, [round(gb * 1e9) for gb in budget_gb or ()], store, form, json=json)


def _profiles(what: What) -> "list[Profile]":
    from suites.cost.profile import profile

    asked = [
        profile(
            what.size,
            layers=what.layers,
            rate=rate,
            history_s=history_s,
            frame=_size(what.frame),
            device=what.device,
            **({} if what.dtype is None else {"dtype": what.dtype}),
            steps=what.steps,
            isolated=what.isolated,
            weights="trained" if what.trained else "random",
        )
        for rate in what.rate or ["4x4x2"]
        for history_s in what.history_s or [20.0]
    ]
    return list(dict.fromkeys(asked))


def _measure(
    profiles: "list[Profile]", effort: Effort, budgets: list[int], root: Path, form: str, *, json: bool
) -> int:
    from bench.store import Store
    from reports import cost_text
    from reports.cost import figures, growth
    from reports.cost_page import write_page
    from runners.meter_process import Request
    from runners.meter_resume import Earlier

    opened = Store(root)
    earlier = Earlier(opened, effort.again)
    measured: list[Figures] = []
    steps, done = len(profiles) * (2 + len(budgets)), count()
    with progress() as report:

        def step(what: str) -> None:
            report("measure", next(done), steps, what)

        for one in profiles:
            timed = Request(one, "time", effort.sections, most_warming=effort.most_warming)
            measured.append(figures(earlier.complete([timed, Request(one, "memory", 1)], step)))
            for budget in budgets:
                measured.append(figures(earlier.complete([Request(one, "memory", 1, budget_bytes=budget)], step)))
        step("")
    grown = growth([one for one in measured if one.cost.time is not None])
    grids = [cost_text.overview(measured), *(cost_text.stages(one) for one in measured)]
    for grid in [*(one for one in grids if one[2]), *([cost_text.curves(grown)] if grown else [])]:
        if form == "markdown":
            print(cost_text.markdown(grid))
        else:
            cost_text.show(grid, out)
    for note in dict.fromkeys(note for one in measured for note in one.notes):
        say(f"note: {note}")
    _say_reused(earlier)
    page = write_page(measured, grown, opened.root / "costs" / f"{measured[0].cost.key}.html")
    say(f"Report: {page}")
    if json:
        last_line({**cost_text.document(measured, grown), "reused": earlier.reused, "report": str(page)})
    return 0


def _say_reused(earlier: "Earlier") -> None:
    """What was not measured now, and what was although it had been."""
    lines = []
    if earlier.reused:
        lines.append(f"Measured before and reused: {'; '.join(earlier.reused)}. --again measures anew.")
    if earlier.anew:
        lines.append(f"Measured anew: {'; '.join(earlier.anew)}.")
    for line in lines:
        say(line)


def _compare(profiles: "list[Profile]", against: Against, effort: Effort, root: Path, *, json: bool) -> int:
    from dataclasses import replace

    from bench.store import Store
    from reports import cost_text
    from runners.meter_process import Request
    from runners.meter_resume import Earlier
    from suites.cost.summary import compared, rounds_needed

    if len(profiles) != 1:
        raise UsageError("A comparison is of one configuration with one baseline.", "Give one --rate and one length.")
    if against.rounds < 2 or not against.minimum > 0:
        raise UsageError(
            f"{against.rounds} rounds with a minimum effect of {against.minimum:g} decide nothing.",
            "Take 2 rounds or more, and a minimum above 0.",
        )
    candidate = profiles[0]
    changed: dict[str, Any] = {"rate": against.against_rate, "layers": against.against_layers}
    baseline = replace(candidate, **{name: value for name, value in changed.items() if value is not None})
    if against.against_code is not None and not (against.against_code / "runners" / "meter_child.py").is_file():
        raise NotComparableError(
            f"{against.against_code} is no checkout that can measure costs.", "Name the root of a repository of ours."
        )
    request = Request(candidate, "time", effort.sections, most_warming=effort.most_warming)
    requests = replace(request, profile=baseline, code=against.against_code), request
    earlier = Earlier(Store(root), effort.again)
    with progress() as report:
        pairs = earlier.compared(requests, against.rounds, partial(report, "measure"))
    found = {stage: compared(logs, against.minimum) for stage, logs in pairs.log_ratios.items()}
    cost_text.show(cost_text.ratios(found), out)
    _say_reused(earlier)
    verdict, minimum = found["section"].verdict, against.minimum
    needed = rounds_needed(pairs.log_ratios["section"], minimum) if verdict == "inconclusive" else None
    code = "" if against.against_code is None else f" (code of {against.against_code})"
    names = candidate.name, baseline.name + code
    same = ["The two are the same: what is seen is noise."] if not code and baseline == candidate else []
    for line in (cost_text.judged(found["section"], names, minimum, needed), *same, *_busy(pairs)):
        say(line)
    if json:
        last_line(
            {
                "verdict": verdict,
                "minimum_effect": minimum,
                "rounds_needed": needed,
                "candidate": candidate.as_dict(),
                "baseline": baseline.as_dict(),
                "commits": sorted({str(d["environment"]["commit"]) for _, d in pairs.documents}),
                "stages": {stage: one._asdict() for stage, one in found.items()},
                "log_ratios": pairs.log_ratios,
                "reused": earlier.reused,
            }
        )
    return {"slower": 3, "inconclusive": 4}.get(verdict, 0)


def _busy(pairs: "Pairs") -> list[str]:
    """A line about a machine that had other work."""
    loads = [max(document["load"]) for _, document in pairs.documents if "load" in document]
    cores = next((document["environment"].get("cores") for _, document in pairs.documents), None) or 1
    if max(loads, default=0.0) <= cores:
        return []
    return [f"The load was up to {max(loads):.1f} on {cores} core{'s' if cores > 1 else ''}: others were at work."]


def _size(text: str | None) -> Size | None:
    """`832x480` as a size. Raises UsageError for anything else."""
    if text is None:
        return None
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise UsageError(f"{text!r} is no size of a frame.", "Write width x height in pixels, as in 832x480.")
    return Size(int(width), int(height))
