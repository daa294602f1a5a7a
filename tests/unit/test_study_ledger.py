"""The ledger's promises: one vote a pair, nothing acknowledged that is not kept, nothing changed unseen."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from bench.digest import canonical, digest_bytes
from bench.errors import StoreError
from leaderboard.study import chain, raters, schema
from leaderboard.study.cast import Ballot
from leaderboard.study.clock import ManualClock
from leaderboard.study.deck import read_deck
from leaderboard.study.engine import check_url, sqlite_warning
from leaderboard.study.folder import StudyFolder
from leaderboard.study.ledger import Ledger
from leaderboard.study.results import read_results, results_of
from leaderboard.study.writer import LedgerUnavailable, Refused
from suites.preference.votes import Outcome
from tests.unit.study_ledger import CONFIG, DURATION_MS, WATCHED, answer_all, enter, open_pairs, study


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return study(tmp_path / "study")


@pytest.fixture
def ledger(folder: StudyFolder, clock: ManualClock) -> Ledger:
    with folder.ledger(write=True, clock=clock) as opened:
        yield opened


def _rows(folder: StudyFolder, sql: str) -> list[tuple]:
    with sqlite3.connect(folder.root / "ledger.sqlite") as conn:
        return conn.execute(sql).fetchall()


@pytest.mark.parametrize(
    "value", [{"b": [1, -0.5, 1e-9, None, True], "a": {"é\n": "\U0001f600"}}, {}, "x", 12345678901234567890]
)
def test_text_that_is_hashed_is_the_canonical_one(value: object) -> None:
    assert chain.canonical_json(value) == canonical(value)
    ballot = Ballot("0" * 32, 1, "left", {"motion": "tie"}, {"x": value})
    whole = {"choice": "left", "criteria": {"motion": "tie"}, "telemetry": {"x": value}}
    assert ballot.sha256 == digest_bytes(canonical(whole).encode())


def test_a_session_is_what_the_plan_says(ledger: Ledger) -> None:
    who = enter(ledger, "ann")
    pairs = open_pairs(ledger, who.no)
    with ledger.reading() as conn:
        kind = dict(conn.execute(select(schema.comparison.c.id, schema.comparison.c.kind)).all())
    kinds = [kind[pair.comparison_id] for pair in pairs]
    assert kinds[0] == "practice"
    assert Counter(kinds) == {"real": CONFIG.per_rater + CONFIG.repeats, "gold": 1, "trap": 1, "practice": 1}
    mirror = next(pair for pair in pairs if pair.repeat_ix)
    original = next(p for p in pairs if p.comparison_id == mirror.comparison_id and not p.repeat_ix)
    assert (mirror.left_item, mirror.right_item) == (original.right_item, original.left_item)
    assert mirror.position > original.position
    assert sum(pair.delivered_ms is not None for pair in pairs) == 2, "the page knows this pair and the next"


def test_sessions_are_balanced_over_pairs_prompts_and_sides(tmp_path: Path, clock: ManualClock) -> None:
    with study(tmp_path / "s", size=(4, 6)).ledger(write=True, clock=clock) as ledger:
        for name in range(24):
            enter(ledger, f"rater {name}")
        with ledger.reading() as conn:
            rows = conn.execute(
                select(schema.assignment, schema.comparison.c.kind, schema.comparison.c.item_a)
                .join(schema.comparison, schema.comparison.c.id == schema.assignment.c.comparison_id)
                .where(schema.comparison.c.kind == "real", schema.assignment.c.repeat_ix == 0)
            ).all()
            system = dict(conn.execute(select(schema.item.c.id, schema.item.c.system_id)).all())
    pairs = Counter(tuple(sorted((system[row.left_item], system[row.right_item]))) for row in rows)
    orders = Counter((system[row.left_item], system[row.right_item]) for row in rows)
    assert set(pairs.values()) == {24}, "24 raters with 6 pairs each, over 6 pairs of systems"
    assert set(orders.values()) == {12}
    assert set(Counter(row.comparison_id for row in rows).values()) == {4}, "each pair on each of 6 prompts"
    assert all(0 < row.propensity <= 1 for row in rows)


def test_pairs_of_who_left_are_given_out_again(ledger: Ledger, clock: ManualClock) -> None:
    first = enter(ledger, "leaves")
    dealt = {pair.comparison_id for pair in open_pairs(ledger, first.no)}
    clock.advance(CONFIG.lease_ms + 1)
    with ledger.reading() as conn:
        deck = read_deck(conn, clock.now_ms())
    assert deck.shown.sum() == 0
    second = enter(ledger, "comes")
    assert dealt & {pair.comparison_id for pair in open_pairs(ledger, second.no)}
    clock.advance(DURATION_MS)
    late = open_pairs(ledger, first.no)[0]
    assert ledger.vote(Ballot(late.id, first.no, "tie", {}, WATCHED)).result().seq, "a late vote counts (G5)"


def test_the_same_vote_again_is_answered_alike_and_another_is_refused(ledger: Ledger, clock: ManualClock) -> None:
    who = enter(ledger, "ann")
    pair = open_pairs(ledger, who.no)[0]
    clock.advance(DURATION_MS)
    ballot = Ballot(pair.id, who.no, "left", {"motion": "right"}, WATCHED)
    first, again = ledger.vote(ballot).result(), ledger.vote(Ballot(*_fields(ballot))).result()
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.seq, first.choice) == (again.seq, again.choice)
    with pytest.raises(Refused) as refused:
        ledger.vote(Ballot(pair.id, who.no, "right", {}, WATCHED)).result()
    assert (refused.value.status, refused.value.detail) == (409, {"choice": "left"})


def _fields(ballot: Ballot) -> tuple:
    return ballot.assignment, ballot.rater_no, ballot.choice, ballot.criteria, ballot.telemetry


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"assignment": "0" * 32}, 404),
        ({"rater_no": 99}, 404),
        ({"choice": "middle"}, 422),
        ({"criteria": {"beauty": "left"}}, 422),
        ({"criteria": {"motion": "both_bad"}}, 422),
        ({"telemetry": {}}, 425),
        ({"telemetry": {"watched_left": 1.0, "watched_right": 0.5}}, 425),
        ({"telemetry": WATCHED | {"note": "x" * 5000}}, 422),
    ],
)
def test_what_is_no_vote_is_refused(ledger: Ledger, clock: ManualClock, change: dict, status: int) -> None:
    who = enter(ledger, "ann")
    pair = open_pairs(ledger, who.no)[0]
    clock.advance(DURATION_MS)
    given = {"assignment": pair.id, "rater_no": who.no, "choice": "tie", "criteria": {}, "telemetry": WATCHED}
    with pytest.raises(Refused) as refused:
        ledger.vote(Ballot(**(given | change))).result()
    assert refused.value.status == status
    assert ledger.vote(Ballot(**given)).result().seq, "and the pair can still be voted on"


def test_too_fast_and_unseen_are_refused_by_the_servers_clock(ledger: Ledger, clock: ManualClock) -> None:
    who = enter(ledger, "ann")
    shown, upcoming, hidden, *_ = open_pairs(ledger, who.no)
    clock.advance(DURATION_MS // 2)
    with pytest.raises(Refused) as early:
        ledger.vote(Ballot(shown.id, who.no, "left", {}, WATCHED)).result()
    assert early.value.status == 425 and early.value.detail["wait_ms"] > 0
    clock.advance(DURATION_MS)
    ledger.vote(Ballot(shown.id, who.no, "left", {}, WATCHED)).result()
    with pytest.raises(Refused) as next_one:  # its clock starts with the vote before, however early it was loaded
        ledger.vote(Ballot(upcoming.id, who.no, "left", {}, WATCHED)).result()
    assert next_one.value.status == 425
    with pytest.raises(Refused) as unseen:
        ledger.vote(Ballot(hidden.id, who.no, "left", {}, WATCHED)).result()
    assert unseen.value.status == 409


def test_double_clicks_from_many_threads_give_one_vote(ledger: Ledger, clock: ManualClock) -> None:
    who = enter(ledger, "ann")
    pair = open_pairs(ledger, who.no)[0]
    clock.advance(DURATION_MS)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(
            pool.map(lambda _: ledger.vote(Ballot(pair.id, who.no, "tie", {}, WATCHED)).result(), range(64))
        )
    assert len({receipt.seq for receipt in receipts}) == 1
    assert sum(not receipt.replayed for receipt in receipts) == 1


def test_could_not_play_is_an_event_and_no_vote(ledger: Ledger) -> None:
    who = enter(ledger, "ann")
    pair = open_pairs(ledger, who.no)[0]
    for _ in range(2):
        ledger.do(lambda tx: raters.could_not_play(tx, who.no, pair.id, "no H.264")).result()
    assert pair.id not in {left.id for left in open_pairs(ledger, who.no)}
    found = results_of(ledger)
    assert [event.subject for event in found.events if event.kind == "could_not_play"] == [pair.id]
    with pytest.raises(Refused, match="could not be played"):
        ledger.vote(Ballot(pair.id, who.no, "tie", {}, WATCHED)).result()


def test_the_results_are_the_votes(ledger: Ledger, clock: ManualClock) -> None:
    ann, bob = enter(ledger, "ann"), enter(ledger, "bob")
    answer_all(ledger, clock, ann.no, "left")
    answer_all(ledger, clock, bob.no, "both_bad")
    found = results_of(ledger)
    overall = found.votes.on("overall")
    assert len(overall) == 2 * CONFIG.per_rater and len(found.votes.on("motion")) == 2 * CONFIG.per_rater
    assert found.votes.raters == (ann.id, bob.id)
    assert set(overall.outcome[overall.rater == 0]) == {Outcome.LEFT}
    assert set(overall.outcome[overall.rater == 1]) == {Outcome.BOTH_BAD}
    assert set(found.votes.on("motion").outcome) == {Outcome.TIE}
    assert len(found.repeats) == 2 * CONFIG.repeats
    assert len(found.gold_rater) == 4, "a gold pair and a trap each"
    assert found.gold_right[found.gold_rater == 0].any(), "the trap asks for the left"
    assert not found.gold_right[found.gold_rater == 1].any()
    assert not found.simulated and not found.closed
    with sqlite3.connect(Path(ledger.url.removeprefix("sqlite:///"))) as conn:  # by hand, from the raw rows
        by_hand = conn.execute(
            "SELECT s.name, t.name, p.name FROM vote v JOIN item i ON i.id = v.left_item JOIN system s ON "
            "s.id = i.system_id JOIN item j ON j.id = v.right_item JOIN system t ON t.id = j.system_id JOIN prompt p "
            "ON p.id = i.prompt_id JOIN comparison c ON c.id = v.comparison_id WHERE c.kind = 'real' "
            "AND v.repeat_ix = 0 ORDER BY seq"
        ).fetchall()
    names = zip(
        np.array(overall.systems)[overall.left],
        np.array(overall.systems)[overall.right],
        np.array(overall.prompts)[overall.prompt],
        strict=True,
    )
    assert [tuple(map(str, row)) for row in names] == by_hand


def test_exclusion_is_an_event_that_can_be_taken_back(ledger: Ledger, clock: ManualClock) -> None:
    ann = enter(ledger, "ann")
    answer_all(ledger, clock, ann.no)
    assert len(results_of(ledger).counted) == 2 * CONFIG.per_rater
    ledger.exclude(ann.id, "gold: 0 of 4 right")
    out = results_of(ledger)
    assert out.excluded.tolist() == [True] and len(out.counted) == 0 and len(out.votes) == 2 * CONFIG.per_rater
    ledger.include(ann.id, "a mistake of ours")
    assert len(results_of(ledger).counted) == 2 * CONFIG.per_rater
    with pytest.raises(Refused, match="no rater"):
        ledger.exclude("nobody", "")


def test_people_and_simulations_never_share_a_ledger(ledger: Ledger) -> None:
    enter(ledger, "ann")
    with pytest.raises(Refused, match="never mixed"):
        enter(ledger, "bot", source=raters.SIMULATED)


def test_erasing_a_name_keeps_the_votes(ledger: Ledger, clock: ManualClock, folder: StudyFolder) -> None:
    ann = enter(ledger, "Annika Doe")
    answer_all(ledger, clock, ann.no)
    ledger.do(lambda tx: raters.erase(tx, "link", "hmac of Annika Doe")).result()
    assert not _rows(folder, "SELECT * FROM identity")
    assert len(results_of(ledger).votes) == 2 * CONFIG.per_rater
    assert "Annika Doe" not in "\n".join(sqlite3.connect(folder.root / "ledger.sqlite").iterdump()).replace(
        "hmac of Annika Doe", ""
    )


def test_after_the_close_no_vote(ledger: Ledger, clock: ManualClock) -> None:
    who = enter(ledger, "ann")
    pair = open_pairs(ledger, who.no)[0]
    clock.advance(DURATION_MS)
    ledger.do(lambda tx: raters.close(tx, "enough")).result()
    with pytest.raises(Refused) as refused:
        ledger.vote(Ballot(pair.id, who.no, "left", {}, WATCHED)).result()
    assert refused.value.status == 410
    with pytest.raises(Refused):
        enter(ledger, "bob")
    assert results_of(ledger).closed


def test_triggers_refuse_to_change_history(ledger: Ledger, clock: ManualClock, folder: StudyFolder) -> None:
    answer_all(ledger, clock, enter(ledger, "ann").no)
    for statement in ("UPDATE vote SET choice = 'right'", "DELETE FROM vote", "UPDATE event SET body = '{}'"):
        with (
            sqlite3.connect(folder.root / "ledger.sqlite") as conn,
            pytest.raises(sqlite3.IntegrityError, match="append"),
        ):
            conn.execute(statement)
    with pytest.raises(LedgerUnavailable, match="readonly"), ledger.reading() as conn:
        conn.execute(update(schema.rater).values(source="x"))


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE vote SET choice = 'right' WHERE seq = (SELECT max(seq) - 3 FROM vote)", "was changed"),
        ("UPDATE vote SET left_item = right_item, right_item = left_item WHERE seq = 7", "was changed"),
        ("DELETE FROM vote WHERE seq = (SELECT max(seq) - 3 FROM vote)", "is missing"),
        ('UPDATE event SET body = \'{"reason":""}\' WHERE seq = 2', "was changed"),
        ("DELETE FROM vote WHERE seq >= (SELECT max(seq) - 3 FROM vote)", "cut off"),
    ],
)
def test_the_chain_shows_tampering(folder: StudyFolder, clock: ManualClock, tampering: str, said: str) -> None:
    with folder.ledger(write=True, clock=clock) as ledger:
        answer_all(ledger, clock, enter(ledger, "ann").no)
        head = ledger.head().hash
        with ledger.reading() as conn:
            assert list(chain.problems(conn, head)) == []
    with sqlite3.connect(folder.root / "ledger.sqlite") as conn:
        for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            conn.execute(f"DROP TRIGGER {name}")
        assert conn.execute(tampering).rowcount > 0
    with folder.ledger() as ledger, ledger.reading() as conn:
        assert any(said in problem for problem in chain.problems(conn, head))


def test_a_full_disk_is_no_acknowledgement(folder: StudyFolder, clock: ManualClock) -> None:
    with folder.ledger(write=True, clock=clock) as ledger:
        who = enter(ledger, "ann")
        pair = open_pairs(ledger, who.no)[0]
        clock.advance(DURATION_MS)
        pages = ledger.do(lambda tx: tx.conn.exec_driver_sql("PRAGMA page_count").scalar()).result()
        ledger.do(lambda tx: tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar()).result()
        ballot = Ballot(pair.id, who.no, "left", {}, WATCHED | {"note": "x" * 4000})
        with pytest.raises(LedgerUnavailable, match="full"):
            for _ in range(3):  # a free page may be left
                ledger.vote(ballot).result()
                pair = open_pairs(ledger, who.no)[0]
                clock.advance(DURATION_MS)
                ballot = Ballot(pair.id, who.no, "left", {}, WATCHED | {"note": "x" * 4000})
        ledger.do(lambda tx: tx.conn.exec_driver_sql("PRAGMA max_page_count = 100000").scalar()).result()
        assert not ledger.vote(ballot).result().replayed, "nothing of it had been kept, and now there is room"
        with ledger.reading() as conn:
            assert list(chain.problems(conn)) == []


def test_one_poor_request_does_not_spoil_its_neighbours(ledger: Ledger, clock: ManualClock) -> None:
    who = enter(ledger, "ann")
    pair = open_pairs(ledger, who.no)[0]
    clock.advance(DURATION_MS)

    def broken(_: object) -> None:
        raise ZeroDivisionError

    futures = [ledger.do(broken), ledger.vote(Ballot(pair.id, who.no, "left", {}, WATCHED)), ledger.do(broken)]
    assert futures[1].result().seq
    for future in futures[::2]:
        with pytest.raises(ZeroDivisionError):
            future.result()


def test_who_stops_waiting_stops_nobody_else(ledger: Ledger, clock: ManualClock) -> None:
    who = enter(ledger, "ann")
    first, second = open_pairs(ledger, who.no)[:2]
    held, go_on = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        held.set()
        go_on.wait()

    ledger.do(slow)
    held.wait()
    clock.advance(DURATION_MS)
    gone = ledger.vote(Ballot(first.id, who.no, "left", {}, WATCHED))
    assert gone.cancel()

    async def leaves() -> None:
        ledger.vote_soon(Ballot(first.id, who.no, "left", {}, WATCHED)).cancel()
        ledger.vote_soon(Ballot(first.id, who.no, "left", {}, WATCHED))  # and its loop is closed before the commit

    asyncio.run(leaves())
    go_on.set()
    ledger.do(lambda _: clock.advance(DURATION_MS)).result()
    assert ledger.vote(Ballot(first.id, who.no, "left", {}, WATCHED)).result().replayed, "it was stored all the same"
    assert not ledger.vote(Ballot(second.id, who.no, "tie", {}, WATCHED)).result().replayed


def test_one_writer_only(folder: StudyFolder) -> None:
    with folder.ledger(write=True):
        with pytest.raises(StoreError, match="a ledger has one writer"):
            folder.ledger(write=True)
        script = "import sys\nfrom leaderboard.study.ledger import Ledger\nLedger(sys.argv[1], write=True)"
        other = subprocess.run(
            [sys.executable, "-c", script, folder.url], capture_output=True, text=True, check=False,
            cwd=Path(schema.__file__).parents[2],
        )  # fmt: skip
        assert other.returncode and "one writer" in other.stderr
    folder.ledger(write=True).close()


def test_a_clock_that_jumps_back_changes_nothing(folder: StudyFolder, clock: ManualClock) -> None:
    clock.advance(10**12)  # this server's clock was far ahead
    with folder.ledger(write=True, clock=clock) as ledger:
        answer_all(ledger, clock, enter(ledger, "ann").no)
    with folder.ledger(write=True) as ledger:
        assert ledger.clock.now_ms() >= clock.now_ms()
        enter(ledger, "bob")
        times = [event.at_ms for event in results_of(ledger).events]
        assert times == sorted(times)


def test_a_newer_schema_is_not_guessed_at(folder: StudyFolder) -> None:
    with sqlite3.connect(folder.root / "ledger.sqlite") as conn:
        conn.execute("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(StoreError, match="version 99"):
        folder.ledger(write=True)


def test_migrations_run_once_and_in_order(ledger: Ledger) -> None:
    ran: list[int] = []
    steps = (*schema.MIGRATIONS, lambda _: ran.append(2), lambda _: ran.append(3))
    for _ in range(2):
        assert ledger.do(lambda tx: schema.migrate(tx.conn, steps)).result() == 3
    assert ran == [2, 3]


def test_the_tables_compile_for_postgresql() -> None:
    for table in schema.METADATA.sorted_tables:
        ddl = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert "STRICT" not in ddl and ddl.count("BIGINT") == sum(
            c.type.__class__.__name__ == "BigInteger" for c in table.c
        )


def test_a_damaged_ledger_is_said(folder: StudyFolder) -> None:
    (folder.root / "ledger.sqlite").write_bytes(b"this is no database" * 100)
    for write in (False, True):
        with pytest.raises(StoreError, match="not a database"):
            folder.ledger(write=write)


def test_no_study_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no study"):
        read_results(tmp_path)


def test_urls() -> None:
    assert check_url("sqlite:///x.sqlite") == "sqlite:///x.sqlite"
    for url in ("mysql://host/db", "nonsense", "postgresql://me:secret@host/db"):
        with pytest.raises(Exception, match=r"cannot live|no database URL|password"):
            check_url(url)
    assert "3.40.1" in sqlite_warning((3, 40, 1))
