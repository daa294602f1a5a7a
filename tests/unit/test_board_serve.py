"""Who may talk to the board, and what it says when it cannot start."""

import asyncio
import doctest
import socket
import sys
from pathlib import Path

import pytest

from bench.errors import StoreError, UnavailableError, UsageError
from bench.store import Store
from leaderboard import serve, studies, table
from leaderboard.headers import Message, SecurityHeaders, Send


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Store(tmp_path / "results")
    return tmp_path / "results"


def test_the_examples_hold() -> None:
    for module in (serve, studies, table):
        found = doctest.testmod(module)
        assert found.attempted and not found.failed


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_is_served(address: str) -> None:
    serve.check_address(address, expose=False)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7"])
def test_other_machines_are_refused_unless_asked_for(address: str) -> None:
    with pytest.raises(UsageError, match=r"no login(.|\n)*--expose"):
        serve.check_address(address, expose=False)
    serve.check_address(address, expose=True)


def test_a_name_is_no_address() -> None:
    with pytest.raises(UsageError, match="no IP address"):
        serve.check_address("example.org", expose=True)


def test_no_store_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There are no results"):
        serve.serve(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_taken_port_is_named(store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} is taken(.|\n)*--port"):
            serve.serve(store, port=port)


def test_the_missing_extra_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    with pytest.raises(UnavailableError, match=r"pip install 'keepframe\[board\]'"):
        serve.serve(store, port=0)


def test_every_answer_forbids_what_is_foreign() -> None:
    async def app(scope: object, receive: object, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"X-Frame-Options", b"SAMEORIGIN")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"page"})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {}

    asyncio.run(SecurityHeaders(app, serve.HEADERS)({"type": "http"}, receive, send))
    headers = sent[0]["headers"]
    assert [value for name, value in headers if name.lower() == b"x-frame-options"] == [b"DENY"]
    policy = dict(headers)[b"content-security-policy"].decode()
    assert "img-src 'self' data: blob:;" in policy and "connect-src 'self';" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy
    assert sent[1]["body"] == b"page"
