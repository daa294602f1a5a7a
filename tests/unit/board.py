"""The board run without a browser: a page over a store, for the tests of the board."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import leaderboard

APP = Path(leaderboard.__file__).with_name("app.py")
Open = Callable[..., AppTest]


def opener(monkeypatch: pytest.MonkeyPatch) -> Open:
    """A function: `opened(root, "cases", metric="ssim")` is the page after one run, with these query parameters."""

    def run(root: Path, view: str = "results", **parameters: Any) -> AppTest:
        monkeypatch.setenv("KEEPFRAME_STORE", str(root))
        app = AppTest.from_file(APP, default_timeout=60)
        app.query_params.update(parameters)
        app.run()
        if view != "results":
            app.switch_page(f"views/{view}.py").run()
        assert not app.exception, app.exception
        return app

    return run


def said(app: AppTest) -> str:
    """All that the page says in plain text and code."""
    return "\n".join([*(t.value for t in app.text), *(c.value for c in app.code)])


def table(app: AppTest, column: str) -> list[dict[str, Any]]:
    """The rows of the table that has this column; none when the page does not show it."""
    found = [frame.value for frame in app.dataframe if column in frame.value.columns]
    return found[0].to_dict("records") if found else []
