"""One case, moment by moment: the true frame, what A and B gave back, and where each is wrong."""

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from bench.errors import KeepframeError
from leaderboard import cases, say
from leaderboard.choice import View
from leaderboard.strip import Strip, strip
from leaderboard.table import digits
from reports.frames import FULL_SCALE

PER_PAGE = 8
LETTERS = ("A", "B")


def show(view: View, case: str, a: str, b: str | None) -> None:
    """Draw the case for these systems."""
    systems = [a] if b is None else [a, b]
    st.text("\n".join(f"{letter}  {name}" for letter, name in zip(LETTERS, systems, strict=False)))
    for letter, name in zip(LETTERS, systems, strict=False):
        for why in cases.failures(view.results, case, name):
            say.note(f"{letter} · {' '.join(why.split())}")
    asked = cases.moments(view.results, view.metric.name, case, systems)
    keys = [cases.addresses(view.results, case, name) for name in systems]
    case_key = next((key[0] for key in keys if key), None)
    pictures = None
    if case_key is not None:
        answers = tuple(key and key[1] for key in keys)
        try:
            pictures = strip(view.source, case_key, answers)
        except KeepframeError as problem:
            say.error(problem)
        else:
            if pictures is None:
                say.note("The frames of this case are not in the store (yet).", "keepframe status")
    if pictures is None and not asked:
        return
    count = len(pictures.truth) if pictures else len(asked)
    pages = math.ceil(count / PER_PAGE)
    page = min(pages, st.pagination(pages, key="moments", bind="query-params")) if pages > 1 else 1
    scored = {moment["moment"]: moment for moment in asked}
    for number in range((page - 1) * PER_PAGE, min(page * PER_PAGE, count)):
        with st.container(border=True, gap="xsmall"):
            st.text(_line(view, number, scored.get(number), systems))
            if pictures is not None:
                _pictures(pictures, number, len(systems))
    if pictures is not None:
        st.caption(f"Errors: mean absolute difference over RGB; black is 0, the brightest {FULL_SCALE} of 255 or more.")


def _line(view: View, number: int, moment: dict[str, Any] | None, systems: Sequence[str]) -> str:
    if moment is None:
        return f"Moment {number + 1}: no score"
    parts = [f"Moment {number + 1}", f"{moment['at_s']:.2f} s", f"{moment['position']:.0%} of the history"]
    unit = f" {view.metric.unit}" if view.metric.unit else ""
    places = digits([value for value, _ in moment["of"].values()])
    for letter, system in zip(LETTERS, systems, strict=False):
        value, exact = moment["of"].get(system, (None, False))
        if value is not None:
            parts.append(f"{letter} {value:.{places}f}{unit}{' (a kept frame)' if exact else ''}")
    return " · ".join(parts)


def _pictures(pictures: Strip, number: int, systems: int) -> None:
    tiles = [("truth", pictures.truth[number])]
    for what, answers in (("{}", pictures.recalled), ("error of {}", pictures.errors)):
        tiles += [(what.format(LETTERS[i]), answer[number]) for i, answer in enumerate(answers) if answer is not None]
    with st.grid(2 * systems + 1, min_column_width=90, gap="xsmall"):
        for label, jpeg in tiles:
            st.image(jpeg, caption=label, width="stretch", alt=f"{label}, moment {number + 1}")
