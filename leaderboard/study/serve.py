"""Serving a study: one process, one ledger, and a door that is shut unless it was opened on purpose."""

import contextlib
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from bench.digest import digest_file
from bench.errors import StoreError, UnavailableError, UsageError
from leaderboard.study.folder import SECRET_VARIABLE, StudyFolder
from leaderboard.study.ledger import Ledger

LOOPBACK = "127.0.0.1"
KEEP_ALIVE_S = 75  # longer than most proxies', so that no request meets a connection that is being closed


def is_local(address: str) -> bool:
    """Whether only this machine can reach the address. Raises `UsageError` for what is none.

    >>> is_local("127.0.0.1"), is_local("0.0.0.0")
    (True, False)
    """
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise UsageError(f"{address!r} is no IP address.", f"Use {LOOPBACK}, or this machine's address.") from None


def check_door(folder: StudyFolder, address: str, public_url: str) -> None:
    """Refuse an address that others can reach without a good secret and without the name it will be reached under.

    Raises `UsageError`.
    """
    local = is_local(address)
    try:
        folder.key()
    except UsageError as error:
        if local:
            raise
        raise UsageError(
            f"At {address} everyone could vote, and as anyone: {error.what}", f"Set {SECRET_VARIABLE}. {error.mend}"
        ) from None
    if not local and not public_url:
        raise UsageError(
            f"At {address} the study can be reached by other machines.",
            "Say under which address with --public-url https://…, and put an HTTPS proxy before it.",
        )
    if public_url and urlsplit(public_url).scheme not in ("http", "https"):
        raise UsageError(f"{public_url!r} is no web address.", "Write https://HOST.")


def check_media(ledger: Ledger, folder: StudyFolder) -> None:
    """Raises `StoreError` when a clip is missing or is not what the study was made with."""
    changed = list(changed_media(ledger, folder))
    if changed:
        raise StoreError(
            f"{len(changed)} clips are not what the study was made with: {', '.join(changed[:3])}.",
            "Restore media/ from a backup; votes on other clips are another study.",
        )


def changed_media(ledger: Ledger, folder: StudyFolder) -> list[str]:
    """The names of clips that are missing or changed; reads every byte."""
    from sqlalchemy import select

    from leaderboard.study.schema import item

    with ledger.reading() as conn:
        wanted = conn.execute(select(item.c.media, item.c.media_sha256)).all()
    wrong = []
    for name, sha256 in wanted:
        path = folder.media / name
        if not path.is_file() or digest_file(path) != sha256:
            wrong.append(name)
    return wrong


def serve(root: Path, *, address: str = LOOPBACK, port: int = 8601, public_url: str = "") -> None:
    """Serve the study in `root` until Ctrl-C.

    Raises `StoreError` for changed media or a second server, `UsageError` for a door left open, `UnavailableError`
    without the extra.
    """
    folder = StudyFolder.existing(root)
    check_door(folder, address, public_url)
    try:
        import uvicorn
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        from leaderboard.study.app import create_app
    except ImportError as error:
        raise UnavailableError(
            f"The study needs Starlette and uvicorn: {error}.", "pip install 'keepframe[study]'"
        ) from error
    from leaderboard.study.links import Links
    from leaderboard.study.raters import is_closed

    with folder.ledger(write=True) as ledger:
        check_media(ledger, folder)
        with ledger.reading() as conn:
            closed = is_closed(conn)
        app = create_app(folder, ledger)
        names = [urlsplit(public_url).hostname or "*"] if public_url else ["localhost", LOOPBACK, "[::1]", "::1"]
        settings = uvicorn.Config(
            TrustedHostMiddleware(app, allowed_hosts=[*names, LOOPBACK, "localhost"]),
            host=address,
            port=port,
            timeout_keep_alive=KEEP_ALIVE_S,
            log_level="warning",
            access_log=False,  # it would write addresses of raters
            proxy_headers=bool(public_url),
            server_header=False,
        )
        listening = settings.bind_socket()
        where = public_url.rstrip("/") or f"http://{address}:{listening.getsockname()[1]}"
        until_ms = ledger.clock.now_ms() + 90 * 86_400_000
        link = f"{where}/s/{Links(folder.key(), ledger.id).invitation('open', until_ms=until_ms)}"
        print(f"Study {ledger.config.title!r} ({ledger.id}){', closed' if closed else ''}: {where}", flush=True)
        print(f"For anybody, 90 days: {link}", flush=True)
        print("Links for persons and platforms: keepframe study invite. Stop with Ctrl-C.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listening])
