"""A million votes out of SQLite, into arrays, into a ranking."""

import itertools
import sqlite3
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

from leaderboard.study.chain import GENESIS, link
from leaderboard.study.config import StudyConfig
from leaderboard.study.design import Clip, Design, write_design
from leaderboard.study.folder import StudyFolder
from leaderboard.study.results import read_results
from suites.preference import contrasts, count, fit, standings


def _filled(root: Path, rows: int) -> StudyFolder:
    """A study of 12 systems, 200 prompts and 1000 raters with this many votes, written past the server."""
    root.mkdir()
    folder = StudyFolder.create(root)
    systems, prompts, raters = 12, 200, 1000
    places = itertools.product(range(systems), range(prompts))
    clips = tuple(Clip(f"s{s:02}", f"p{p:03}", f"{s}-{p}.mp4", "0" * 64, 4000, 24.0) for s, p in places)
    write_design(folder.url, StudyConfig(), Design({f"p{p:03}": "" for p in range(prompts)}, clips), 1)
    folder.new_secret()
    draw = np.random.default_rng(0)
    with sqlite3.connect(root / "ledger.sqlite") as conn:
        conn.execute("PRAGMA foreign_keys=OFF")
        who = [(no, f"r-{no:012x}", "link", str(no), 0, 1) for no in range(1, raters + 1)]
        conn.executemany(
            "INSERT INTO rater (no, id, source, external_hmac, simulated, enrolled_ms) VALUES (?,?,?,?,?,?)", who
        )
        system = dict(conn.execute("SELECT id, system_id FROM item").fetchall())
        pairs = np.array(conn.execute("SELECT id, item_a, item_b FROM comparison").fetchall())
        chosen = pairs[draw.integers(len(pairs), size=rows)]
        swap = draw.random(rows) < 0.5
        left, right = np.where(swap, chosen[:, 2], chosen[:, 1]), np.where(swap, chosen[:, 1], chosen[:, 2])
        worth = np.array([0.0] + [system[item] * 0.1 for item in sorted(system)])
        d = worth[left] - worth[right] + 0.2
        chance = np.stack([np.exp(d / 2), np.exp(-d / 2), np.full(rows, 0.6)], 1)
        said = (draw.random(rows)[:, None] > (chance / chance.sum(1, keepdims=True)).cumsum(1)[:, :2]).sum(1)
        choices, rater = np.array(["left", "right", "tie"])[said], draw.integers(1, raters + 1, size=rows)
        columns = (rater, chosen[:, 0], left, right, choices)
        votes = zip(range(2, rows + 2), *(column.tolist() for column in columns), strict=True)
        conn.executemany(
            "INSERT INTO vote (seq, assignment_id, rater_no, comparison_id, repeat_ix, left_item, right_item, choice, "
            "criteria, telemetry, request_sha256, elapsed_ms, received_ms, simulated, app_version, prev_hash, hash) "
            "VALUES (?1, 'a' || ?1, ?2, ?3, 0, ?4, ?5, ?6, '{}', '{\"watched_left\":1.0,\"watched_right\":1.0}', "
            "'0', 5000, ?1, 0, '0', '', ?1)",
            votes,
        )
    return folder


def reading(options: Namespace) -> dict[str, float]:
    """Best of three, files in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        made = _filled(Path(folder) / "study", options.rows)
        read_s, whole_s = [], []
        for _ in range(3):
            began = time.perf_counter()
            found = read_results(made.root)
            read_s.append(time.perf_counter() - began)
            votes = found.counted.on("overall")
            fitted = fit(count(votes))
            placed = standings(contrasts(votes, fitted))
            whole_s.append(time.perf_counter() - began)
        assert len(votes) == options.rows and placed
    began = time.perf_counter()
    last = GENESIS
    for seq in range(20_000):
        last = link(last, "vote", {"seq": seq, "choice": "left", "elapsed_ms": 5000, "rater_no": seq})
    return {
        "votes": options.rows,
        "read_s": round(min(read_s), 2),
        "ranking_s": round(min(whole_s), 2),
        "hash_us": round((time.perf_counter() - began) / 20_000 * 1e6, 1),
    }
