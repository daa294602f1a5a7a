"""One check from end to end: two subjects and a policy in, a verdict that is written down out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.digest import key
from bench.errors import KeepframeError, NotComparableError
from bench.store import Results, Store
from reports.gate import noise
from reports.gate.decide import decide
from reports.gate.looks import Ledger, LooksSpentError, addresses
from reports.gate.pair import BASELINE, CANDIDATE, pair
from reports.gate.policy import Policy
from reports.gate.subject import Subject
from reports.gate.verdicts import Check, Side, Verdict, overall

REFUSALS = (NotComparableError, LooksSpentError)  # answers, not accidents: they have a report and an exit code

# packages whose version may change a score: those that decode, scale, encode, and compute
PACKAGES = ("av", "decord", "imageio-ffmpeg", "lpips", "numpy", "opencv-python-headless", "torch", "torchvision")


def check(store: Store, baseline: Subject, candidate: Subject, policy: Policy) -> tuple[Check, Results]:
    """The verdict on the candidate, and the tables of both (see `reports.gate.pair`). The look is noted in the store.

    Raises NotComparableError or LooksSpentError where there is no answer to be had, UsageError for a policy that does
    not fit.
    """
    joined = pair((baseline.results, baseline.side.system), (candidate.results, candidate.side.system))
    versions = {**dict(zip(*(joined.planned[c].to_pylist() for c in ("metric", "metric_version")), strict=True))}
    found = [noise.find(store, s.results.run, s.side.system) for s in (baseline, candidate)]
    floors = noise.floors_of(found, versions)
    floors |= {name: max(value, floors.get(name, 0.0)) for name, value in baseline.noise.items() if name in versions}
    ledger = Ledger(store, addresses(joined.planned, BASELINE, CANDIDATE), policy)
    look = ledger.look()
    decided = decide(joined, policy, look, floors, (baseline.side, candidate.side))
    ledger.write(look, decided.videos, overall({m.shown for m in decided.metrics if m.role == "gate"}))
    earlier = ledger.regressed_before(look)
    if earlier is not None and decided.verdict != "regressed":
        reason = f"An earlier look showed a regression ({earlier}), and that stands: more videos do not undo it."
        decided = replace(decided, verdict="regressed", reasons=(reason, *decided.reasons))
    lines = environment_warnings(baseline.side.environment, candidate.side.environment)
    return replace(decided, warnings=(*decided.warnings, *lines)), joined


def deciding(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What of an environment may change a score; the rest of it is in run.json."""
    packages = environment.get("packages") or {}
    names = ("keepframe", "commit", "python", "platform", "processor", "device")
    kept = {name: environment.get(name) for name in names}
    return {**kept, "packages": {name: packages[name] for name in PACKAGES if name in packages}}


def environment_warnings(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for what differs between the machines of the two; empty where nothing does."""
    one, other = deciding(baseline), deciding(candidate)
    pairs = [("processor", one["processor"], other["processor"]), ("Python", one["python"], other["python"])]
    if one["device"] and other["device"]:  # it was not always written down
        pairs.append(("device", one["device"], other["device"]))
    names = dict.fromkeys([*one["packages"], *other["packages"]])
    pairs += [(name, one["packages"].get(name), other["packages"].get(name)) for name in names]
    said = ", ".join(f"{name} {mine} and {theirs}" for name, mine, theirs in pairs if mine != theirs)
    line = f"Baseline and candidate were measured with {said}: keepframe calibrate says what that may change."
    return (line,) if said and baseline and candidate else ()


def refused(error: KeepframeError, baseline: str, candidate: str) -> Check:
    """The check that came to nothing, with its reason, for the reports. The sides are as they were typed."""
    verdict: Verdict = "not comparable" if isinstance(error, NotComparableError) else "inconclusive"
    nobody = [Side(reference, "", "", {}, {}) for reference in (baseline, candidate)]
    reasons = tuple(part for part in (error.what, error.mend) if part)
    return Check(verdict, reasons, nobody[0], nobody[1], None, 0, (), (), (), None, (), ())


def report_name(decided: Check) -> str:
    """The file name of the page about this check: one for each pair of runs and systems."""
    sides = [[side.run, side.system] for side in (decided.baseline, decided.candidate)]
    return f"{key('page', sides=sides)[:12]}.html"
