"""The first page: which memory keeps how much, at what rate, and where in the history it forgets."""

from functools import partial

import streamlit as st

from leaderboard import plots, say, table
from leaderboard.choice import shown
from leaderboard.progress import progress, remark
from reports.formats import render
from reports.grids import counted
from reports.page import scored_metrics
from reports.verdict import headline

view = shown()
comparison, metric = view.comparison, view.metric
unavailable = view.results.run.get("unavailable") or {}
found = progress(comparison, unavailable)
said = remark(found)

if found.done:
    st.text(headline(comparison, metric if metric in scored_metrics(comparison) else None))
st.text(
    f"{counted(comparison.videos, 'video')} · {counted(len(comparison.systems), 'system')} · "
    f"{found.done:,} of {found.planned:,} scores"
    + (f" · {found.failed:,} failed" if found.failed else "")
    + (f" · {found.dropped:,} do not apply" if found.dropped else "")
)
if said:
    say.note(*said)
if metric.name in unavailable:
    say.note(*unavailable[metric.name].split("\n", 1))

rows = table.rows(comparison, metric, view.looks)
st.dataframe(
    rows,
    column_config=table.columns(comparison, metric, rows),
    hide_index=True,
    height="content",
    placeholder="–",
    alt=f"{len(rows)} systems by {table.title(metric)}, best first.",
)
st.caption(
    f"Means over videos; ± is half of a {comparison.confidence:.0%} interval (Student's t over videos). "
    "● marks the top tie group: no other system here is shown to be better. Ranks are among the systems shown."
)
with st.container(horizontal=True):
    name = f"keepframe-{comparison.run[:8]}"
    for form, label, suffix in (("csv", "CSV", "csv"), ("markdown", "Markdown", "md")):
        text = partial(render, comparison, form)  # made when somebody asks for it
        st.download_button(
            f"Download as {label}", text, f"{name}.{suffix}", f"text/{form}", on_click="ignore", key=f"download_{form}"
        )

if found.done:
    plots.show(view)

for title, alt, groups in (
    ("Failures", "What failed", [group for group in comparison.failures if not group.dropped]),
    ("What does not apply", "Which metrics do not apply", [group for group in comparison.failures if group.dropped]),
):
    if not groups:
        continue
    st.subheader(title, anchor=False)
    st.dataframe(
        [
            {
                "System": group.system,
                "Metric": group.metric or "all",
                "Stage": group.stage,
                "What happened": " ".join(f"{group.error}: {group.message}".split()),
                "Cases": len(group.cases),
                "Which": ", ".join(group.cases),
            }
            for group in groups
        ],
        hide_index=True,
        column_config={"What happened": st.column_config.TextColumn(width="large")},
        alt=f"{alt}, with the cases.",
    )
