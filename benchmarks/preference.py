"""Do the statistics of studies keep their promises, and how fast are they?

    python -m benchmarks.preference                     # all parts, about ten minutes
    python -m benchmarks.preference speed --studies 50  # one part; fewer simulated studies

- speed: from votes in memory to the finished ranking (reading them from a ledger: benchmarks/study.py), and 1,000
  rater-clustered bootstraps. The aims: 3 s with the reading, and 1 s.
- coverage: how often 95 % intervals of differences hold the value that all studies of the kind have on average, with
  raters and prompts that have tastes (normal, and heavy-tailed). The aim: 93 to 98 %.
- family: systems that are all equal; how often a study claims any order. The aim: at most 6 %.
- scheduling: active pairs against balanced ones. Bias and coverage are about what balanced studies find on average.

Two standard errors of a share of N studies at 95 %: 2.2 points for N = 400. The last line is JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from suites.preference.bootstrap import bootstrap
from suites.preference.elo import POINTS_PER_LOGIT
from suites.preference.findings import findings
from suites.preference.fit import fit
from suites.preference.intervals import contrasts
from suites.preference.ranking import rank
from suites.preference.record import record
from suites.preference.scheduling import chances, draw, weights
from suites.preference.tiers import standings
from suites.preference.votes import Votes, count

TIE, SIDE = 0.6, 0.3  # ν, and logits in favour of the left
SIZES = ((60, 60, 40), (40, 50, 50), (20, 20, 100), (200, 20, 20), (12, 40, 100))  # raters, prompts, votes a rater


class World(NamedTuple):
    """Strengths in logits, tastes of raters and prompts (their sd, 0.5 of it where nothing is said), and what each
    pair has on top of its strengths: where that is not 0, no ranking is quite right."""

    strengths: np.ndarray
    taste: float = 0.5
    heavy: bool = False  # Student's t with 3 degrees of freedom, scaled to the same sd
    pair: np.ndarray | float = 0.0

    def tastes(self, random: np.random.Generator, size: int) -> np.ndarray:
        shape = (size, len(self.strengths))
        drawn = random.standard_t(3, shape) / np.sqrt(3) if self.heavy else random.normal(size=shape)
        return np.asarray(self.taste * drawn)


def answered(random: np.random.Generator, d: np.ndarray) -> np.ndarray:
    """Outcomes by Davidson's model."""
    p = np.stack([np.exp(d / 2), np.exp(-d / 2), np.full(d.shape, TIE)], axis=-1)
    p /= p.sum(axis=-1, keepdims=True)
    return np.asarray((random.random(d.shape)[..., None] > p.cumsum(axis=-1)[..., :2]).sum(axis=-1))


def balanced(random: np.random.Generator, world: World, size: tuple[int, int, int]) -> Votes:
    """Votes on pairs, sides and prompts that are drawn evenly."""
    raters, prompts, each = size
    systems, total = len(world.strengths), raters * each
    rater, prompt = np.repeat(np.arange(raters), each), random.integers(prompts, size=total)
    left = random.integers(systems, size=total)
    right = (left + random.integers(1, systems, size=total)) % systems
    worth = world.strengths + world.tastes(random, raters)[rater] + world.tastes(random, prompts)[prompt]
    at = np.arange(total)
    d = worth[at, left] - worth[at, right] + np.broadcast_to(world.pair, (systems, systems))[left, right] + SIDE
    return _votes((left, right, answered(random, d), rater, prompt), (systems, raters, prompts))


def active(random: np.random.Generator, world: World, size: tuple[int, int, int]) -> tuple[Votes, np.ndarray]:
    """Votes and their propensities: each rater's pairs follow the votes of the raters before."""
    raters, prompts, each = size
    systems = len(world.strengths)
    by_rater, by_prompt = world.tastes(random, raters), world.tastes(random, prompts)
    pair = np.broadcast_to(world.pair, (systems, systems))
    counts, parts = np.zeros((systems, systems, 3)), []
    for rater in range(raters):
        chance = chances(counts)
        left, right, propensity = (
            np.array(column) for column in zip(*(draw(chance, random) for _ in range(each)), strict=True)
        )
        prompt, at = random.integers(prompts, size=each), np.arange(each)
        worth = world.strengths + by_rater[rater] + by_prompt[prompt]
        outcome = answered(random, worth[at, left] - worth[at, right] + pair[left, right] + SIDE)
        np.add.at(counts, (left, right, outcome), 1.0)
        parts.append((left, right, outcome, np.full(each, rater), prompt, propensity))
    *columns, propensity = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _votes(columns, (systems, raters, prompts)), propensity


def _votes(columns: Sequence[np.ndarray], sizes: Sequence[int]) -> Votes:
    names = [tuple(f"{what}{i}" for i in range(n)) for what, n in zip("srp", sizes, strict=True)]
    return Votes(*columns, np.zeros(len(columns[0]), dtype=np.int64), *names)


def speed(_: int) -> Iterator[dict[str, Any]]:
    for votes, systems, size in ((10_000, 10, (200, 50, 50)), (1_000_000, 20, (1_000, 200, 1_000))):
        made = balanced(np.random.default_rng(0), World(np.linspace(-1, 1, systems)), size)
        fitted = fit(count(made))

        def best(work: Callable[[], Any]) -> dict[str, float]:
            """Wall and processor seconds; on a busy machine the second says more."""
            wall, cpu = [], []
            for _ in range(3):
                start, start_cpu = time.perf_counter(), time.process_time()
                work()
                wall.append(time.perf_counter() - start)
                cpu.append(time.process_time() - start_cpu)
            return {"best_s": min(wall), "cpu_s": min(cpu)}

        jobs: dict[str, Callable[[], Any]] = {
            "count and fit": lambda v=made: fit(count(v)),
            "guarded intervals, tiers": lambda v=made, f=fitted: standings(contrasts(v, f)),
            "1,000 rater-clustered bootstraps": lambda v=made, f=fitted: bootstrap(v, f),
            "the finished ranking": lambda v=made: rank(v),
            "with all that is said beside it": lambda v=made: findings(record("speed", v)),
        }
        for job, work in jobs.items():
            yield {"votes": votes, "systems": systems, "job": job, **best(work)}


def coverage(studies: int) -> Iterator[dict[str, Any]]:
    truth = np.linspace(-0.6, 0.6, 8)
    upper = np.triu_indices(len(truth), k=1)
    kinds = {"none": World(truth, taste=0.0), "normal": World(truth), "heavy": World(truth, heavy=True)}
    for size in SIZES:
        for kind, world in kinds.items():
            random = np.random.default_rng(11)
            made = [balanced(random, world, size) for _ in range(studies)]
            found = [contrasts(votes, fit(count(votes))) for votes in made]
            held, half = _held(found, np.mean([f.difference[upper] for f in found], axis=0))
            yield {"size": _named(size), "tastes": kind, "covered_%": held, "half_width_elo": half}


def family(studies: int) -> Iterator[dict[str, Any]]:
    for size in SIZES:
        for taste in (0.0, 0.5):
            random = np.random.default_rng(5)
            world, false = World(np.zeros(8), taste), 0
            for _ in range(studies):
                votes = balanced(random, world, size)
                false += any(s.beats for s in standings(contrasts(votes, fit(count(votes)))))
            yield {"size": _named(size), "taste_sd": taste, "any_false_claim_%": 100 * false / studies}


def scheduling(studies: int) -> Iterator[dict[str, Any]]:
    size, systems = (40, 40, 40), 8
    wide = np.linspace(-2.0, 2.0, systems)
    circle = np.sign(np.subtract.outer(np.arange(systems), np.arange(systems)) % 3 - 1.0)  # i over i+1 over i+2 over i
    worlds = {
        "wide": World(wide),
        "narrow": World(wide / 4),
        "intransitive": World(wide, pair=0.8 * (circle - circle.T) / 2),
    }
    for kind, world in worlds.items():
        random = np.random.default_rng(2)
        even = [balanced(random, world, size) for _ in range(studies)]
        chosen = [active(random, world, size) for _ in range(studies)]
        weighed = [replace(votes, weight=weights(p, systems)) for votes, p in chosen]
        many = [fit(count(balanced(random, world, size))).strengths for _ in range(4 * studies)]
        middle = np.mean(many, axis=0)
        for design, made in {"balanced": even, "active": [v for v, _ in chosen], "active, weighted": weighed}.items():
            fits = [fit(count(votes)) for votes in made]
            found = [contrasts(votes, fitted) for votes, fitted in zip(made, fits, strict=True)]
            strengths = np.array([fitted.strengths for fitted in fits])
            gaps = (middle[:, None] - middle)[np.triu_indices(systems, k=1)]
            held, half = _held(found, gaps)
            off = strengths.mean(axis=0) - middle
            order = np.sign(strengths[:, :, None] - strengths[:, None, :]) == np.sign(middle[:, None] - middle)
            yield {
                "world": kind,
                "design": design,
                "worst_bias_elo": POINTS_PER_LOGIT * float(np.abs(off).max()),
                "its_error_elo": POINTS_PER_LOGIT * float(strengths.std(axis=0).max() / np.sqrt(studies)),
                "covered_%": held,
                "half_width_elo": half,
                "pairs_in_order_%": 100 * float(order[:, *np.triu_indices(systems, k=1)].mean()),
                "pairs_told_apart_%": 100
                * float(np.mean([sum(len(s.beats) for s in standings(f)) for f in found]))
                / len(gaps),
            }


def _held(found: list[Any], truth: np.ndarray) -> tuple[float, float]:
    """Percent of differences whose interval holds the truth, and the median half width in Elo points."""
    upper = np.triu_indices(len(found[0].difference), k=1)
    half = np.array([f.half_width[upper] for f in found])
    held = np.abs(np.array([f.difference[upper] for f in found]) - truth) <= half
    return 100 * float(held.mean()), POINTS_PER_LOGIT * float(np.median(half))


def _named(size: tuple[int, int, int]) -> str:
    return " x ".join(map(str, size))


PARTS = {"speed": speed, "coverage": coverage, "family": family, "scheduling": scheduling}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--studies", type=int, default=400)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    records: dict[str, list[dict[str, Any]]] = {}
    for part in options.parts or PARTS:
        print(f"== {part}", flush=True)
        records[part] = []
        for found in PARTS[part](options.studies):
            records[part].append(found)
            numbers = (f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items())
            print("  ".join(numbers), flush=True)
    print(json.dumps({"benchmark": "preference", "records": records}))


if __name__ == "__main__":
    main()
