"""Calls an ASGI app without a socket: what simulated raters and tests use in the place of a browser."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer. Header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """The JSON in the body."""
        return json.loads(self.body)


@dataclass
class Visitor:
    """One browser: it keeps its cookies, and remembers nothing else."""

    app: Any
    host: str = "127.0.0.1"
    address: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET a path with its query."""
        return await self._call("GET", path, b"", dict(headers or {}))

    async def post(self, path: str, told: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON."""
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return await self._call("POST", path, body, {"content-type": "application/json", **(headers or {})})

    async def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        parts = urlsplit(path)
        sent = {"host": self.host, **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": (self.address, 1),
            "server": (self.host, 80),
        }
        messages: list[dict[str, Any]] = []
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if pending:
                return pending.pop()
            await asyncio.Event().wait()  # the browser stays
            raise AssertionError("unreachable")

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start = messages[0]
        got = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        for name, value in got:
            if name == "set-cookie":
                self.cookies.update({key: morsel.value for key, morsel in SimpleCookie(value).items()})
        return Answer(start["status"], dict(got), b"".join(message.get("body", b"") for message in messages[1:]))
