"""The rater's page in a real browser: a whole small study by keyboard and mouse, through a reload and a second tab,
with the server killed in between; and nothing asked of any other machine."""

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leaderboard.study import new as studies
from leaderboard.study.checking import problems
from leaderboard.study.config import StudyConfig
from leaderboard.study.folder import StudyFolder
from leaderboard.study.results import read_results
from leaderboard.study.sources import check, from_folders
from tests.browser.chromium import CHROMIUM, MISSING, launched
from tests.browser.processes import ended, keepframe
from tests.unit.study_videos import videos

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=MISSING),
]
WAIT_MS = 20_000


@dataclass
class Served:
    """A study served by the command itself, which can be killed and started again at the same place."""

    folder: StudyFolder
    port: int = 0
    process: subprocess.Popen | None = None
    link: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = keepframe("study", "serve", str(self.folder.root), "--port", str(self.port))
        assert self.process.stdout is not None
        said = [self.process.stdout.readline() for _ in range(2)]
        found = re.search(r"http://127\.0\.0\.1:(\d+)/s/\S+", said[1])
        assert found is not None, said
        self.link, self.port = found[0], int(found[1])

    def stop(self, how: signal.Signals) -> None:
        assert self.process is not None
        ended(self.process, how)


@pytest.fixture
def seconds() -> float:
    return 0.5


@pytest.fixture
def served(tmp_path: Path, seconds: float) -> Iterator[Served]:
    found = check(from_folders(videos(tmp_path / "in", systems=2, prompts=2, seconds=seconds)))
    terms = StudyConfig(title="Small study", criteria=("motion",), per_rater=2, gold=1, repeats=0, traps=0)
    folder = studies.create(tmp_path / "study", terms, found, dict.fromkeys(found.prompts, "A disc goes round"))
    server = Served(folder)
    server.start()
    yield server
    server.stop(signal.SIGINT)


@pytest.fixture
def context(served: Served) -> Iterator["playwright.BrowserContext"]:
    """A browser; at the end, no request went elsewhere and no page broke its own policy."""
    asked: list[str] = []
    errors: list[str] = []
    with playwright.sync_playwright() as play, launched(play) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(WAIT_MS)
        context.on("request", lambda request: asked.append(request.url))
        context.on("console", lambda message: errors.append(message.text) if "Policy" in message.text else None)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        yield context
    assert not [url for url in asked if not url.startswith((served.address, "blob:"))]
    assert not errors


def _watched(page: "playwright.Page") -> None:
    page.get_by_text("Now choose.").or_(page.locator("#send:enabled")).first.wait_for()


def _done(page: "playwright.Page", number: int) -> None:
    page.get_by_text(f"{number} of 3 pairs done").wait_for()


def test_from_the_invitation_to_the_code(served: Served, context: "playwright.BrowserContext") -> None:
    page = context.new_page()
    page.goto(served.link)
    page.get_by_role("heading", name="Before you start").wait_for()
    start = page.get_by_role("button", name="Start")
    assert start.is_disabled()
    page.get_by_label("I have read this").check()
    start.click()

    page.get_by_text("Practice: one of these two is spoilt").wait_for()
    page.keyboard.press("1")
    assert page.locator("#send").is_disabled(), "chosen, but not watched yet"
    _watched(page)
    page.get_by_role("button", name="Next").click()
    page.get_by_text("From here on your own preference counts.").wait_for()
    _done(page, 0)
    assert page.get_by_text("A disc goes round").is_visible()

    _watched(page)
    page.keyboard.press("3")
    page.get_by_text("More questions (optional)").click()
    page.get_by_role("group", name="Which moves more naturally?").get_by_role("radio", name="Equal").check()
    page.reload()  # a draft outlives a reload
    _watched(page)
    assert page.locator("input[value=right][name=choice]").is_checked()
    served.stop(signal.SIGKILL)  # and a vote outlives the server
    page.keyboard.press("Enter")
    page.get_by_text("Not stored yet").wait_for()
    served.start()
    _done(page, 1)

    tab = context.new_page()  # another tab goes on where this one is
    tab.goto(served.address)
    _done(tab, 1)
    for tab_or_page in (tab, page):
        _watched(tab_or_page)
        tab_or_page.bring_to_front()
        tab_or_page.keyboard.press("2")
    page.keyboard.press("Enter")
    _done(page, 2)
    tab.bring_to_front()
    tab.get_by_role("button", name="Next").click()
    tab.get_by_text("You had answered that pair already; the first answer counts.").wait_for()
    _done(tab, 2)
    _watched(tab)
    tab.keyboard.press("2")
    tab.get_by_role("button", name="Next").click()
    tab.get_by_text("Your completion code").wait_for()
    code = tab.locator("#code").inner_text()
    page.reload()
    page.get_by_text("Your completion code").wait_for()
    assert page.locator("#code").inner_text() == code

    found = read_results(served.folder.root)
    overall = found.votes.on("overall")
    assert len(overall) == 2 and len(found.gold_rater) == 1
    with served.folder.ledger() as ledger:
        assert problems(served.folder, ledger) == []


def test_playback_is_steered_together(served: Served, context: "playwright.BrowserContext") -> None:
    page = context.new_page()
    page.goto(served.link)
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Start").click()
    _watched(page)
    times = "[...document.querySelectorAll('video')].map(v => v.currentTime)"
    page.get_by_role("button", name="One frame back").click()
    a, b = page.evaluate(times)
    assert a == pytest.approx(b) and a < 0.5
    page.get_by_role("button", name="One frame back").click()
    page.wait_for_timeout(200)
    assert a - page.evaluate(times)[0] == pytest.approx(1 / 24, abs=1e-3), "one frame of 24 a second"
    page.get_by_role("slider", name="Position").fill("0")
    assert page.evaluate(times) == [0, 0]
    page.keyboard.press("l")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(1500)
    assert page.get_by_role("button", name="Pause").is_visible(), "it loops"
    page.keyboard.press(" ")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="A video does not play").click()
    page.get_by_text("0 of 3 pairs done").wait_for()
    page.get_by_text("Practice").wait_for(state="hidden")


RUNS_DRY = """() => {
  const told = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'readyState').get;
  window.dry = false;
  Object.defineProperty(HTMLMediaElement.prototype, 'readyState', {
    get() { return this.id === 'b' && window.dry ? HTMLMediaElement.HAVE_METADATA : told.call(this); }
  });
}"""
STANDING = "[...document.querySelectorAll('video')].every(video => video.paused)"


def _until(page: "playwright.Page", condition: str) -> None:
    """`page.wait_for_function`, which the page's policy refuses."""
    look = f"const look = () => {condition} ? done() : requestAnimationFrame(look); look();"
    page.evaluate(f"() => new Promise(done => {{ {look} }})")


def _begun(page: "playwright.Page", link: str) -> None:
    page.goto(link)
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Start").click()
    _until(page, "a.currentTime > 0.2")


@pytest.mark.parametrize("seconds", [4.0])
def test_both_wait_when_one_runs_dry(served: Served, context: "playwright.BrowserContext") -> None:
    page = context.new_page()
    page.add_init_script(f"({RUNS_DRY})()")
    _begun(page, served.link)
    page.evaluate("window.dry = true")
    page.get_by_text("Loading both videos …").wait_for()
    assert page.evaluate(STANDING)
    page.wait_for_timeout(500)
    assert page.evaluate(STANDING), "they wait for as long as it takes"
    page.evaluate("window.dry = false")
    _watched(page)  # and go on by themselves
    page.keyboard.press("1")
    with page.expect_request("**/api/vote") as vote:
        page.get_by_role("button", name="Next").click()
    assert vote.value.post_data_json["telemetry"]["stalls"] >= 1


@pytest.mark.parametrize("seconds", [4.0])
def test_one_that_falls_behind_misses_nothing(served: Served, context: "playwright.BrowserContext") -> None:
    page = context.new_page()
    _begun(page, served.link)
    page.evaluate("b.pause(); setTimeout(() => b.play(), 500)")  # half a second: an eighth of it
    _until(page, "a.paused && !b.paused")  # A stands still meanwhile
    _until(page, "!a.paused && Math.abs(a.currentTime - b.currentTime) < 0.05")
    _watched(page)
    for side in "ab":
        seen = f"{side}.played.length == 1 && {side}.played.end(0) - {side}.played.start(0) > 0.98 * {side}.duration"
        assert page.evaluate(seen), f"{side} was played from end to end"


def test_a_browser_that_loads_nothing_until_asked(served: Served, context: "playwright.BrowserContext") -> None:
    page = context.new_page()

    def frugal(route: "playwright.Route") -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('preload="auto"', 'preload="none"'))

    page.goto(served.link)
    page.route(f"{served.address}/", frugal)
    _begun(page, served.address)
    assert page.locator("video[preload=none]").count() == 2
    _watched(page)


def test_it_fits_every_screen(served: Served, context: "playwright.BrowserContext") -> None:
    page = context.new_page()
    page.goto(served.link)
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Start").click()
    _watched(page)
    for width, height in ((390, 844), (844, 390), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "no sideways scrolling"
        for control in page.locator("button:visible, .choices label, select:visible").all():
            box = control.bounding_box()
            assert box is not None and box["height"] >= 44, "large enough for a finger"
