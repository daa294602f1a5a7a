"""A study's server under load, and under SIGKILL, with clients that insist."""

import asyncio
import itertools
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from leaderboard.study import raters as people
from leaderboard.study import schema
from leaderboard.study.chain import problems
from leaderboard.study.config import StudyConfig
from leaderboard.study.design import Clip, Design, write_design
from leaderboard.study.folder import StudyFolder
from leaderboard.study.limits import Limits, Rate
from leaderboard.study.links import Links

FREE = Rate(1e9, 1e9)
WATCHED = {"watched_left": 1, "watched_right": 1, "drift_p95_ms": 4.1, "stalls": 0, "ready_ms": 312}
_spawn = get_context("forkserver")
_spawn.set_forkserver_preload(["__main__", "leaderboard.study.app", "uvicorn"])  # a start is then a fork


@dataclass(frozen=True)
class Session:
    """One rater's cookie and the pairs that are theirs."""

    cookie: str
    pairs: tuple[str, ...]


def study(root: Path, count: int, per_rater: int) -> tuple[StudyFolder, list[Session]]:
    """A study of 8 systems on 50 prompts, without clips, whose raters have agreed and know all their pairs."""
    root.mkdir()
    folder = StudyFolder.create(root)
    clips = tuple(
        Clip(f"s{s}", f"p{p}", f"{s}-{p}.mp4", "0" * 64, 4000, 24.0) for s, p in itertools.product(range(8), range(50))
    )
    design = Design({f"p{p}": "" for p in range(50)}, clips)
    terms = StudyConfig(raters=count, per_rater=per_rater, gold=0, repeats=0, traps=0, min_watch=0)
    write_design(folder.url, terms, design, time.time_ns() // 1_000_000)
    folder.new_secret()
    with folder.ledger(write=True) as ledger:
        links = Links(folder.key(), ledger.id)
        futures = []
        for number in range(count):
            who = people.Newcomer("link", str(number), str(number))
            futures.append(ledger.do(lambda tx, who=who: people.enrol(tx, who)))
        numbers = [future.result().no for future in futures]
        agreed = terms.consent_sha256
        for done in [ledger.do(lambda tx, no=no: people.consent(tx, terms, no, agreed)) for no in numbers]:
            done.result()
        table = schema.assignment
        ledger.do(lambda tx: tx.conn.execute(update(table).values(delivered_ms=1)).rowcount).result()
        with ledger.reading() as conn:
            rows = conn.execute(select(table.c.rater_no, table.c.id).order_by(table.c.rater_no, table.c.position)).all()
        own = {
            no: tuple(row.id for row in group) for no, group in itertools.groupby(rows, key=lambda row: row.rater_no)
        }
        return folder, [Session(f"keepframe_{ledger.id}={links.session(no)}", own[no]) for no in numbers]


def serve(root: str, port: int) -> None:
    """What `keepframe study serve` runs, without the limits and without looking at clips."""
    import uvicorn

    from leaderboard.study.app import create_app

    folder = StudyFolder.existing(Path(root))
    app = create_app(folder, folder.ledger(write=True), limits=Limits(FREE, FREE, FREE))
    settings = uvicorn.Config(
        app, port=port, log_level="critical", access_log=False, timeout_keep_alive=75, proxy_headers=False
    )
    uvicorn.Server(settings).run()


def started(folder: StudyFolder, port: int) -> BaseProcess:
    """A server process that answers."""
    process = _spawn.Process(target=serve, args=(str(folder.root), port), daemon=True)
    process.start()
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return process
        if not process.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.01)


@contextmanager
def running(count: int, per_rater: int) -> Iterator[tuple[StudyFolder, list[Session], int, BaseProcess]]:
    """A served study in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        made, sessions = study(Path(folder) / "study", count, per_rater)
        port = free_port()
        process = started(made, port)
        try:
            yield made, sessions, port, process
        finally:
            process.kill()
            process.join()


def cpu_s(process: BaseProcess) -> float:
    """Processor seconds that a process has used: they say more than the wall on a busy machine."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """One connection that stays open."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port = port
        self._cookie = cookie
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """(status, JSON). Raises OSError or EOFError when the server goes away."""
        if self._stream is None:
            self._stream = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._stream
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self._cookie}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        try:
            writer.write(head.encode() + b"\r\n" + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            told = await reader.readexactly(length)
        except (OSError, EOFError):
            self.close()
            raise
        return int(answer[9:12]), json.loads(told)

    def close(self) -> None:
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None


def _ballot(pair: str) -> bytes:
    choice = ("left", "right", "tie")[int(pair[0], 16) % 3]
    return json.dumps({"assignment": pair, "choice": choice, "criteria": {}, "telemetry": WATCHED}).encode()


def _elsewhere(story: Callable[..., Any], *args: Any) -> Any:
    """Run clients in a process of their own."""
    with ProcessPoolExecutor(1, mp_context=_spawn) as pool:
        return pool.submit(story, *args).result()


# -- votes -----------------------------------------------------------------------------------------------------


def _flood(port: int, sessions: list[Session]) -> tuple[float, list[float], float]:
    """Seconds, milliseconds of each vote, and the processor seconds of these clients."""

    async def one(session: Session, took_ms: list[float]) -> None:
        client = Client(port, session.cookie)
        for pair in session.pairs:
            began = time.perf_counter()
            status, _ = await client.ask("POST", "/api/vote", _ballot(pair))
            took_ms.append((time.perf_counter() - began) * 1e3)
            assert status == 200, status

    async def all_of_them() -> tuple[float, list[float]]:
        took_ms: list[float] = []
        began = time.perf_counter()
        await asyncio.gather(*(one(session, took_ms) for session in sessions))
        return time.perf_counter() - began, took_ms

    before_s = time.process_time()
    seconds, took_ms = asyncio.run(all_of_them())
    return seconds, took_ms, time.process_time() - before_s


def sync_ms(root: Path) -> float:
    """The median time to append a page to a file and sync it: no single commit can be faster."""
    took_ms = []
    with (root / "sync").open("wb", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took_ms.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took_ms)


def votes(_: Namespace) -> dict[str, float]:
    """200 raters who do nothing but vote."""
    with running(200, 100) as (folder, sessions, port, process):
        before_s = cpu_s(process)
        seconds, took_ms, clients_s = _elsewhere(_flood, port, sessions)
        spent_s = cpu_s(process) - before_s
        with folder.ledger() as ledger, ledger.reading() as conn:
            assert ledger.head().seq >= len(took_ms)
            commits = conn.scalar(select(func.count(schema.vote.c.received_ms.distinct()))) or 0
        sync = sync_ms(folder.root)
    return {
        "votes": len(took_ms),
        "per_s": round(len(took_ms) / seconds),
        "server_cpu_ms_a_vote": round(spent_s / len(took_ms) * 1e3, 3),
        "clients_cpu_ms_a_vote": round(clients_s / len(took_ms) * 1e3, 3),
        "commits": commits,
        "sync_ms": round(sync, 2),
        "p50_ms": round(statistics.median(took_ms), 1),
        "p95_ms": round(statistics.quantiles(took_ms, n=20)[-1], 1),
    }


# -- raters ----------------------------------------------------------------------------------------------------


def _think(port: int, sessions: list[Session], think_s: float) -> tuple[float, list[float], list[float]]:
    async def one(number: int, session: Session, vote_ms: list[float], state_ms: list[float]) -> None:
        client = Client(port, session.cookie)
        await asyncio.sleep(think_s * number / len(sessions))
        for pair in session.pairs:
            began = time.perf_counter()
            assert (await client.ask("POST", "/api/vote", _ballot(pair)))[0] == 200
            voted = time.perf_counter()
            assert (await client.ask("GET", "/api/state"))[0] == 200
            vote_ms.append((voted - began) * 1e3)
            state_ms.append((time.perf_counter() - voted) * 1e3)
            await asyncio.sleep(think_s)

    async def all_of_them() -> tuple[float, list[float], list[float]]:
        vote_ms: list[float] = []
        state_ms: list[float] = []
        began = time.perf_counter()
        await asyncio.gather(*(one(n, session, vote_ms, state_ms) for n, session in enumerate(sessions)))
        return time.perf_counter() - began, vote_ms, state_ms

    return asyncio.run(all_of_them())


def raters(_: Namespace) -> dict[str, float]:
    """500 raters at once. Four seconds between votes is as fast as four-second clips allow."""
    with running(500, 8) as (_folder, sessions, port, _process):
        seconds, vote_ms, state_ms = _elsewhere(_think, port, sessions, 4.0)
    return {
        "raters": len(sessions),
        "votes_per_s": round(len(vote_ms) / seconds),
        "vote_p50_ms": round(statistics.median(vote_ms), 1),
        "vote_p95_ms": round(statistics.quantiles(vote_ms, n=20)[-1], 1),
        "state_p95_ms": round(statistics.quantiles(state_ms, n=20)[-1], 1),
    }


# -- kills -----------------------------------------------------------------------------------------------------


@dataclass
class History:
    """What the clients were told, to be held against the ledger."""

    acknowledged: dict[str, tuple[int, str]] = field(default_factory=dict)
    replayed: int = 0
    contradicted: int = 0


async def _insist(port: int, session: Session, history: History, stop: asyncio.Event) -> None:
    """Vote, vote again when no answer came, and sometimes when one did (a double click)."""
    client = Client(port, session.cookie)
    for pair in session.pairs:
        for again in range(1000):
            if stop.is_set():
                return
            try:
                status, told = await client.ask("POST", "/api/vote", _ballot(pair))
            except (OSError, EOFError):
                await asyncio.sleep(0.02)
                continue
            assert status == 200, (status, told)
            history.replayed += told["replayed"]
            heard = history.acknowledged.setdefault(pair, (told["seq"], told["choice"]))
            history.contradicted += heard != (told["seq"], told["choice"])
            if again or random.random() > 0.1:
                break


async def _killing(
    folder: StudyFolder, sessions: list[Session], port: int, process: BaseProcess, times: int
) -> History:
    history, stop = History(), asyncio.Event()
    clients = [asyncio.create_task(_insist(port, session, history, stop)) for session in sessions]
    for done in range(times):
        await asyncio.sleep(random.uniform(0.05, 0.4))
        if done % 20 == 0:
            print(f"{done} kills of {times}, {len(history.acknowledged)} votes", file=sys.stderr, flush=True)
        process.kill()
        process.join()
        if all(client.done() for client in clients):
            raise RuntimeError("the clients had no pairs left before the last kill: nothing was under load")
        process = await asyncio.to_thread(started, folder, port)
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*clients)
    process.kill()
    process.join()
    return history


def kills(options: Namespace) -> dict[str, float]:
    """SIGKILL in the middle of everything, `--kills` times."""
    with running(max(32, options.kills // 2), 1400) as (folder, sessions, port, process):
        history = asyncio.run(_killing(folder, sessions, port, process, options.kills))
        with folder.ledger(write=True) as ledger, ledger.reading() as conn:
            stored = {row.assignment_id: (row.seq, row.choice) for row in conn.execute(select(schema.vote))}
            wrong = list(problems(conn))
            integrity = conn.exec_driver_sql("PRAGMA integrity_check").scalar()
    acknowledged = history.acknowledged
    return {
        "kills": options.kills,
        "acknowledged": len(acknowledged),
        "lost": sum(pair not in stored for pair in acknowledged),
        "changed": history.contradicted + sum(stored.get(pair, told) != told for pair, told in acknowledged.items()),
        "doubled": len(stored) - len({seq for seq, _ in stored.values()}),
        "answered_again": history.replayed,
        "chain_problems": len(wrong) + (integrity != "ok"),
        "cores": os.cpu_count() or 0,
    }
