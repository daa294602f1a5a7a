"""What a study will cost and what it will buy, in words, before anybody votes.

How many votes an interval needs depends on how much raters and prompts differ, which nobody knows before. So the plan
doubles the votes of the textbook, unless a pilot (an earlier study, with the same kind of raters and prompts) tells.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UsageError
from leaderboard.study.config import CRITERIA, StudyConfig
from suites.preference.pilot import Components, components
from suites.preference.planner import DESIGN_EFFECT, half_width, votes_needed

_MOST_RATERS = 1_000_000


@dataclass(frozen=True)
class Pilot:
    """What an earlier study measured: where the doubt about a difference of two systems comes from."""

    name: str
    systems: int
    parts: Components

    def for_systems(self, count: int) -> Components:
        """The parts in a study of so many systems: each pair of them gets the fewer of the votes, the more they are."""
        return Components(self.parts.vote * (count - 1) / (self.systems - 1), self.parts.rater, self.parts.prompt)


def read_pilot(study: Path) -> Pilot:
    """The pilot in a study's folder, an export, or a file of votes. Raises `UsageError` when it is too small."""
    from leaderboard.ranking import record_at
    from suites.preference.findings import weighed
    from suites.preference.fit import fit
    from suites.preference.record import OVERALL
    from suites.preference.votes import count

    found = weighed(record_at(study))
    votes = found.without(set(found.excluded))
    votes = votes.on(OVERALL) if OVERALL in votes.criteria else votes
    try:
        parts = components(votes, fit(count(votes)))
    except ValueError as error:
        raise UsageError(f"{study} is no pilot: {error}.", "Plan without --pilot, or collect more votes.") from None
    name = f"{found.title} ({'SIMULATED raters' if found.simulated else 'pilot'})"
    return Pilot(name, len(votes.systems), parts)


@dataclass(frozen=True)
class Plan:
    """The size of a study and the 95 % interval that is wanted around every difference, ± `wanted_elo`."""

    systems: int
    prompts: int
    raters: int
    per_rater: int
    checks: int
    wanted_elo: float
    tie_rate: float
    pilot: Pilot | None = None

    @property
    def votes(self) -> int:
        """Votes that rank, when all raters finish."""
        return self.raters * self.per_rater

    @property
    def bought(self) -> float:
        """Half of the interval that these votes buy, in Elo points."""
        if self.pilot is None:
            return half_width(self.systems, self.votes, self.tie_rate)
        return self.pilot.for_systems(self.systems).half_width(self.votes, self.raters, self.prompts)

    @property
    def needed(self) -> int | None:
        """Votes for the wanted interval. None where no number of raters buys it: these prompts are too few."""
        if self.pilot is None:
            return votes_needed(self.systems, self.wanted_elo, self.tie_rate)
        parts = self.pilot.for_systems(self.systems)
        low, high = 1, 2  # raters: too few, and perhaps enough
        while not self._enough(parts, high):
            low, high = high, 2 * high
            if high > _MOST_RATERS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._enough(parts, middle) else (middle, high)
        return high * self.per_rater

    def _enough(self, parts: Components, raters: int) -> bool:
        return parts.half_width(raters * self.per_rater, raters, self.prompts) <= self.wanted_elo

    @property
    def design_effect(self) -> float:
        """How many times more votes than independent ones this study needs: measured in the pilot, or assumed."""
        if self.pilot is None:
            return DESIGN_EFFECT
        return self.pilot.for_systems(self.systems).design_effect(self.votes, self.raters, self.prompts)

    def lines(self) -> list[str]:
        """The plan in words."""
        pairs = self.systems * (self.systems - 1) // 2
        source = f"measured in {self.pilot.name}" if self.pilot else f"assumed; {self.tie_rate:.0%} ties"
        bought = f"±{self.bought:.0f} Elo points" if math.isfinite(self.bought) else "no width"
        return [
            f"{self.systems} systems on {self.prompts} prompts: {pairs * self.prompts} comparisons",
            f"{self.raters} raters x {self.per_rater} pairs = {self.votes} votes (and {self.checks} checks a rater)",
            f"they buy intervals of about {bought} around every difference "
            f"(design effect {self.design_effect:.3g}, {source})",
            self._verdict(),
        ]

    def _verdict(self) -> str:
        wanted = f"±{self.wanted_elo:g} points"
        if self.needed is None:
            return (
                f"no number of raters buys {wanted} on {self.prompts} prompts: add prompts, or accept wider intervals"
            )
        raters = -(-self.needed // self.per_rater)
        verdict = "enough" if self.votes >= self.needed else f"plan {raters} raters, or accept wider intervals"
        return f"{wanted} need {self.needed} votes: {verdict}"


def plan_of(
    config: StudyConfig, systems: int, prompts: int, *, wanted_elo: float, tie_rate: float, pilot: Pilot | None = None
) -> Plan:
    """The plan of a study of this size. Raises `UsageError` when a rater would need pairs that there are not."""
    comparisons = systems * (systems - 1) // 2 * prompts
    if config.per_rater > comparisons:
        raise UsageError(
            f"{config.per_rater} pairs a rater, but there are only {comparisons} comparisons.",
            f"Use --per-rater {comparisons}, or more prompts.",
        )
    if config.repeats > config.per_rater:
        raise UsageError(f"{config.repeats} repeats of {config.per_rater} pairs.", "Use fewer --repeats.")
    for name in config.criteria:
        if name not in CRITERIA:
            raise UsageError(f"There is no criterion {name!r}.", f"Available: {', '.join(CRITERIA)}.")
    checks = config.gold + config.repeats + config.traps + 1
    return Plan(systems, prompts, config.raters, config.per_rater, checks, wanted_elo, tie_rate, pilot)
