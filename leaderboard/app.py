"""The board's entry: navigation, the sidebar, and the page. Started by `leaderboard.serve`."""

from pathlib import Path

import streamlit as st

from leaderboard.choice import SHOWN, sidebar

st.set_page_config(page_title="Keepframe", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
page = st.navigation(
    [
        st.Page("views/results.py", title="Results", icon=":material/leaderboard:", default=True),
        st.Page("views/cases.py", title="Cases", icon=":material/compare:", url_path="cases"),
    ],
    position="top",
)
view = sidebar()
if view is not None:
    st.session_state[SHOWN] = view
    page.run()
