"""`keepframe board`: the server, and who may talk to it.

The board shows files of this machine to whoever can open a socket to it, and has no login. So it listens on
this machine only, answers only under this machine's own names (a web page elsewhere cannot reach it by pointing its
own name here), sends browsers a content policy that forbids loading anything from anywhere else, and tells nobody
that it was used.
"""

import errno
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from bench.errors import UnavailableError, UsageError
from bench.store import Store
from leaderboard.headers import SecurityHeaders
from reports.look import FONT, GRID, INK, PAPER

STORE_VARIABLE = "KEEPFRAME_STORE"  # how the page learns which store to read
STUDY_VARIABLE = "KEEPFRAME_STUDIES"  # and which studies: paths, separated as in PATH
LOOPBACK = "127.0.0.1"

# Streamlit's own page needs inline styles, and Vega compiles expressions; nothing may come from elsewhere
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}


def board(
    *,
    store: Annotated[Path, Parameter(help="The result folder.", env_var=STORE_VARIABLE)] = Path("results"),
    port: Annotated[int, Parameter(help="0 takes a free one.")] = 8501,
    address: Annotated[str, Parameter(help="The address of this machine to listen at.")] = LOOPBACK,
    expose: Annotated[bool, Parameter(help="Allow an address that other machines can reach.", negative="")] = False,
    study: Annotated[tuple[Path, ...], Parameter(help="Show this study's ranking too. May be repeated.")] = (),
) -> None:
    """Browse the results in a web page on this machine, until Ctrl-C.

    Examples:

        keepframe board --store results

        keepframe board --study mystudy
    """
    serve(store, port=port, address=address, expose=expose, studies=study)


def serve(
    store: Path,
    *,
    port: int = 8501,
    address: str = LOOPBACK,
    expose: bool = False,
    studies: Sequence[Path] = (),
) -> None:
    """Serve the board over `store` and `studies` (folders, or files of votes) until Ctrl-C. `port` 0 takes a free one;
    the URL is printed.

    Raises StoreError when `store` is none and no study is named, UsageError for a study that is not there, for a taken
    port or for an address that other machines can reach without `expose`, UnavailableError without the extra.
    """
    if not studies:
        Store.existing(store)
    for study in studies:
        if not study.exists():
            raise UsageError(f"There is no study at {study}.", "keepframe study new makes one.")
    check_address(address, expose)
    _check_port(address, port)
    try:
        import streamlit as st
        from starlette.middleware import Middleware
        from streamlit import config
    except ImportError as error:
        raise UnavailableError(
            f"The board needs Streamlit, which cannot be imported: {error}.", "pip install 'keepframe[board]'"
        ) from error

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        print(f"Keepframe board over {store}: {_url(address, config.get_option('server.port'))}", flush=True)
        print("Stop it with Ctrl-C.", flush=True)
        yield

    os.environ[STORE_VARIABLE] = str(Path(store).absolute())
    os.environ[STUDY_VARIABLE] = os.pathsep.join(str(Path(study).absolute()) for study in studies)
    app = st.App(
        Path(__file__).with_name("app.py"), lifespan=lifespan, middleware=[Middleware(SecurityHeaders, headers=HEADERS)]
    )
    app.run(config=_settings(port, address, expose))


def check_address(address: str, expose: bool) -> None:
    """Refuse an address that other machines can reach, unless that was asked for.

    >>> check_address("127.0.0.1", expose=False)
    """
    try:
        local = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise UsageError(f"{address!r} is no IP address.", f"Use {LOOPBACK}, or this machine's address.") from None
    if not local and not expose:
        raise UsageError(
            f"At {address} the board is open to everyone who can reach this machine: it has no login, and shows "
            "the names and the frames of your videos.",
            "Leave --address out and use an SSH tunnel, or add --expose if that is what you want.",
        )


def _check_port(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            what = f"Port {port} is taken" if taken else f"Cannot listen at {address}, port {port}: {error.strerror}"
            raise UsageError(f"{what}.", "Name another one with --port; --port 0 takes a free one.") from error


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _settings(port: int, address: str, expose: bool) -> dict[str, Any]:
    """Streamlit's options; they win over any config.toml of the user's."""
    return {
        "server.port": port,
        "server.address": address,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.allowedHosts": ["*"] if expose else ["localhost", LOOPBACK, "[::1]", "::1"],
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorLinks": False,
        "client.disableDataExport": True,  # the board has its own, which no spreadsheet can be tricked by
        "logger.hideWelcomeMessage": True,
        "logger.level": "warning",
        "theme.base": "light",
        "theme.primaryColor": "#0072b2",
        "theme.backgroundColor": PAPER,
        "theme.secondaryBackgroundColor": "#f5f6f8",
        "theme.textColor": INK,
        "theme.borderColor": GRID,
        "theme.font": FONT,
        "theme.headingFontSizes": ["1.7rem", "1.35rem", "1.15rem", "1.05rem", "1rem", "0.9rem"],
        "theme.baseRadius": "small",
        "theme.showWidgetBorder": True,
    }
