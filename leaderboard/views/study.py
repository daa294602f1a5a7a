"""The study page: which system people prefer, how sure that is, and what would change it."""

from functools import partial
from typing import Any

import streamlit as st

from bench.errors import KeepframeError
from leaderboard import say, studies
from leaderboard.choice import pinned
from reports import study_charts as charts
from reports.grids import MISSING, counted
from reports.marks import Extent
from reports.study import beside, how_ranked, percent, places_open, points, readings, turns
from reports.study_formats import render_study
from reports.study_html import headline, page
from suites.preference.findings import Findings
from suites.preference.ranking import Ranking

MEAN = "the mean of all"
FOREST, SHARES, DAYS, CELL = Extent(560, 0), Extent(300, 0), Extent(330, 150), 54
NAMES = 240  # pixels beside a plot: its axis and its names


def draw(chart: Any, key: str) -> None:
    """A chart at the size it was made for, because its names stand at pixels: on a phone it scrolls sideways."""
    spec = chart.to_dict(validate=False) | {"autosize": {"type": "pad", "contains": "padding"}}
    with st.grid(1, min_column_width=spec["width"] + NAMES, wrap=False):
        st.vega_lite_chart(spec, theme=None, width="content", key=key)


def show(found: Findings) -> None:
    """The whole page of a ranked study."""
    heading(found)
    ranked(found, chosen(found))
    good_enough(found)
    turning(found)
    how_got(found)


def heading(found: Findings) -> None:
    """What the study says, in a sentence, and of how much."""
    first = found.overall
    st.subheader("Simulated votes" if found.simulated else "What people prefer", anchor=False)
    if found.simulated:
        say.note("Simulated raters: programs voted here, no people. Nothing on this page says what anybody prefers.")
    st.text(headline(found))
    for warning in first.warnings:
        say.note(warning)
    st.text(
        f"{counted(first.votes, 'vote')} · {counted(first.raters, 'rater')} · {counted(first.prompts, 'prompt')} · "
        f"{counted(len(first.places), 'system')} · {100 * first.ties:.0f} % ties"
    )


def chosen(found: Findings) -> Ranking:
    """The ranking by the criterion that the reader chose, where there are several."""
    criterion = found.overall.criterion
    if len(found.rankings) > 1:
        names = [ranking.criterion for ranking in found.rankings]
        with st.sidebar:
            criterion = st.selectbox("Criterion", names, key="criterion", bind="query-params")
    return next(ranking for ranking in found.rankings if ranking.criterion == criterion)


def ranked(found: Findings, shown: Ranking) -> None:
    """The systems in their order, what to download, and every pair."""
    draw(charts.forest(shown, FOREST), "forest")
    st.dataframe(
        [
            {
                "System": place.system,
                "Tier": place.tier,
                "Rank": places_open(place.ranks),
                "Elo": points(place),
                "Beats": len(place.beats),
                "First in": MISSING if place.first_share is None else f"{100 * place.first_share:.0f} %",
                "Both bad": percent(place.both_bad),
                "Votes": place.votes,
            }
            for place in shown.places
        ],
        hide_index=True,
        height="content",
        column_config={
            "System": st.column_config.TextColumn(pinned=True, width="medium"),
            "Rank": st.column_config.TextColumn(help="The places that the tests of all pairs leave open (Holm)."),
            "First in": st.column_config.TextColumn(
                help="Of 1,000 panels of as many raters, drawn again from ours; prompts stay the same."
            ),
            "Both bad": st.column_config.TextColumn(help="Of its votes, how many called both videos bad."),
        },
        alt=f"{len(shown.places)} systems by {shown.criterion}, best first.",
    )
    st.text("\n".join(line for line in how_ranked(found, shown) if line not in shown.warnings))
    with st.container(horizontal=True):
        for form, label, suffix, kind in (("csv", "CSV", "csv", "csv"), ("markdown", "Markdown", "md", "markdown")):
            text = partial(render_study, found, form)
            st.download_button(f"Download as {label}", text, f"study.{suffix}", f"text/{kind}", on_click="ignore")
        st.download_button("Download as a page", partial(page, found), "study.html", "text/html", on_click="ignore")

    st.subheader("Pair by pair", anchor=False)
    draw(charts.wins(shown, CELL), "wins")
    st.caption("Percent of decisive votes that the system of the row won. Framed: shown to be better.")


def good_enough(found: Findings) -> None:
    """How often both were bad, and when the votes came."""
    st.subheader("Are they good enough?", anchor=False)
    left, right = st.columns(2)
    with left:
        draw(charts.both_bad(found.overall, SHARES), "both_bad")
    with right:
        draw(charts.votes_by_day(found, DAYS), "days")


def turning(found: Findings) -> None:
    """What more votes, or another reading of the same ones, would change."""
    st.subheader("What would change it?", anchor=False)
    st.text("\n".join(turns(found)))
    others = readings(found)
    st.dataframe(
        [
            {"System": place.system} | {other.how: round(dict(other.elo)[place.system]) for other in others}
            for place in found.overall.places
        ],
        hide_index=True,
        height="content",
        alt="Elo points when the same votes are read in another way.",
    )


def how_got(found: Findings) -> None:
    """Who was left out, and the ledger that all of it comes from."""
    st.subheader("How it was got", anchor=False)
    st.text("\n".join(line for line in beside(found) if not line.startswith("Ledger")) or "Nothing to add.")
    if found.flagged:
        st.dataframe(
            [
                {"Rater": one.name, "Excluded": one.excluded or "counts", "Flagged": "; ".join(one.reasons) or MISSING}
                for one in found.flagged
            ],
            hide_index=True,
            height="content",
            alt="Raters whom the screening rule flags or the ledger excludes.",
        )
    if found.head:
        st.text("The ledger's last hash:")
        st.code(found.head, language=None, wrap_lines=True)


names = studies.named(studies.folders())
with st.sidebar:
    folder = names[pinned("Study", list(names), "study", next(iter(names)))]
try:
    state = studies.state(folder)
    record = studies.voted(folder, state)
except KeepframeError as problem:
    say.error(problem)
    st.stop()
asked = not record.simulated or st.toggle("Show the votes of simulated raters", key="simulated", bind="query-params")
if not asked:
    say.note("This study holds votes of simulated raters, which say nothing about people.")
    st.stop()
with st.sidebar:
    anchor = st.selectbox("1000 Elo points", [MEAN, *record.votes.systems], key="anchor", bind="query-params")
told = studies.ranking(folder, state, None if anchor == MEAN else anchor, record.simulated)
if isinstance(told, KeepframeError):
    say.error(told)
    st.stop()
show(told)
