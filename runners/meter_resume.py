"""Running the same command again is the resume, for costs as for runs: what a store has is not measured again.

The same is: the same profile, measured as long, in the same environment. How it ended does not matter, since running
out of memory is a result, too. Passes are stored as they end, so a command that was killed loses the one it was at.
"""

import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.store import Store
from runners import meter_process
from runners.meter_pairs import Pairs, Report, Round, interleaved
from runners.meter_process import Request
from runners.meter_store import Cost, load, save

Document = dict[str, Any]


@dataclass
class Earlier:
    """What was measured before in a store; nothing counts as that where everything is wanted `again`."""

    store: Store
    again: bool = False
    reused: list[str] = field(default_factory=list)  # what to tell of it, in the order of the work
    anew: list[str] = field(default_factory=list)  # what was there, of another environment

    def __post_init__(self) -> None:
        self._costs = [] if self.again else load(self.store)
        self._environments: dict[tuple[str, str], Document] = {}

    def complete(self, requests: Sequence[Request], report: Callable[[str], None]) -> Cost:
        """One configuration, by a request for each pass: what is missing of it is measured, and stored pass by pass."""
        cost = self._find(requests)
        there = [] if cost is None else [one.kind for one in requests if getattr(cost, one.kind) is not None]
        if cost is not None and there:
            outcome = "" if cost.outcome == "done" else f", {cost.outcome}"
            self.reused.append(f"{_named(requests[0])} ({' and '.join(there)}, {_when(cost.saved_at)}{outcome})")
        for request in requests:
            report(f"{_named(request)}: {request.kind}")
            if request.kind not in there:
                found = meter_process.measure(request)
                cost = save(self.store, request.profile, {request.kind: found}, beside=cost)
        assert cost is not None
        return cost

    def compared(self, versions: tuple[Request, Request], rounds: int, report: Report) -> Pairs:
        """Baseline and candidate in `rounds` of A-B-B-A: the latest comparison of these two goes on where it was."""
        before = self._rounds(versions)
        comparison = next(reversed(before), f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
        there = before.get(comparison, [])
        if there:
            self.reused.append(f"{len(there)} round{'s' if len(there) > 1 else ''} ({comparison})")
        ids = itertools.count(len(there))

        def keep(found: Round) -> None:
            index = next(ids)
            for place, (arm, document) in enumerate(found):
                where = {"of": comparison, "round": index, "place": place, "arm": arm}
                save(self.store, versions["AB".index(arm)].profile, {"time": document}, comparison=where)

        return interleaved(*versions, rounds, report, before=there, keep=keep)

    def _rounds(self, versions: tuple[Request, Request]) -> dict[str, list[Round]]:
        """The whole rounds of these two versions, by comparison, the latest last."""
        found: dict[str, dict[int, dict[int, tuple[str, Document]]]] = {}
        for cost in self._costs:
            at = cost.comparison
            if at is None or cost.time is None or not self._is(cost, versions["AB".index(at["arm"])], cost.time):
                continue
            document = {**cost.time, "environment": cost.environment, "samples": [asdict(s) for s in cost.samples]}
            found.setdefault(at["of"], {}).setdefault(at["round"], {})[at["place"]] = (at["arm"], document)
        whole: dict[str, list[Round]] = {
            of: [[places[place] for place in range(4)] for _, places in sorted(rounds.items()) if len(places) == 4]
            for of, rounds in found.items()
        }
        return {of: rounds for of, rounds in whole.items() if rounds}

    def _find(self, requests: Sequence[Request]) -> Cost | None:
        """The latest that fits. What a comparison left is no measurement of its own: there are too many of them."""
        mine = [c for c in self._costs if c.comparison is None and _asked_so(c, requests)]
        same = [c for c in mine if self._is(c, requests[0])]
        if mine and not same:
            changed = _changed(mine[-1].environment, self._environment(requests[0]))
            self.anew.append(f"{_named(requests[0])} ({', '.join(changed)} changed since {_when(mine[-1].saved_at)})")
        return same[-1] if same else None

    def _is(self, cost: Cost, request: Request, document: Document | None = None) -> bool:
        if cost.profile != request.profile or (document is not None and document.get("asked") != request.asked):
            return False
        here = self._environment(request)
        return bool(here) and cost.key == request.profile.key(here)

    def _environment(self, request: Request) -> Document:
        """Asked of a process as it will be measured in, once a device and checkout."""
        where = request.profile.device, str(request.code)
        if where not in self._environments:
            self._environments[where] = meter_process.environment(request)
        return self._environments[where]


def _asked_so(cost: Cost, requests: Sequence[Request]) -> bool:
    """Whether the passes that it has were asked for in just this way."""
    asked = {one.kind: one.asked for one in requests}
    passes = {kind: one for kind, one in (("time", cost.time), ("memory", cost.memory)) if one is not None}
    same = all(kind in asked and one.get("asked") == asked[kind] for kind, one in passes.items())
    return bool(passes) and same and cost.profile == requests[0].profile


def _changed(before: Document, now: Document) -> list[str]:
    names = [name for name in {**before, **now} if name != "commit" and before.get(name) != now.get(name)]
    return names or ["something"]


def _named(request: Request) -> str:
    budget = "" if request.budget_bytes is None else f" in {request.budget_bytes / 1e9:g} GB"
    return request.profile.name + budget


def _when(saved_at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(saved_at))
