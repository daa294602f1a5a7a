"""What every answer of the rater's page carries, and which requests are not answered at all."""

import json
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from leaderboard.study.writer import Refused

# scripts and styles only from files of ours; clips may be kept as blobs while the pair before is on show
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), interest-cohort=()",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"x-robots-tag": b"noindex",
}
MOST_BODY = 32_768


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a POST from our own page. Raises `Refused` for anything else.

    A page elsewhere cannot send JSON here without being asked by the browser who it is; its Origin tells.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "Send JSON.")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, "This request comes from another site.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise Refused(413, "The request is too long.")
    try:
        told = json.loads(body, parse_constant=_no_constant)
        if b"\\u" in body:  # half of a surrogate pair is JSON, but no text that could be stored
            json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused(400, "The request is no JSON.") from None
    if not isinstance(told, dict):
        raise Refused(400, "The request is no JSON object.")
    return told


def _no_constant(name: str) -> None:
    raise ValueError(name)
