"""How often one may look: an inconclusive check may be extended by new videos, but not retried until it is green.

The rule. A check of one candidate against one baseline has at most K looks (`looks` of the policy, 3 by default), and
its alpha is shared out beforehand: half to the first look, half of what is left to each further one, all of the rest
to the last (0.025, 0.0125, 0.0125 of 0.05). The chance of a false answer at any of the looks is at most their sum,
alpha, whatever their sizes and however they depend on each other (Bonferroni). Each look must contain every case of
the one before; the same cases again are the same look, with the same answer. A look that found a regression stands.

The looks are written down in the store, by the addresses of the two predictions of every case: another candidate, or
another version of its code, is another pair. They cannot be had anew by another policy.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from bench.digest import key
from bench.errors import KeepframeError, StoreError, UsageError
from bench.store import Store
from reports.gate.policy import Policy
from reports.gate.say import count
from reports.gate.verdicts import Look, Verdict


class LooksSpentError(KeepframeError):
    """The last look was inconclusive, and that is the answer."""

    exit_code = 4


@dataclass(frozen=True)
class Past:
    """A look that was taken."""

    cases: tuple[str, ...]  # addresses, sorted
    videos: int
    verdict: Verdict  # by the differences alone: a failure may be mended
    at: float  # seconds since the epoch

    def __str__(self) -> str:
        return f"{self.verdict} on {count(self.videos, 'video')}"


def share(alpha: float, number: int, of: int) -> float:
    """The alpha of look `number` (from 1) of `of`.

    >>> [share(0.05, k, 3) for k in (1, 2, 3)], share(0.05, 1, 1)
    ([0.025, 0.0125, 0.0125], 0.05)
    """
    return alpha / 2.0 ** min(number, of - 1)


class Ledger:
    """The looks at one pair of systems. `cases` are addresses of what both answered, see `addresses`.

    Raises UsageError where the pair was looked at under another policy, StoreError for a damaged file.
    """

    def __init__(self, store: Store, cases: tuple[str, ...], policy: Policy) -> None:
        self._cases, self._policy = cases, policy
        self._path, self._past = store.root / "checks" / f"{key('check', cases=cases)}.json", []
        for path in sorted(self._path.parent.glob("*.json")):
            recorded, past = _read(path)
            if any(not set(cases).isdisjoint(one.cases) for one in past):
                self._path, self._past = path, past
                if recorded != policy.digest:
                    raise UsageError(
                        f"These two were checked under another policy ({past[-1]}).",
                        f"Margins are not chosen afterwards: give the policy of then. To begin anew, delete {path}.",
                    )
                break

    def look(self) -> Look:
        """Which look these cases are.

        Raises UsageError where they are not the cases of the last look and more, and LooksSpentError after the last.
        """
        of, cases = self._policy.looks, self._cases
        number = next((i for i, past in enumerate(self._past, 1) if past.cases == cases), len(self._past) + 1)
        if number > len(self._past):
            left_out = len(set(self._past[-1].cases) - set(cases)) if self._past else 0
            if left_out:
                raise UsageError(
                    f"These two were checked before ({self._past[-1]}), and {left_out} of those cases are not here.",
                    "A check is extended by new videos beside the old ones. keepframe compare looks at a part of them.",
                )
            if number > of:
                raise LooksSpentError(
                    f"All {of} looks are spent: {', then '.join(map(str, self._past))}.",
                    "Check a new candidate, with as many videos as the last check asked for from the start.",
                )
        earlier = tuple(str(past) for past in self._past[: number - 1])
        return Look(number, of, share(self._policy.alpha, number, of), earlier)

    def regressed_before(self, look: Look) -> Past | None:
        """The first of the looks before this one that showed a regression."""
        return next((past for past in self._past[: look.number - 1] if past.verdict == "regressed"), None)

    def write(self, look: Look, videos: int, verdict: Verdict) -> None:
        """Note the look. The same look again replaces itself: it has no new draw in it."""
        self._past[look.number - 1 : look.number] = [Past(self._cases, videos, verdict, time.time())]
        document = {"policy": self._policy.digest, "looks": [asdict(past) for past in self._past]}
        aside = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(document, indent=1), encoding="utf-8")
            aside.replace(self._path)
        except OSError as error:
            raise StoreError(f"Cannot write {self._path}: {error.strerror}.", "Mend the permissions.") from error


def _read(path: Path) -> tuple[str, list[Past]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        past = [Past(**{**one, "cases": tuple(one["cases"])}) for one in document["looks"]]
        return str(document["policy"]), past
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: {error}.", "Restore it: it says how often was looked.") from error


def addresses(planned: pa.Table, baseline: str, candidate: str) -> tuple[str, ...]:
    """One address a case, made of the two systems' predictions of it; sorted."""
    pairs: dict[str, dict[str, str]] = {}
    columns = (planned[name].to_pylist() for name in ("case_key", "system", "prediction_key"))
    for case, system, prediction in zip(*columns, strict=True):
        pairs.setdefault(case, {})[system] = prediction
    return tuple(sorted(key("pair", one=p.get(baseline), other=p.get(candidate)) for p in pairs.values()))
