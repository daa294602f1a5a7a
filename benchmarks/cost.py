"""What the reference system costs on this machine, and how far two equal versions seem apart: docs/RESULTS.md.

    python -m benchmarks.cost                                  # nano, some minutes on two cores
    python -m benchmarks.cost --size wan-14b --layers 4 --device cuda

Random weights, every configuration in fresh processes. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.store import Store
from reports.cost import figures, growth
from reports.cost_text import curves, document, markdown, overview, ratios, stages
from runners.meter_pairs import interleaved
from runners.meter_process import Request, measure
from runners.meter_store import save
from suites.cost.profile import UNCOMPRESSED, Profile, profile
from suites.cost.summary import compared

RATES = ("4x4x2", "2x2x2", "2x2x1", UNCOMPRESSED)
HISTORIES_S = (5.0, 10.0, 20.0)


def main() -> None:
    """Measure every rate at 20 s and the first rate at every length; then that one against itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="nano")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sections", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()

    def asked(rate: str, history_s: float) -> Profile:
        return profile(chosen.size, layers=chosen.layers, rate=rate, history_s=history_s, device=chosen.device)

    configurations = [asked(rate, 20.0) for rate in RATES] + [asked(RATES[0], s) for s in HISTORIES_S[:-1]]
    with tempfile.TemporaryDirectory() as folder:
        store, measured = Store(Path(folder) / "results"), []
        for one in configurations:
            print(f"{one.name} …", file=sys.stderr, flush=True)
            time = measure(Request(one, "time", chosen.sections))
            memory = measure(Request(one, "memory", 1))
            measured.append(figures(save(store, one, {"time": time, "memory": memory})))
    grown = growth(measured)
    for grid in (overview(measured), *(stages(one) for one in measured), curves(grown)):
        print(markdown(grid))
    for note in dict.fromkeys(note for one in measured for note in one.notes):
        print(f"- {note}")
    same = Request(configurations[0], "time", chosen.sections)
    pairs = interleaved(same, same, chosen.rounds, lambda done, total, _: print(f"{done}/{total}", file=sys.stderr))
    found = {stage: compared(logs) for stage, logs in pairs.log_ratios.items()}
    print(markdown(ratios(found)))
    print(json.dumps(document(measured, grown) | {"equal": {stage: one._asdict() for stage, one in found.items()}}))


if __name__ == "__main__":
    main()
