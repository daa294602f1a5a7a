"""The worst videos of a check, to look at: the truth, what both recalled, and where the candidate lost.

The last map shows the change of the error, not the error: red where the candidate is further from the truth than the
baseline, blue where it is nearer, white where they are alike. Two error maps side by side do not show that to an eye.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from bench.errors import VideoError
from bench.store import Results, Store
from bench.types import Frames
from reports.frames import Frame, Picture, heat_map, picture
from reports.gate.pair import BASELINE, CANDIDATE
from reports.gate.verdicts import Check, Worst

FULL_CHANGE = 48  # 8-bit steps of the mean absolute error over R, G, B with the fullest colour
_WORSE, _BETTER = np.array([178, 24, 43]), np.array([33, 102, 172])  # ColorBrewer's RdBu, safe for colour-blind eyes


@dataclass(frozen=True)
class Panels:
    """One moment: five pictures of one size."""

    worst: Worst
    truth: Picture
    baseline: Picture
    candidate: Picture
    error: Picture
    change: Picture


def panels(store: Store, joined: Results, check: Check) -> tuple[Panels, ...]:
    """The pictures of `check.worst`; a moment whose frames are no longer stored is passed over."""
    found = [_panels(store, joined, worst) for worst in check.worst]
    return tuple(one for one in found if one is not None)


def change_map(truth: Frame, baseline: Frame, candidate: Frame) -> Frame:
    """Where the error grew (red) or shrank (blue) from baseline to candidate.

    >>> black, grey = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 90, np.uint8)
    >>> change_map(black, black, grey).tolist(), change_map(black, grey, grey).tolist()
    ([[[178, 24, 43]]], [[[255, 255, 255]]])
    """
    errors = [np.abs(truth.astype(np.int16) - one).mean(axis=2, dtype=np.float64) for one in (candidate, baseline)]
    change = np.clip((errors[0] - errors[1]) / FULL_CHANGE, -1.0, 1.0)[..., None]
    colour = np.where(change > 0, _WORSE, _BETTER)
    strength = np.sqrt(np.abs(change))  # small changes are what one looks for
    drawn: Frame = (255.0 + (colour - 255.0) * strength).round().astype(np.uint8)
    return drawn


def _panels(store: Store, joined: Results, worst: Worst) -> Panels | None:
    mine = joined.planned.filter(pc.equal(joined.planned["case"], worst.case))
    columns = (mine[name].to_pylist() for name in ("system", "prediction_key", "case_key"))
    keys = {system: (prediction, case) for system, prediction, case in zip(*columns, strict=True)}
    clips = [
        _frames(store, "references", keys[BASELINE][1]),
        _frames(store, "predictions", keys[BASELINE][0]),
        _frames(store, "predictions", keys[CANDIDATE][0]),
    ]
    if any(clip is None or len(clip) <= worst.moment for clip in clips):
        return None
    truth, baseline, candidate = (clip[worst.moment] for clip in clips if clip is not None)
    where = f"{worst.case} at {worst.at_s:.2f} s"
    return Panels(
        worst,
        picture(truth, f"True frame of {where}"),
        picture(baseline, f"The baseline's answer, {where}"),
        picture(candidate, f"The candidate's answer, {where}"),
        picture(heat_map(truth, candidate), f"The candidate's error, {where}", quality=70),
        picture(change_map(truth, baseline, candidate), f"Where the error grew or shrank, {where}", quality=70),
    )


def _frames(store: Store, table: str, address: str) -> Frames | None:
    from bench.video.write import decode_lossless

    rows = store.rows(table, [address])
    if not rows or rows[0]["artifact"] is None:
        return None
    try:
        return decode_lossless(store.artifact(rows[0]["artifact"]).read_bytes())
    except (OSError, VideoError):
        return None
