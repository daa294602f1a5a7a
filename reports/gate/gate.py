"""One check from end to end: two subjects and a policy in, a verdict that is written down out."""

from dataclasses import replace

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
    return decided, joined


def refused(error: KeepframeError, baseline: str, candidate: str) -> Check:
    """The check that came to nothing, with its reason, for the reports. The sides are as they were typed."""
    verdict: Verdict = "not comparable" if isinstance(error, NotComparableError) else "inconclusive"
    nobody = [Side(reference, "", "", None, {}) for reference in (baseline, candidate)]
    reasons = tuple(part for part in (error.what, error.mend) if part)
    return Check(verdict, reasons, nobody[0], nobody[1], None, 0, (), (), (), None, (), ())


def report_name(decided: Check) -> str:
    """The file name of the page about this check: one for each pair of runs and systems."""
    sides = [[side.run, side.system] for side in (decided.baseline, decided.candidate)]
    return f"{key('page', sides=sides)[:12]}.html"
