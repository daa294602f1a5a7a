"""How far apart two videos are on the rater's page, measured from outside the page's own player."""

import re
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from bench.video.write import write_video
from leaderboard.study import media
from leaderboard.study import new as studies
from leaderboard.study.config import StudyConfig
from leaderboard.study.sources import check, from_folders
from tests.browser.chromium import CHROMIUM, MISSING, launched

ROOT = Path(__file__).resolve().parent.parent
SECONDS, FPS, SIZE = 12, 24, (360, 640)
LINK = {"offline": False, "latency": 40, "downloadThroughput": 4e6 / 8, "uploadThroughput": 1e6 / 8}
TUNNEL = LINK | {"downloadThroughput": 0.2e6 / 8}
TUNNEL_S = 10
LIGHT, HEAVY = (4.7, 4.9), (7.0, 7.5)  # grain of the two systems: about 1.5 and 4 Mbit/s a clip

# Until the pair was played, at each painted frame at which either moves: where B is less where A is. So a moment in
# which one has run dry and the other plays on counts; one in which both stand and wait does not, but in `waited`.
SAMPLE = """() => { window.sampled = new Promise(done => {
  const [a, b] = document.querySelectorAll('video'), drifts = [];
  let waited = 0, last = performance.now();
  const look = () => {
    const now = performance.now(), [x, y] = [a.currentTime, b.currentTime];
    if (!a.paused || !b.paused) drifts.push((y - x) * 1e3);
    else if (x > 0) waited += now - last;
    last = now;
    const left = Math.min(a.duration, b.duration) - Math.min(x, y);
    if (x > 1 && a.paused && b.paused && left < 0.1) done({drifts, waited}); else requestAnimationFrame(look);
  };
  look();
}); }"""
PLAYS = """() => new Promise(done => {
  const look = () => document.getElementById('a').currentTime > 0.5 ? done() : requestAnimationFrame(look);
  look();
})"""


def drift(_: Namespace) -> dict[str, Any]:
    """A pair that streams while it plays, and the next one, which is loaded meanwhile: with clips as a study makes
    them, with a link that dries up while the first pair plays, and with clips too heavy for the link."""
    if not CHROMIUM:
        return {"skipped": MISSING}
    from playwright.sync_api import sync_playwright

    told: dict[str, Any] = {}
    with sync_playwright() as play:
        for name, grain, most_kbps in (
            ("light", LIGHT, media.MOST_KBPS),
            ("tunnel", LIGHT, media.MOST_KBPS),
            ("heavy", HEAVY, 1e9),
        ):
            with (
                tempfile.TemporaryDirectory() as folder,
                patch.object(media, "MOST_KBPS", most_kbps),
                launched(play) as browser,
            ):
                told[name] = _served(browser, Path(folder), grain, tunnel=name == "tunnel")
            print(name, told[name], flush=True)
    return told


def _served(browser: Any, root: Path, grain: tuple[float, float], *, tunnel: bool) -> dict[str, Any]:
    """Make a study of two clips, serve it, and watch it."""
    for number, noise in enumerate(grain):
        write_video(root / f"in/s{number}/p.mp4", [_scroll(number, noise)], FPS)
    terms = StudyConfig(per_rater=1, gold=0, repeats=0, traps=0)
    found = check(from_folders([str(path) for path in sorted((root / "in").iterdir())]))
    made = studies.create(root / "study", terms, found, {"p": ""})
    kbps = sorted(round(clip.stat().st_size * 8 / SECONDS / 1e3) for clip in made.media.iterdir())
    command = [sys.executable, "-c", "from bench.cli import main; main()", "study", "serve", str(made.root)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        link = re.search(r"http://\S+/s/\S+", server.stdout.readline() + server.stdout.readline())
        assert link is not None
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(180_000)
            network = page.context.new_cdp_session(page)
            network.send("Network.enable")
            network.send("Network.emulateNetworkConditions", LINK)
            return {"kbps": kbps, **_watch(page, link[0], network if tunnel else None)}
        finally:
            server.terminate()


def _watch(page: Any, link: str, tunnel: Any) -> dict[str, Any]:
    page.goto(link)
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Start").click()
    told: dict[str, Any] = {}
    for name in ("streamed", "prefetched"):
        page.evaluate(SAMPLE)
        if tunnel and name == "streamed":
            page.evaluate(PLAYS)
            tunnel.send("Network.emulateNetworkConditions", TUNNEL)
            page.wait_for_timeout(TUNNEL_S * 1e3)
            tunnel.send("Network.emulateNetworkConditions", LINK)
        told |= {f"{name}_{key}": value for key, value in _sampled(page).items()}
        page.get_by_text("Now choose.").wait_for()
        page.keyboard.press("1")
        if name == "streamed":
            page.wait_for_timeout(8000)  # a rater thinks; the next pair loads
            with page.expect_response("**/api/vote") as voted:
                page.keyboard.press("Enter")
            sent = voted.value.request.post_data_json["telemetry"]
            told |= {
                f"page_{key}": sent[key] for key in ("drift_p95_ms", "stalls", "stalled_ms", "resyncs", "ready_ms")
            }
            page.get_by_text("From here on").wait_for()
    return told


def _sampled(page: Any) -> dict[str, float]:
    found = page.evaluate("window.sampled")
    off = np.abs(found["drifts"])
    p50, p95 = np.percentile(off, (50, 95))
    return {
        "samples": len(off),
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
        "max_ms": round(float(off.max()), 1),
        "waited_s": round(found["waited"] / 1e3, 1),
    }


def _scroll(seed: int, noise: float) -> np.ndarray:
    """A coarse pattern that moves, with grain: about a megabit a second."""
    import cv2

    height, width = SIZE
    draw = np.random.default_rng(seed)
    pattern = cv2.resize(
        draw.integers(0, 255, (24, 96, 3), np.uint8), (width * 4, height), interpolation=cv2.INTER_CUBIC
    )
    shots = np.empty((SECONDS * FPS, height, width, 3), np.uint8)
    for k in range(len(shots)):
        picture = pattern[:, 3 * k : 3 * k + width] if 3 * k + width <= 4 * width else pattern[:, -width:]
        grain = draw.normal(0, noise, (height, width, 1))
        shots[k] = np.clip(picture + grain, 0, 255)
    return shots
