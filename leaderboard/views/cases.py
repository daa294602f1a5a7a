"""The second page: from the worst cases down to the frames of one, with two systems side by side."""

import math

import streamlit as st

from leaderboard import cases, moments, say
from leaderboard.choice import pinned, shown
from leaderboard.opened import case_means
from leaderboard.table import digits, title

NOBODY = "nobody"

view = shown()
metric, systems = view.metric, view.comparison.systems
names = [row.name for row in systems]
best_tested = next((row.name for row in systems if row.tested), names[0])

left, right = st.columns(2)
with left:
    a = pinned("System A", names, "a", default=best_tested)
with right:
    options = [NOBODY, *(name for name in names if name != a)]
    if st.session_state.get("b") not in (None, *options):
        st.session_state["b"] = NOBODY
    picked = st.selectbox("Compared with B", options, key="b", bind="query-params")
b = None if picked == NOBODY else picked

found = cases.listed(case_means(view.source, view.choice, metric.name), metric.name, a, b)
if not found:
    say.note(f"{a!r} was asked nothing here.", "")
    st.stop()

place = st.container()
pages = math.ceil(len(found) / cases.PER_PAGE)
page = min(pages, st.pagination(pages, key="page", bind="query-params")) if pages > 1 else 1
listed = found[(page - 1) * cases.PER_PAGE : page * cases.PER_PAGE]


def open_case() -> None:
    """A click on a row opens its case."""
    rows = st.session_state["list"]["selection"]["rows"]
    if rows:
        st.session_state["case"] = listed[rows[0]].case


form = st.column_config.NumberColumn(format=f"%.{digits([row.a for row in found])}f")
lead_title = "A − B" if metric.better != "lower" else "B − A"
with place:
    st.caption(
        f"{title(metric)}, mean over the asked moments. "
        + ("Where A falls behind B most comes first." if b else "Worst first.")
        + " Click a row to open it."
    )
    st.dataframe(
        [
            {"Case": row.case, "A": row.a} | ({"B": row.b, lead_title: row.lead} if b else {}) | {"Tags": row.tags}
            for row in listed
        ],
        column_config={"Case": st.column_config.TextColumn(width="medium"), "A": form, "B": form, lead_title: form},
        hide_index=True,
        height="content",
        placeholder="–",
        on_select=open_case,
        selection_mode="single-row",
        key="list",
        alt=f"{len(listed)} of {len(found)} cases.",
    )

first = next((row for row in found if row.a is not None), found[0])  # of a failed case there is little to see
case = pinned("Case", sorted(row.case for row in found), "case", default=first.case)
moments.show(view, case, a, b)
