"""The frames of one case as pictures: what was there, what each memory gave back, and where they differ."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from bench.errors import KeepframeError, VideoError
from bench.store import Store
from bench.types import Frames
from bench.video.write import decode_lossless
from leaderboard.opened import Source
from reports.frames import heat_map

QUALITY = 92  # JPEG takes 2 ms a frame where WebP takes 36; nothing is measured on these pictures


@dataclass(frozen=True)
class Strip:
    """JPEG files by moment; None for a system that has no answer (yet)."""

    truth: list[bytes]
    recalled: list[list[bytes] | None]
    errors: list[list[bytes] | None]


@st.cache_data(max_entries=16, show_spinner=False)
def strip(source: Source, case_key: str, prediction_keys: tuple[str | None, ...]) -> Strip | None:
    """The pictures of one case; None when its true frames were not kept."""
    store = Store.existing(Path(source.root))
    truth = _frames(store, "references", case_key)
    if truth is None:
        return None
    answers = [None if key is None else _frames(store, "predictions", key) for key in prediction_keys]
    return Strip(
        _jpegs(truth),
        [None if answer is None else _jpegs(answer) for answer in answers],
        [None if answer is None else _jpegs(_heat(truth, answer)) for answer in answers],
    )


def _heat(truth: Frames, recalled: Frames) -> Frames:
    return np.stack([heat_map(*pair) for pair in zip(truth, recalled, strict=True)])


def _frames(store: Store, table: str, address: str) -> Frames | None:
    rows = [row for row in store.rows(table, [address]) if row["artifact"]]
    if not rows:
        return None
    path = store.artifact(rows[0]["artifact"])
    try:
        return decode_lossless(path.read_bytes())
    except (OSError, VideoError) as error:
        why = error.what if isinstance(error, VideoError) else error.strerror
        raise KeepframeError(f"{path} cannot be shown: {why}.", "The scores do not need it any more.") from error


def _jpegs(frames: Frames) -> list[bytes]:
    return [
        cv2.imencode(".jpg", np.ascontiguousarray(frame[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        for frame in frames
    ]
