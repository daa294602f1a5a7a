"""The study beside the board in one Streamlit app: the very code of the guide, served by uvicorn."""

import http.client
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from leaderboard.study import new as studies
from leaderboard.study.config import StudyConfig
from leaderboard.study.links import Links
from leaderboard.study.sources import check, from_folders
from tests.unit.study_videos import videos

pytest.importorskip("streamlit")
GUIDE = Path(__file__).parents[2] / "docs" / "STUDIES.md"
SERVE = """
import uvicorn
from both import app
config = uvicorn.Config(app, port=0, log_level="critical", access_log=False)
socket = config.bind_socket()
socket.listen()
print(socket.getsockname()[1], flush=True)
uvicorn.Server(config).run(sockets=[socket])
"""


def test_board_and_study_share_a_process(tmp_path: Path) -> None:
    found = check(from_folders(videos(tmp_path / "in", prompts=1, seconds=0.5)))
    terms = StudyConfig(per_rater=1, gold=0, repeats=0, traps=0, min_watch=0)
    folder = studies.create(tmp_path / "mystudy", terms, found, {"prompt0": ""})
    with folder.ledger() as ledger:
        invitation = Links(folder.key(), ledger.id).invitation("open", until_ms=ledger.clock.now_ms() + 3_600_000)
    code = re.search(r"^(    import os\n.*?)^(?=\S)", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert code is not None
    (tmp_path / "both.py").write_text(textwrap.dedent(code[1]))
    root = str(GUIDE.parents[1])
    environment = os.environ | {"PYTHONPATH": root, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            site = _Site(int(server.stdout.readline()))
            _board_is_up(site)
            _a_rater_votes(site, invitation)
        finally:
            server.terminate()
    with folder.ledger() as ledger:
        assert ledger.head().seq == 4, "open, enrol, consent, vote"


class _Site:
    """Two addresses under one port, asked as a browser would that keeps its cookie."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cookie = ""

    def ask(self, path: str, told: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        sent = {"cookie": self.cookie, **headers}
        if told is not None:
            sent["content-type"] = "application/json"
        body = None if told is None else json.dumps(told)
        connection.request("GET" if told is None else "POST", path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def _board_is_up(site: _Site) -> None:
    status, headers, page = site.ask("/")
    assert status == 200 and b"Streamlit" in page, "the board"
    assert "default-src 'none'" not in headers.get("content-security-policy", "")
    assert site.ask("/_stcore/health")[::2] == (200, b"ok")
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    status, _, _ = site.ask("/_stcore/stream", **upgrade, **{"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert status == 101, "its script runs over this"


def _a_rater_votes(site: _Site, invitation: str) -> None:
    status, headers, _ = site.ask(f"/study/s/{invitation}")
    assert status == 303 and urlsplit(headers["location"]).path == "/study/"
    site.cookie, _, attributes = headers["set-cookie"].partition(";")
    assert "path=/study/" in attributes.lower()
    status, headers, page = site.ask("/study/")
    assert status == 200 and b"<video" in page and "default-src 'none'" in headers["content-security-policy"]
    assert site.ask("/study/static/page.js")[0] == 200
    terms = json.loads(site.ask("/study/api/state")[2])
    told = json.loads(site.ask("/study/api/consent", {"consent_sha256": terms["consent_sha256"]})[2])
    pair = told["pairs"][0]
    status, headers, part = site.ask(f"/study/{pair['left']}", range="bytes=0-99")
    assert status == 206 and len(part) == 100 and headers["content-type"] == "video/mp4"
    vote = {"assignment": pair["id"], "choice": "left", "criteria": {}, "telemetry": {}}
    for again in (False, True):
        status, _, content = site.ask("/study/api/vote", vote | {"telemetry": {"watched_left": 1, "watched_right": 1}})
        assert status == 200 and json.loads(content)["replayed"] is again
