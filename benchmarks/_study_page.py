"""How far apart two videos are on the rater's page, measured from outside the page's own player."""

import re
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from bench.video.write import write_video
from leaderboard.study import new as studies
from leaderboard.study.config import StudyConfig
from leaderboard.study.sources import check, from_folders
from tests.browser.chromium import CHROMIUM, MISSING, launched

ROOT = Path(__file__).resolve().parent.parent
SECONDS, FPS, SIZE = 12, 24, (360, 640)
LINK = {"offline": False, "latency": 40, "downloadThroughput": 4e6 / 8, "uploadThroughput": 1e6 / 8}

# each painted frame, while both play: where B is less where A is, in milliseconds
SAMPLE = """seconds => new Promise(done => {
  const [a, b] = document.querySelectorAll('video'), found = [], from = performance.now();
  const look = () => {
    if (!a.paused && !b.paused && !a.seeking && !b.seeking) found.push((b.currentTime - a.currentTime) * 1e3);
    if (performance.now() - from < seconds * 1e3) requestAnimationFrame(look); else done(found);
  };
  look();
})"""


def drift(_: Namespace) -> dict[str, Any]:
    """A pair that streams while it plays, and the next one, which was loaded meanwhile."""
    if not CHROMIUM:
        return {"skipped": MISSING}
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number, noise in enumerate((2.0, 4.0)):
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
                with sync_playwright() as play, launched(play) as browser:
                    page = browser.new_page(viewport={"width": 1280, "height": 900})
                    page.set_default_timeout(180_000)
                    network = page.context.new_cdp_session(page)
                    network.send("Network.enable")
                    network.send("Network.emulateNetworkConditions", LINK)
                    told = _watch(page, link[0])
            finally:
                server.terminate()
    return {"clips_kbps": kbps, **told}


def _watch(page: Any, link: str) -> dict[str, Any]:
    page.goto(link)
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Start").click()
    told: dict[str, Any] = {}
    for name in ("streamed", "prefetched"):
        samples = np.abs(page.evaluate(SAMPLE, SECONDS + 4))
        told |= {
            f"{name}_samples": len(samples),
            f"{name}_p50_ms": round(float(np.percentile(samples, 50)), 1),
            f"{name}_p95_ms": round(float(np.percentile(samples, 95)), 1),
            f"{name}_max_ms": round(float(samples.max()), 1),
        }
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
