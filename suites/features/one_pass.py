"""One decode of a clip feeds every feature that is asked for.

VBench decodes a video again for every dimension and holds it whole as float32: 16 GB for a minute of 720p. Here
the frames stream by in chunks of `CHUNK`; each chunk is prepared once per view and handed to the features that
want those frames. What is held is one chunk, what each feature carries over, and the features themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from bench.errors import KeepframeError
from bench.types import Clip, Frames
from suites.features import pixels
from suites.features.cache import FeatureCache, address
from suites.features.memory import MUCH, give_back
from suites.features.protocols import Arrays, Feature, Reading, View

CHUNK = 8  # frames; 22 MB of 720p


@dataclass
class Extraction:
    """What came of each feature, by name: `arrays`, or in `failures` why there are none."""

    arrays: dict[str, Arrays] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    frames_decoded: int = 0  # 0 when everything was known


def extract(clip: Clip, features: Sequence[Feature], cache: FeatureCache | None = None) -> Extraction:
    """Every feature of a clip, from the cache where it is known and from one pass over the clip where not.

    A feature that fails costs only itself. Two features of the same name are computed once.

    Raises VideoError when the clip cannot be read: then no feature is to be had.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from bench.video.clip import probe
    >>> from bench.video.stamped import write_stamped
    >>> from suites.features.differences import FrameDifferences
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = probe(write_stamped(Path(folder) / "a.mp4", "h264-bframes"))
    ...     found = extract(clip, [FrameDifferences()])
    >>> found.arrays["frame_differences"]["mean"].shape
    (95,)
    """
    found = Extraction()
    addresses: dict[str, str] = {}
    todo: dict[str, Feature] = {}
    for feature in features:
        try:
            kept = None
            if cache:  # else no address is needed, which costs reading weights that nobody published
                addresses[feature.name] = at = address(clip, feature)
                kept = cache.get(at)
            if kept is None:
                todo[feature.name] = feature
            else:
                found.arrays[feature.name] = kept
        except Exception as error:
            found.failures[feature.name] = error
    running: list[_Running] = []
    for name, feature in todo.items():
        try:
            running.append(_Running(feature, clip))
        except Exception as error:  # too short for it, its weights unreadable, or its own bug
            found.failures[name] = error
    if any(one.feature.weights for one in running):
        give_back()
    for indices, frames in _chunks(clip, running):
        found.frames_decoded += len(indices)
        _feed(running, indices, frames)
    for one in running:
        name = one.feature.name
        try:
            arrays = one.finish()
        except Exception as error:
            found.failures[name] = error
            continue
        found.arrays[name] = arrays
        if cache:
            cache.put(addresses[name], arrays)
    return found


class _Running:
    """A feature, the frames it still waits for, and the error that ended it."""

    def __init__(self, feature: Feature, clip: Clip) -> None:
        self.feature = feature
        self.wanted = list(feature.frames(clip))
        if any(a >= b for a, b in pairwise(self.wanted)):
            raise KeepframeError(
                f"Feature {feature.name} asks for frames out of order or twice.", "Sort them and name each once."
            )
        self.wanted_set = frozenset(self.wanted)
        self.reading: Reading = feature.begin(clip)
        self.error: Exception | None = None

    def finish(self) -> Arrays:
        if self.error is not None:
            raise self.error
        arrays = {name: np.asarray(array) for name, array in self.reading.finish().items()}
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                read = " ".join(self.feature.weights)
                raise KeepframeError(
                    f"Feature {self.feature.name}: {name} holds values that are not finite numbers.",
                    f"Its weights are damaged: keepframe weights fetch {read} --again"
                    if read
                    else "It must raise instead.",
                )
        return arrays


def _chunks(clip: Clip, running: Sequence[_Running]) -> Iterator[tuple[Sequence[int], Frames]]:
    union = sorted(frozenset().union(*(one.wanted_set for one in running)))
    begin = 0
    if union:
        for frames in pixels.stream(clip, union, chunk=CHUNK):
            frames.flags.writeable = False  # one feature must not change what the next one sees
            yield union[begin : begin + len(frames)], frames
            begin += len(frames)


def _feed(running: Sequence[_Running], indices: Sequence[int], frames: Frames) -> None:
    """Hand a chunk to the features that want some of it, prepared once for all that share a view."""
    views: dict[View | None, list[_Running]] = {}
    for one in running:
        if one.error is None:
            views.setdefault(one.feature.view, []).append(one)
    for view, sharing in views.items():
        union = frozenset().union(*(one.wanted_set for one in sharing))
        rows = [row for row, index in enumerate(indices) if index in union]
        if not rows:
            continue
        part = frames if len(rows) == len(indices) else frames[rows]
        try:
            prepared: Any = part if view is None else view(part)
        except Exception as error:
            for one in sharing:
                one.error = error
            continue
        place = {indices[row]: k for k, row in enumerate(rows)}
        for one in sharing:
            own = [k for index, k in place.items() if index in one.wanted_set]
            if not own:
                continue
            try:
                one.reading.write(prepared if len(own) == len(rows) else prepared[own])
            except Exception as error:
                one.error = error
            give_back(unless_below=MUCH)
