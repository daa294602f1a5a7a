"""How the board says things.

Names come from users, so they go through `st.text`, `st.code` and tables only: Streamlit's Markdown would fetch a
remote image that a system's name asks for.
"""

import streamlit as st

from bench.errors import KeepframeError


def note(sentence: str, command: str = "") -> None:
    """A sentence, and the command that helps."""
    with st.container(border=True, gap="xsmall"):
        st.text(sentence)
        if command:
            st.code(command, language=None, wrap_lines=True)


def error(problem: KeepframeError) -> None:
    """An error as the command line would print it."""
    note(f"{problem.what}\n{problem.mend}".strip())
