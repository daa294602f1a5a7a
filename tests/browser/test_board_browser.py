"""The board in a real browser: the server starts, the table shows, the URL follows the filters, a case shows frames,
and nothing is asked of any other machine, whatever a system is called."""

import re
import signal
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.chromium import CHROMIUM, MISSING, launched
from tests.browser.processes import ended, keepframe
from tests.unit.store_factory import SYSTEMS, renamed, synthetic_store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=MISSING),
]
TRACKER = "![](https://evil.example/x.png)"
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a board over a small store, served by the command itself."""
    root = tmp_path_factory.mktemp("board") / "results"
    made = (renamed(SYSTEMS[1], TRACKER), SYSTEMS[3], SYSTEMS[4], SYSTEMS[-1])
    synthetic_store(root, videos=4, moments=2, made=made, size=(64, 48))
    server = keepframe("board", "--store", str(root), "--port", "0", HOME=str(root.parent))  # nobody's own settings
    assert server.stdout is not None
    try:
        line = server.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address is not None, line
        yield address[0]
    finally:
        assert ended(server, signal.SIGINT) in (0, 130, -signal.SIGINT)


@pytest.fixture
def page(board: str) -> Iterator["playwright.Page"]:
    """A browser page; at the end, no request went elsewhere and the page broke no policy of its own."""
    asked: list[str] = []
    errors: list[str] = []
    with playwright.sync_playwright() as play, launched(play) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if "Policy" in message.text else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert not [url for url in asked if not url.startswith((board, board.replace("http", "ws"), "data:", "blob:"))]
    assert not errors


def _asked(page: "playwright.Page") -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def _third_column_is(page: "playwright.Page", name: str) -> None:
    page.locator("th[aria-colindex='3']", has_text=name).first.wait_for(state="attached")


def test_from_the_table_to_the_frames(board: str, page: "playwright.Page") -> None:
    page.goto(board)
    page.get_by_text("4 videos · 4 systems").wait_for()
    for name in ("history 4x4x4", TRACKER):  # the table is a canvas; its cells are there for those who cannot see it
        page.locator("td", has_text=name).first.wait_for(state="attached")
    _third_column_is(page, "PSNR (dB)")
    charts = page.locator("[data-testid=stVegaLiteChart]")  # against bytes, over the history, and against two costs
    charts.nth(3).wait_for(state="attached")
    assert charts.count() == 4
    assert page.locator("[data-testid=stException]").count() == 0
    assert set(_asked(page)) == {"run"}

    page.get_by_role("combobox", name="Metric").click()
    page.get_by_role("option", name="ssim").click()
    page.wait_for_function("location.search.includes('metric=ssim')")
    _third_column_is(page, "SSIM")
    link = page.url

    page.goto(link)  # as somebody would who was sent it
    page.get_by_text("4 videos · 4 systems").wait_for()
    _third_column_is(page, "SSIM")
    assert _asked(page)["metric"] == ["ssim"]

    page.get_by_role("link", name="Cases").click()
    page.get_by_text("Moment 1").wait_for()
    assert _asked(page)["metric"] == ["ssim"], "the filters come along"
    images = page.locator("[data-testid=stImage] img")
    images.first.wait_for()
    assert images.count() == 2 * 3
    page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=stImage] img')].every(i => i.naturalWidth == 64)"
    )


def test_a_click_on_a_case_opens_it(board: str, page: "playwright.Page") -> None:
    page.goto(f"{board}/cases?a={SYSTEMS[3].system.name}")
    page.get_by_text("Moment 1").wait_for()
    before = _asked(page)["case"]
    page.wait_for_timeout(500)  # the table is drawn on a canvas, which has no element to wait for
    box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 12, box["y"] + 35 * 3.5)  # the box of the third row
    page.wait_for_function("before => !location.search.includes(before)", arg=before[0])
    assert _asked(page)["case"] != before
