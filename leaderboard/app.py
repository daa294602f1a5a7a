"""The board's entry: navigation, the sidebar, and the page. Started by `leaderboard.serve`."""

from pathlib import Path

import streamlit as st

from leaderboard.choice import SHOWN, sidebar
from leaderboard.studies import folders

STUDY = "study"

st.set_page_config(page_title="Keepframe", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
pages = [
    st.Page("views/results.py", title="Results", icon=":material/leaderboard:", default=True),
    st.Page("views/cases.py", title="Cases", icon=":material/compare:", url_path="cases"),
]
if folders():
    pages.append(st.Page("views/study.py", title="Study", icon=":material/how_to_vote:", url_path=STUDY))
page = st.navigation(pages, position="top")
if page.url_path == STUDY:  # votes belong to no run of the store
    page.run()
else:
    view = sidebar()
    if view is not None:
        st.session_state[SHOWN] = view
        page.run()
