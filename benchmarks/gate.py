"""What `keepframe check` answers, by simulation: false alarms, power, the effect of margins, of metrics and of looks.

    python -m benchmarks.gate                # about two minutes
    python -m benchmarks.gate --studies 500  # coarse

A study draws each video's mean difference from a normal distribution of 0.4 dB around the true change, or from a skewed
one (a shifted exponential of the same mean and spread). Margin 0.25 dB, alpha 0.05 shared out over three looks, unless
the table says otherwise. With 4,000 studies a share of 5 % is known to ±0.7 points. The last line is JSON.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from reports.gate.judge import judge, videos_needed
from reports.gate.looks import share

SPREAD_DB, MARGIN_DB, ALPHA, LOOKS = 0.4, 0.25, 0.05, 3
Rows = list[list[str]]


def draws(loss: float, shape: tuple[int, ...], seed: int, *, skewed: bool = False) -> Float64[np.ndarray, "*shape"]:
    """Differences per video with this mean loss, in dB."""
    draw = np.random.default_rng(seed)
    noise = 1.0 - draw.exponential(1.0, shape) if skewed else draw.normal(0.0, 1.0, shape)  # skewed: a few lose a lot
    return SPREAD_DB * noise - loss


def answers(gaps: Float64[np.ndarray, "study video"], margin: float, alpha: float) -> np.ndarray:
    """The verdict of each study of one metric."""
    own = [str(i) for i in range(len(gaps))]
    return np.array([a.verdict for a in judge(gaps, [margin] * len(gaps), own, alpha=alpha, minimum_videos=10)])


def shares(found: Sequence[str] | np.ndarray) -> list[str]:
    """Percentages of pass (with improved), inconclusive and regressed."""
    count, total = Counter(found), len(found)
    passed = count["pass"] + count["improved"]
    return [f"{100 * n / total:.1f}" for n in (passed, count["inconclusive"], count["regressed"])]


def verdicts(studies: int) -> Rows:
    """By the true loss and the number of videos, at the first look."""
    rows = []
    for skewed in (False, True):
        for loss in (0.0, 0.05, 0.125, 0.25, 0.4, 0.5):
            for videos in (10, 20, 50, 100):
                gaps = draws(loss, (studies, videos), videos, skewed=skewed)
                found = shares(answers(gaps, MARGIN_DB, share(ALPHA, 1, LOOKS)))
                rows.append(["skewed" if skewed else "normal", f"{loss:g}", str(videos), *found])
    return rows


def margins(studies: int) -> Rows:
    """A harmless change and a loss of 0.25 dB at 50 videos, by the margin."""
    rows = []
    for margin in (0.1, 0.15, 0.2, 0.25, 0.3, 0.5):
        row = [f"{margin:g}"]
        for loss in (0.0, 0.25):
            row += shares(answers(draws(loss, (studies, 50), 50), margin, share(ALPHA, 1, LOOKS)))
        rows.append(row)
    return rows


def metrics(studies: int) -> Rows:
    """A harmless change and the overall verdict, by how many metrics gate; their noise is correlated by 0.4."""
    rows = []
    for count in (1, 3, 6, 18):
        draw = np.random.default_rng(count)
        found, flagged, alone = [], 0, 0
        for _ in range(studies // 4):
            noise = np.sqrt(0.4) * draw.normal(size=(1, 50)) + np.sqrt(0.6) * draw.normal(size=(count, 50))
            gaps = SPREAD_DB * noise
            each = [
                a.verdict for a in judge(gaps, [MARGIN_DB] * count, ["gate"] * count, alpha=0.025, minimum_videos=10)
            ]
            passed = all(verdict in ("pass", "improved") for verdict in each)
            found.append("regressed" if "regressed" in each else "pass" if passed else "inconclusive")
            tested = judge(gaps, [1e-9] * count, ["gate"] * count, alpha=ALPHA, minimum_videos=10)
            flagged += any(a.verdict == "regressed" for a in tested)
            alone += any((a.p or 1.0) <= ALPHA and (a.mean or 0.0) < 0 for a in tested)
        total = len(found)
        rows.append([str(count), *shares(found), f"{100 * flagged / total:.1f}", f"{100 * alone / total:.1f}"])
    return rows


def looks(studies: int) -> Rows:
    """Three looks with 20, 40 and 80 videos, going on while inconclusive; against trying again until it passes."""
    rows = []
    for loss in (0.0, 0.125, 0.25, 0.5):
        gaps = draws(loss, (studies, 80), 3)
        final = np.full(studies, "inconclusive", dtype=object)
        naive = final.copy()
        used = np.zeros(studies)
        for number, videos in enumerate((20, 40, 80), 1):
            open_ = final == "inconclusive"
            used[open_] = videos
            final[open_] = answers(gaps[open_, :videos], MARGIN_DB, share(ALPHA, number, LOOKS))
            fresh = draws(loss, (studies, 20), 100 + number)  # a retry: other videos, all of alpha, until it is green
            again = ~np.isin(naive, ("pass", "improved"))
            naive[again] = answers(fresh[again], MARGIN_DB, ALPHA)
        rows.append([f"{loss:g}", *shares(final), f"{used.mean():.0f}", shares(naive)[0]])
    return rows


def foretold(studies: int) -> Rows:
    """How often the number of videos that is foretold, from the true values, gives a verdict."""
    rows = []
    for loss in (0.0, 0.05, 0.1, 0.15, 0.35, 0.5):
        needed = videos_needed(-loss, SPREAD_DB, MARGIN_DB, alpha=0.025, first=10)
        assert needed is not None
        found = answers(draws(loss, (studies, needed), 9), MARGIN_DB, 0.025)
        rows.append([f"{loss:g}", str(needed), *shares(found)])
    return rows


THREE = ["pass %", "inconclusive %", "regressed %"]
TABLES = {
    "verdicts": (verdicts, ["differences", "loss dB", "videos", *THREE]),
    "margins at 50 videos": (
        margins,
        ["margin dB", *(f"{name} {what}" for what in ("(no loss)", "(loss 0.25)") for name in THREE)],
    ),
    "metrics, no loss, 50 videos": (
        metrics,
        ["gating", *THREE, "flagged % without margin", "flagged % without Holm"],
    ),
    "looks": (looks, ["loss dB", *THREE, "videos used", "pass % if retried three times"]),
    "videos foretold": (foretold, ["loss dB", "foretold", *THREE]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=4000)
    studies = parser.parse_args().studies
    document = {}
    for title, (table, columns) in TABLES.items():
        rows = table(studies)
        document[title] = [dict(zip(columns, row, strict=True)) for row in rows]
        print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'|'.join(' ---: ' for _ in columns)}|")
        print("\n".join(f"| {' | '.join(row)} |" for row in rows), flush=True)
    print(json.dumps({"studies": studies, **document}))


if __name__ == "__main__":
    main()
