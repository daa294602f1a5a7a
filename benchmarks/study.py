"""How fast and how safe the ledger of a study is, over HTTP, and how far apart two videos drift on a poor link.

    python benchmarks/study.py                      # votes, raters, kills, reading; drift where Chromium is
    python benchmarks/study.py --only votes raters
    python benchmarks/study.py --only kills --kills 200

votes    acknowledged votes a second: 200 connections that never pause, every vote committed with a sync; the processor
         time of both sides, and what a sync of the disk takes
raters   500 raters at once, each voting, asking for the next pair and thinking a second: p95 of a vote
kills    SIGKILL of the server under such load, again and again: votes lost, doubled or changed, and the chain
reading  a million votes from SQLite to `suites.preference` arrays, and to the finished ranking
drift    two clips in headless Chromium with the link throttled to 4 Mbit/s and 40 ms: p95 of |tB - tA|

Clients are a process of their own; on two cores they, and whatever else runs, take time from the server. The last line
is JSON.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks._study_load import kills, raters, votes  # noqa: E402
from benchmarks._study_page import drift  # noqa: E402
from benchmarks._study_read import reading  # noqa: E402

PARTS = {"votes": votes, "raters": raters, "kills": kills, "reading": reading, "drift": drift}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kills", type=int, default=20, help="200 is the aim; 20 take about three minutes")
    parser.add_argument("--rows", type=int, default=1_000_000, help="votes to read")
    options = parser.parse_args()
    found = {}
    for name in options.only:
        found[name] = PARTS[name](options)
        print(f"{name:8} " + "  ".join(f"{key} {value}" for key, value in found[name].items()), flush=True)
    print(json.dumps({"benchmark": "study", **found}))


if __name__ == "__main__":
    main()
