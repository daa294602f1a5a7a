"""Which systems stand for the others where not all can be shown.

Twenty lines in one plot say nothing, and the best setting of every sweep is only its dearest one. So each sweep is
shown by its setting nearest to one common rate, and the rate is said.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median_low

from reports.comparison import Comparison, MetricInfo, SystemRow
from reports.glossary import BOUNDS
from reports.look import Look

MOST = 7


def common_rate(systems: Sequence[SystemRow], looks: Mapping[str, Look]) -> float | None:
    """Bytes per second of video to compare at: the middle one of the systems under test, else of the codecs and kept
    frames, else of the rest; None when nothing has a rate."""
    for roles in (("tested",), ("codec", "frames"), BOUNDS):
        rates = [r for s in systems if looks[s.name].role in roles and (r := s.costs.bytes_per_s)]
        if rates:
            return median_low(rates)
    return None


def representatives(comparison: Comparison, metric: MetricInfo, looks: Mapping[str, Look]) -> list[str]:
    """At most `MOST` systems with a score on this metric: those under test first, each sweep's setting nearest to the
    common rate, the best floor and the ceiling; in the order of the table."""
    scored = [s for s in comparison.systems if comparison.cell(s.name, metric.name).mean is not None]
    rate = common_rate(scored, looks)
    by_curve: dict[str, list[SystemRow]] = {}
    for system in scored:
        by_curve.setdefault(system.curve, []).append(system)
    nearest = [min(own, key=lambda s: (_distance(s.costs.bytes_per_s, rate), s.name)) for own in by_curve.values()]
    tested = [s for s in nearest if looks[s.name].role == "tested"]
    others = [s for s in nearest if looks[s.name].role in ("codec", "frames")]
    floors = [s for s in nearest if looks[s.name].role == "floor"] or [
        s for s in nearest if looks[s.name].role == "control"
    ]
    ceilings = [s for s in nearest if looks[s.name].role == "ceiling"]
    chosen = {s.name for s in [*floors[:1], *ceilings[:1], *tested, *others][:MOST]}
    return [s.name for s in scored if s.name in chosen]


def _distance(rate: float | None, wanted: float | None) -> float:
    return abs(math.log(rate / wanted)) if rate and wanted else math.inf
