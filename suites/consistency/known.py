"""What procedural footage says about itself: who is where in which frame, and which shots show the same place.

Read from the `keepframe-annotation` JSON beside a clip. Moments and boxes are brought to the clip that is scored,
which may be a memory's or a model's rendering of the same moments in another size and rate.
"""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import KeepframeError
from bench.types import Clip
from bench.video.annotation import FORMAT
from bench.video.read import frame_at


class Place(NamedTuple):
    """A box in whole pixels of the clip that is scored."""

    frame: int
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Visit:
    """An identity's stay in the picture: frames without a gap in which all of the figure is seen."""

    identity: str
    colours: tuple[tuple[int, int, int], ...]  # RGB, one for each garment or feature
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Shot:
    """Frames [first, end) in one place."""

    place: str
    first: int
    end: int


def read_known(path: Path | None, clip: Clip) -> dict[str, Any]:
    """The annotation as written. Raises KeepframeError when there is none or it is not ours."""
    if path is None:
        raise KeepframeError(
            f"{clip.path} has no annotation, so nobody knows who is in it.",
            "Procedural footage comes with one: keepframe init shows how it is named in a spec.",
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KeepframeError(f"{path} cannot be read: {error}.", "Draw the footage again.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise KeepframeError(f"{path} is no {FORMAT}.", "Draw the footage again.")
    return data


def shots(data: dict[str, Any], clip: Clip) -> list[Shot]:
    """Shots by the place they show, in the clip's frames; close-ups are places of their own."""
    bounds = [0, *data["cuts"], data["frames"]]
    found = []
    for place, (first, end) in zip(data["shots"], pairwise(bounds), strict=True):
        shot = Shot(place, _frame(first, data, clip), _frame(end, data, clip))
        if shot.end > shot.first:
            found.append(shot)
    return found


def visits(data: dict[str, Any], clip: Clip) -> list[list[Visit]]:
    """For each identity its visits in order, of those in which the whole figure is seen at least once."""
    found = []
    for who in data["identities"]:
        colours = tuple((int(r), int(g), int(b)) for r, g, b in who["colours"].values())
        runs: list[list[list[int]]] = []
        for box in who["boxes"]:
            if not runs or box[0] != runs[-1][-1][0] + 1:
                runs.append([])
            runs[-1].append(box)
        whole = [[_placed(box, data, clip) for box in run if _inside(box, data)] for run in runs]
        kept = [tuple(place for place in run if place is not None) for run in whole]
        found.append([Visit(who["id"], colours, places) for places in kept if places])
    return found


def _inside(box: list[int], data: dict[str, Any]) -> bool:
    """Whether no edge of the picture cuts the figure."""
    _, left, top, width, height = box
    return left > 0 and top > 0 and left + width < data["width"] and top + height < data["height"]


def _placed(box: list[int], data: dict[str, Any], clip: Clip) -> Place | None:
    index, left, top, width, height = box
    frame = _frame(index, data, clip)
    if frame >= clip.frames:
        return None
    across, down = clip.size.width / data["width"], clip.size.height / data["height"]
    return Place(
        frame, round(left * across), round(top * down), round((left + width) * across), round((top + height) * down)
    )


def _frame(index: int, data: dict[str, Any], clip: Clip) -> int:
    """The clip's frame at the moment of the annotation's frame `index`; the number of frames past the end."""
    numerator, _, denominator = str(data["fps"]).partition("/")
    at_s = (index + 0.5) * int(denominator or 1) / int(numerator)  # mid-frame: no rounding can move it
    return frame_at(clip, at_s) if at_s < clip.duration_s else clip.frames
