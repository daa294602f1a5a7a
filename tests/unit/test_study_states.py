"""The ledger against a model of it, in any order of events that Hypothesis thinks of: on SQLite, and on a real
PostgreSQL server where its programs are installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import create_engine

from leaderboard.study import chain, raters
from leaderboard.study.cast import Ballot
from leaderboard.study.clock import ManualClock
from leaderboard.study.engine import check_url
from leaderboard.study.folder import StudyFolder
from leaderboard.study.ledger import Ledger
from leaderboard.study.results import results_of
from leaderboard.study.schema import METADATA
from leaderboard.study.writer import Refused
from tests.unit.study_ledger import CONFIG, DURATION_MS, WATCHED, enter, open_pairs, study

QUICK = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
_CHOICES = st.sampled_from(["left", "right", "tie", "both_bad", "cannot_judge"])


class LedgerStates(RuleBasedStateMachine):
    """What raters, administrators and failing machines may do; `told` is what everybody was promised."""

    url = ""  # set by the tests: "" for SQLite

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        if self.url:
            _emptied(self.url)
        self.folder: StudyFolder = study(Path(self.place.name) / "study", url=self.url)
        self.clock = ManualClock()
        self.ledger: Ledger = self.folder.ledger(write=True, clock=self.clock)
        self.raters: dict[str, int] = {}
        self.told: dict[str, tuple[int, Ballot]] = {}
        self.skipped: set[str] = set()
        self.excluded: set[str] = set()
        self.closed = False

    @rule(name=st.sampled_from(["ann", "bob", "cyd"]))
    def somebody_comes(self, name: str) -> None:
        try:
            who = enter(self.ledger, name)
        except Refused as refused:
            assert self.closed and name not in self.raters and refused.status == 410
        else:
            assert self.raters.setdefault(name, who.no) == who.no

    @precondition(lambda self: self.raters)
    @rule(data=st.data(), choice=_CHOICES, watched=st.booleans(), times=st.integers(1, 3))
    def somebody_votes(self, data: st.DataObject, choice: str, watched: bool, times: int) -> None:
        no = data.draw(st.sampled_from(sorted(self.raters.values())))
        pairs = open_pairs(self.ledger, no)
        if not pairs:
            return
        pair = data.draw(st.sampled_from(pairs[:3]))
        if watched:
            self.clock.advance(DURATION_MS)
        ballot = Ballot(pair.id, no, choice, {}, WATCHED)
        futures = [self.ledger.vote(ballot) for _ in range(times)]
        answers = [_answer(future) for future in futures]
        if self.closed or pair.delivered_ms is None:
            assert {answer.status for answer in answers} <= {409, 410}
        elif not isinstance(answers[0], Refused):
            assert len({answer.seq for answer in answers}) == 1
            self.told[pair.id] = (answers[0].seq, ballot)
        else:
            assert not watched and {answer.status for answer in answers} == {425}

    @precondition(lambda self: self.told)
    @rule(data=st.data(), choice=_CHOICES)
    def somebody_votes_again(self, data: st.DataObject, choice: str) -> None:
        pair = data.draw(st.sampled_from(sorted(self.told)))
        seq, first = self.told[pair]
        answer = _answer(self.ledger.vote(Ballot(pair, first.rater_no, choice, {}, WATCHED)))
        if choice == first.choice:
            assert (answer.seq, answer.replayed) == (seq, True)
        else:
            assert (answer.status, answer.detail) == (409, {"choice": first.choice})

    @precondition(lambda self: self.raters)
    @rule(data=st.data())
    def somebody_cannot_play(self, data: st.DataObject) -> None:
        no = data.draw(st.sampled_from(sorted(self.raters.values())))
        pairs = open_pairs(self.ledger, no)
        if pairs:
            self.ledger.do(lambda tx: raters.could_not_play(tx, no, pairs[0].id, "")).result()
            self.skipped.add(pairs[0].id)

    @precondition(lambda self: self.raters)
    @rule(data=st.data(), out=st.booleans())
    def somebody_is_excluded(self, data: st.DataObject, out: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.raters)))
        pseudonym = enter(self.ledger, name).id
        (self.ledger.exclude if out else self.ledger.include)(pseudonym, "a rule")
        (self.excluded.add if out else self.excluded.discard)(pseudonym)

    @rule(hours=st.integers(0, 3))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * 3_600_000)

    @rule()
    def the_server_is_started_again(self) -> None:
        self.ledger.close()
        self.ledger = self.folder.ledger(write=True, clock=self.clock)

    @rule()
    @precondition(lambda self: len(self.told) > 6)
    def the_study_is_closed(self) -> None:
        self.ledger.do(lambda tx: raters.close(tx, "")).result()
        self.closed = True

    @invariant()
    def the_ledger_is_what_was_told(self) -> None:
        found = results_of(self.ledger)
        with self.ledger.reading() as conn:
            assert list(chain.problems(conn)) == []
            rows = conn.exec_driver_sql("SELECT assignment_id, seq, choice, rater_no FROM vote").fetchall()
            dealt = conn.exec_driver_sql("SELECT rater_no, comparison_id, repeat_ix FROM assignment").fetchall()
        assert {row[0]: tuple(row[1:]) for row in rows} == {
            pair: (seq, ballot.choice, ballot.rater_no) for pair, (seq, ballot) in self.told.items()
        }
        assert len(dealt) == len(set(dealt)), "nobody meets a pair twice (G2)"
        assert len(dealt) == len(self.raters) * (CONFIG.per_rater + CONFIG.repeats + 3)
        skipped = {event.subject for event in found.events if event.kind == "could_not_play"}
        assert skipped == self.skipped and not skipped & set(self.told)
        out = {name for name, excluded in zip(found.votes.raters, found.excluded, strict=True) if excluded}
        assert out == self.excluded and found.closed == self.closed

    def teardown(self) -> None:
        self.ledger.close()
        self.place.cleanup()


def _answer(future: Any) -> Any:
    try:
        return future.result()
    except Refused as refused:
        return refused


def _emptied(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as conn:
        METADATA.drop_all(conn)
        conn.exec_driver_sql("DROP FUNCTION IF EXISTS append_only()")
    engine.dispose()


def test_sqlite_keeps_its_word() -> None:
    run_state_machine_as_test(LedgerStates, settings=QUICK)


def _programs() -> Path | None:
    """Where PostgreSQL's programs are; they are often not on the path."""
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, over a Unix socket in a temporary folder."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt-get install postgresql")
    root = Path(tempfile.mkdtemp(prefix="kfpg", dir="/tmp"))  # short: a socket's path has 107 characters
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(root, "nobody")
        as_user = {"user": "nobody", "group": None}
        import pwd

        as_user["group"] = pwd.getpwnam("nobody").pw_gid
        shutil.chown(root, "nobody", as_user["group"])
    data = root / "data"

    def call(program: str, *args: str) -> None:
        done = subprocess.run(
            [programs / program, *args], capture_output=True, text=True, check=False, cwd=root, **as_user
        )
        assert done.returncode == 0, done.stderr

    call("initdb", "-D", str(data), "-U", "study", "-A", "trust", "--no-sync")
    options = f"-k {root} -c listen_addresses='' -c shared_buffers=16MB"
    call("pg_ctl", "-D", str(data), "-w", "-l", str(root / "log"), "-o", options, "start")
    try:
        yield check_url(f"postgresql://study@/postgres?host={root}")
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(root)


def test_postgresql_keeps_its_word(server: str) -> None:
    states = type("PostgresStates", (LedgerStates,), {"url": server})
    run_state_machine_as_test(states, settings=settings(QUICK, max_examples=4))


def test_two_servers_share_one_postgresql_ledger(server: str, tmp_path: Path) -> None:
    _emptied(server)
    folder = study(tmp_path / "study", url=server)
    clock = ManualClock()
    with folder.ledger(write=True, clock=clock) as one, folder.ledger(write=True, clock=clock) as two:
        everyone = [enter(one if n % 2 else two, f"rater {n}").no for n in range(6)]
        firsts = [open_pairs(one, no)[0].id for no in everyone]
        clock.advance(DURATION_MS)
        votes = [
            host.vote(Ballot(pair, no, "tie", {}, WATCHED))
            for no, pair in zip(everyone, firsts, strict=True)
            for host in (one, two)  # both get the same click
        ]
        receipts = [vote.result() for vote in votes]
        assert sum(not receipt.replayed for receipt in receipts) == len(everyone)
        with one.reading() as conn:
            assert list(chain.problems(conn)) == []


def test_postgresql_refuses_to_change_history(server: str, tmp_path: Path) -> None:
    _emptied(server)
    study(tmp_path / "study", url=server)
    engine = create_engine(server)
    for statement in ("UPDATE event SET body = '{}'", "DELETE FROM event", "TRUNCATE vote"):
        with pytest.raises(Exception, match="append only"), engine.begin() as conn:
            conn.exec_driver_sql(statement)
    engine.dispose()
