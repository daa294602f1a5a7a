"""The leash of the tests' Chromium: it may not starve the machine, and it is not left running."""

import sys

import pytest

from tests.browser.chromium import CHROMIUM, MISSING, launched
from tests.browser.processes import descendants, threads

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=MISSING),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
TONE = "window.context = new AudioContext(); new OscillatorNode(context).connect(context.destination).context.resume()"


def test_no_thread_is_above_the_others_even_while_sound_plays() -> None:
    with playwright.sync_playwright() as play, launched(play) as browser:
        page = browser.new_page()
        page.set_content(f'<button onclick="{TONE}">play</button>')
        page.get_by_role("button").click()
        page.wait_for_function("context.state == 'running' && context.currentTime > 0")
        found = [
            thread
            for process, line in descendants().items()
            if "chrom" in line and "playwright" not in line.split(" ")[0]
            for thread in threads(process)
        ]
    names = {thread.name for thread in found}
    assert {"AudioOutputDevi", "Compositor"} <= names, "those that root would have raised are among them"
    assert [thread for thread in found if thread.policy != 0 or thread.nice < 0] == []


def test_the_browser_goes_with_its_test() -> None:
    before = descendants()
    with pytest.raises(ZeroDivisionError), playwright.sync_playwright() as play, launched(play):
        assert len(descendants()) > len(before) + 2
        raise ZeroDivisionError
    assert descendants() == before
