"""The rater's page as an ASGI app: eight addresses, no state of its own.

    GET  /                  the page             GET  /api/state    the session: consent, pairs, done
    GET  /s/{invitation}    enter                POST /api/consent  agree
    GET  /media/{clip}      a clip, in ranges    POST /api/vote     vote, acknowledged after the commit
    GET  /api/health        is it up             POST /api/failed   could not play

Everything is in the ledger, so a reload, a second tab or a server killed and started again goes on where the rater was.
It can be mounted in another app: all addresses in the page are relative.
"""

import asyncio
import gc
import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bench import __version__
from leaderboard.headers import SecurityHeaders
from leaderboard.study import raters
from leaderboard.study.cast import Ballot
from leaderboard.study.folder import Key, StudyFolder
from leaderboard.study.ledger import Ledger
from leaderboard.study.limits import Buckets, Limits, Networks
from leaderboard.study.links import Links, external
from leaderboard.study.security import HEADERS, json_body
from leaderboard.study.session import clip_of, practice_answer, state
from leaderboard.study.writer import LedgerUnavailable, Refused

STATIC = Path(__file__).with_name("static")
_FRESH = {"cache-control": "no-store"}
_REFUSED = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Video study</title>
<link rel="icon" href="../static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="../static/style.css">
</head>
<body>
<header><h1>Video study</h1></header>
<main><p>{why}</p></main>
</body>
</html>
"""
_HEX_ID = frozenset("0123456789abcdef")

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class StudyApp:
    """The handlers over one open ledger."""

    def __init__(self, folder: StudyFolder, ledger: Ledger, key: Key, limits: Limits) -> None:
        self._ledger = ledger
        self._media = folder.media
        self._key = key
        self._links = Links(key, ledger.id)
        self._limits = limits
        self._buckets = Buckets()
        self._networks = Networks()
        self._cookie = f"keepframe_{ledger.id}"

    def routes(self) -> list[Route | Mount]:
        """All addresses, each behind its limits; the most asked for first, as they are tried in order."""
        return [
            Route("/api/vote", self._answer(self.vote), methods=["POST"]),
            Route("/api/state", self._answer(self.state)),
            Route("/media/{token}", self._answer(self.media)),
            Route("/", self._answer(self.page)),
            Route("/s/{token}", self._answer(self.enter)),
            Route("/api/health", self._answer(self.health)),
            Route("/api/consent", self._answer(self.consent), methods=["POST"]),
            Route("/api/failed", self._answer(self.failed), methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def page(self, _: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def health(self, _: Request) -> Response:
        head = await self._read(lambda conn: self._ledger.head())
        return JSONResponse({"up": True, "rows": head.seq}, headers=_FRESH)

    async def enter(self, request: Request) -> Response:
        self._spend(f"invitation {self._network(request)}", request, "invitations")
        source, name = self._links.read_invitation(request.path_params["token"], self._ledger.clock.now_ms())
        root = request.scope.get("root_path", "") + "/"
        if source == "open" and self._cookie in request.cookies:
            self._links.read_session(request.cookies[self._cookie])
            return RedirectResponse(root, 303, headers=_FRESH)
        own, kept = external(source, name, dict(request.query_params))
        who = raters.Newcomer(source, json.dumps({"id": own, **kept}), self._key.sign("external", source, own))
        row = await self._write(lambda tx: raters.enrol(tx, who))
        answer = RedirectResponse(root, 303, headers=_FRESH)
        answer.set_cookie(
            self._cookie,
            self._links.session(row.no),
            max_age=90 * 86_400,
            path=root,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    async def state(self, request: Request) -> Response:
        return JSONResponse(await self._state(self._who(request)), headers=_FRESH)

    async def consent(self, request: Request) -> Response:
        no = self._who(request)
        told = str((await json_body(request)).get("consent_sha256"))
        await self._write(lambda tx: raters.consent(tx, self._ledger.config, no, told))
        return JSONResponse(await self._state(no), headers=_FRESH)

    async def vote(self, request: Request) -> Response:
        no = self._who(request)
        ballot = _ballot(no, await json_body(request))
        receipt = await self._ledger.vote_soon(ballot)
        told: dict[str, Any] = {"seq": receipt.seq, "choice": receipt.choice, "replayed": receipt.replayed}
        if ballot.telemetry.get("practice"):
            told["right"] = await self._read(lambda conn: practice_answer(conn, ballot.assignment))
        return JSONResponse(told, headers=_FRESH)

    async def failed(self, request: Request) -> Response:
        no = self._who(request)
        told = await json_body(request)
        name, reason = _identifier(told.get("assignment")), str(told.get("reason", ""))
        await self._write(lambda tx: raters.could_not_play(tx, no, name, reason))
        return JSONResponse({"noted": True}, headers=_FRESH)

    async def media(self, request: Request) -> Response:
        token = request.path_params["token"]
        assignment, side = self._links.read_clip(token, self._ledger.clock.now_ms())
        name = await self._read(lambda conn: clip_of(conn, assignment, side))
        tag = self._key.sign("tag", assignment, side)  # the same clip in another pair has another tag
        headers = {"cache-control": "private, max-age=43200", "etag": f'"{tag}"', "accept-ranges": "bytes"}
        return FileResponse(self._media / name, media_type="video/mp4", headers=headers)

    async def _state(self, no: int) -> dict[str, Any]:
        told = await self._read(lambda conn: state(conn, self._ledger, self._links, no))
        if told.pop("deliver"):
            await self._write(lambda tx: raters.deliver(tx, no))
        if told.pop("complete"):
            await self._write(lambda tx: raters.complete(tx, no, told["code"]))
        return told

    def _who(self, request: Request) -> int:
        no = self._links.read_session(request.cookies.get(self._cookie, ""))
        self._spend(f"rater {no}", request, "rater")
        return no

    def _network(self, request: Request) -> str:
        return self._networks.name(request.client.host if request.client else "")

    def _spend(self, name: str, request: Request, limit: str) -> None:
        wait_s = self._buckets.wait_s(name, getattr(self._limits, limit))
        if wait_s:
            raise Refused(429, "Too many requests at once. The page tries again by itself.", wait_ms=wait_s * 1e3)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        def reading() -> T:
            with self._ledger.reading() as conn:
                return query(conn)

        return await to_thread.run_sync(reading)

    async def _write(self, work: Callable[[Any], T]) -> T:
        return await asyncio.wrap_future(self._ledger.do(work))

    def _answer(self, handler: Handler) -> Handler:
        """The handler behind the network's limit, with refusals as JSON."""

        async def answered(request: Request) -> Response:
            try:
                self._spend(f"network {self._network(request)}", request, "network")
                return await handler(request)
            except Refused as refused:
                told = {"error": refused.reason, **refused.detail}
                wait = {"retry-after": str(1 + int(told.get("wait_ms", 0) // 1000))} if refused.status == 429 else {}
                return _refusal(request, told, refused.status, wait)
            except LedgerUnavailable:
                told = {"error": "Your answer could not be stored yet. The page tries again by itself."}
                return _refusal(request, told, 503, {"retry-after": "2"})

        return answered


def create_app(folder: StudyFolder, ledger: Ledger, *, limits: Limits | None = None, close: bool = False) -> Starlette:
    """The study as an ASGI app over a ledger opened to be written; mount it anywhere, or serve it alone.

    With `close`, the ledger is closed when the server stops.
    """
    handlers = StudyApp(folder, ledger, folder.key(), limits or Limits())

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        gc.freeze()  # what was imported is never garbage; to walk it again and again took a tenth of a vote's time
        yield
        if close:
            ledger.close()

    return Starlette(
        routes=handlers.routes(), middleware=[Middleware(SecurityHeaders, headers=HEADERS)], lifespan=lifespan
    )


def _ballot(no: int, told: dict[str, Any]) -> Ballot:
    criteria, telemetry = told.get("criteria", {}), told.get("telemetry", {})
    if not isinstance(criteria, dict) or not isinstance(telemetry, dict):
        raise Refused(422, "This is not an answer to what was asked.")
    if not all(isinstance(answer, str) for answer in criteria.values()):
        raise Refused(422, "This is not an answer to what was asked.")
    choice = told.get("choice")
    ballot = Ballot(_identifier(told.get("assignment")), no, str(choice), criteria, telemetry, __version__)
    try:
        ballot.sha256  # noqa: B018 - here and not in the writer, where numbers like 1e999 would be a failure of the ledger
    except (ValueError, RecursionError):
        raise Refused(422, "This is not an answer to what was asked.") from None
    return ballot


def _identifier(told: Any) -> str:
    if not isinstance(told, str) or len(told) != 32 or not _HEX_ID.issuperset(told):
        raise Refused(404, "There is no such pair for you.")
    return told


def _refusal(request: Request, told: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    """JSON for the page; a page with a sentence for whoever opened a link."""
    if "/s/" in request.url.path:
        return HTMLResponse(_REFUSED.format(why=html.escape(told["error"])), status, headers=_FRESH | headers)
    return JSONResponse(told, status, headers=_FRESH | headers)
