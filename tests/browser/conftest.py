"""Nothing that a browser test started outlives it: neither a Chromium nor a server."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.browser.processes import descendants


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = descendants()
    yield
    left = descendants().items() - before.items()
    for process, _ in left:
        os.kill(process, signal.SIGKILL)
    assert not left, "the test left these running (they are killed now)"
