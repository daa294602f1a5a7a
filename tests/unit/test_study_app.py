"""The rater's page over HTTP: who gets in, what goes over the wire, what a vote is answered, and a whole dry run."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bench.errors import StoreError, UsageError
from leaderboard.study import new as studies
from leaderboard.study import raters
from leaderboard.study.app import create_app
from leaderboard.study.checking import problems
from leaderboard.study.clock import ManualClock
from leaderboard.study.config import StudyConfig
from leaderboard.study.folder import Key, StudyFolder
from leaderboard.study.inprocess import Visitor
from leaderboard.study.keeping import export, payments, verify
from leaderboard.study.ledger import Ledger
from leaderboard.study.limits import Limits, Rate
from leaderboard.study.links import Links
from leaderboard.study.results import read_results, results_of
from leaderboard.study.serve import check_door, check_media
from leaderboard.study.simulating import simulate
from leaderboard.study.sources import check, from_folders
from leaderboard.study.writer import LedgerUnavailable
from tests.unit.study_videos import videos

CONFIG = StudyConfig(criteria=("motion",), raters=3, per_rater=3, gold=1, repeats=1, traps=1)
WATCHED = {"watched_left": 1.0, "watched_right": 1.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of three systems on two prompts, with clips; tests that vote work on a ledger of their own."""
    root = tmp_path_factory.mktemp("made")
    found = check(from_folders(videos(root / "in", systems=3, prompts=2)))
    return studies.create(root / "study", CONFIG, found, dict.fromkeys(found.prompts, "A disc goes round"))


@pytest.fixture
def folder(made: StudyFolder, tmp_path: Path) -> StudyFolder:
    """A copy, so that a test starts without votes."""
    import shutil

    shutil.copytree(made.root, tmp_path / "study")
    return StudyFolder.existing(tmp_path / "study")


class Site:
    """A study that is served in this process, and its visitors."""

    def __init__(self, folder: StudyFolder, limits: Limits | None = None) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.ledger = folder.ledger(write=True, clock=self.clock)
        self.app = create_app(folder, self.ledger, limits=limits)
        self.links = Links(folder.key(), self.ledger.id)

    def link(self, source: str = "link", name: str = "ann") -> str:
        return f"/s/{self.links.invitation(source, name, until_ms=self.clock.now_ms() + 10**9)}"

    async def enter(self, name: str = "ann") -> tuple[Visitor, dict[str, Any]]:
        """Somebody who has agreed, and the session they see."""
        visitor = Visitor(self.app)
        assert (await visitor.get(self.link(name=name))).status == 303
        told = (await visitor.get("/api/state")).told
        return visitor, (await visitor.post("/api/consent", {"consent_sha256": told["consent_sha256"]})).told

    def watch(self) -> None:
        self.clock.advance(1000)


@pytest.fixture
def site(folder: StudyFolder) -> Iterator[Site]:
    opened = Site(folder)
    yield opened
    opened.ledger.close()


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def _vote(pair: dict[str, Any], choice: str = "left", **more: Any) -> dict[str, Any]:
    return {"assignment": pair["id"], "choice": choice, "criteria": {"motion": "tie"}, "telemetry": WATCHED, **more}


def test_a_whole_session(site: Site) -> None:
    async def story() -> None:
        visitor, told = await site.enter()
        assert told["pairs"][0]["practice"] and told["total"] == 3 + 1 + 1 + 1
        votes = 0
        while told["stage"] == "rating":
            site.watch()
            pair = told["pairs"][0]
            body = _vote(pair) | {"telemetry": WATCHED | {"practice": pair["practice"]}}
            receipt = (await visitor.post("/api/vote", body)).told
            assert ("right" in receipt) == pair["practice"]
            votes += 1
            told = (await visitor.get("/api/state")).told
        assert votes == told["total"] + 1 and told["done"] == told["total"]
        assert re.fullmatch(r"[0-9A-F]{10}", told["code"])
        assert (await visitor.get("/api/state")).told["code"] == told["code"], "after a reload too"

    run(story)
    found = results_of(site.ledger)
    assert len(found.votes.on("overall")) == 3 and [e.kind for e in found.events][-1] == "complete"
    assert problems(site.folder, site.ledger) == []


def test_nothing_on_the_wire_tells_systems_apart(site: Site) -> None:
    async def story() -> None:
        visitor, told = await site.enter()
        seen: list[str] = [json.dumps(told)]
        tags, names = set(), set()
        while told["stage"] == "rating":
            for side in ("left", "right"):
                clip = await visitor.get("/" + told["pairs"][0][side])
                assert clip.status == 200 and clip.headers["content-type"] == "video/mp4"
                seen += [json.dumps(clip.headers), clip.body.decode("latin-1")]
                tags.add(clip.headers["etag"])
                names.add(told["pairs"][0][side])
                assert clip.headers["last-modified"] == "Sat, 01 Jan 2000 00:00:00 GMT"
            site.watch()
            seen.append(json.dumps((await visitor.post("/api/vote", _vote(told["pairs"][0]))).told))
            told = (await visitor.get("/api/state")).told
            seen.append(json.dumps(told))
        assert len(tags) == len(names) == 2 * 7, "the same clip has another address and tag each time"
        everything = "\n".join(seen)
        for word in ("sys0", "sys1", "sys2", "prompt0", "gold", "trap", "real", "repeat", "spoilt", "card"):
            assert not re.search(rf"\b{word}", everything), word

    run(story)


def test_clips_come_in_ranges(site: Site) -> None:
    async def story() -> None:
        visitor, told = await site.enter()
        address = "/" + told["pairs"][0]["left"]
        whole = await visitor.get(address)
        part = await visitor.get(address, {"range": "bytes=10-19"})
        assert part.status == 206 and part.body == whole.body[10:20]
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"
        assert (await visitor.get(address, {"range": "bytes=99999999-"})).status == 416
        assert (await visitor.get(address[:-1] + "x")).status == 403
        assert (await visitor.get(address.replace("~left~", "~right~"))).status == 403, "the side is signed"
        site.clock.advance(3 * 86_400_000)
        assert (await visitor.get(address)).status == 403

    run(story)


def test_who_gets_in(site: Site) -> None:
    async def story() -> None:
        visitor = Visitor(site.app)
        assert (await visitor.get("/api/state")).status == 401
        link = site.link()
        forged = (link[:-1] + "x", link.replace("~ann~", "~bob~"), "/s/nonsense", link.replace("link~", "open~"))
        for wrong in forged:
            refused = await visitor.get(wrong)
            assert refused.status == 403 and refused.headers["content-type"].startswith("text/html")
            assert "../static/style.css" in refused.body.decode(), "a page like the others, also on a phone"
        answer = await visitor.get(link)
        kept = answer.headers["set-cookie"].lower()
        assert "httponly" in kept and "samesite=lax" in kept
        first = dict(visitor.cookies)
        again = Visitor(site.app)
        await again.get(link)
        assert again.cookies == first, "the same person on another device is the same rater"
        name, value = next(iter(first.items()))
        for cookie in (value.replace("1~", "2~"), "1", "x~y", value + "0"):
            assert (await Visitor(site.app, cookies={name: cookie}).get("/api/state")).status == 401
        site.clock.advance(2 * 10**9)
        assert (await Visitor(site.app).get(link)).status == 403, "expired"

    run(story)


def test_platforms(site: Site) -> None:
    async def story() -> None:
        prolific, mturk = site.link("prolific", "any"), site.link("mturk", "any")
        one, two = Visitor(site.app), Visitor(site.app)
        assert (await one.get(f"{prolific}?PROLIFIC_PID=abc&SESSION_ID=s1")).status == 303
        assert (await two.get(f"{prolific}?PROLIFIC_PID=abc&SESSION_ID=s2")).status == 303
        assert one.cookies == two.cookies, "a reload is no new rater"
        assert (await Visitor(site.app).get(prolific)).status == 400
        assert (await Visitor(site.app).get(f"{mturk}?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE")).status == 403
        three = Visitor(site.app)
        assert (await three.get(f"{mturk}?workerId=abc&assignmentId=a&hitId=h")).status == 303
        assert three.cookies != one.cookies
        open_link = site.link("open", "any")
        four, five = Visitor(site.app), Visitor(site.app)
        await four.get(open_link)
        await five.get(open_link)
        assert four.cookies != five.cookies
        before = dict(four.cookies)
        await four.get(open_link)
        assert four.cookies == before

    run(story)


def test_two_tabs_and_double_submit(site: Site) -> None:
    async def story() -> None:
        visitor, told = await site.enter()
        tab = Visitor(site.app, cookies=visitor.cookies)
        pair = (await tab.get("/api/state")).told["pairs"][0]
        assert pair["id"] == told["pairs"][0]["id"]
        site.watch()
        answers = await asyncio.gather(*(visitor.post("/api/vote", _vote(pair)) for _ in range(10)))
        assert {answer.status for answer in answers} == {200} and len({answer.told["seq"] for answer in answers}) == 1
        other = await tab.post("/api/vote", _vote(pair, "right"))
        assert other.status == 409 and other.told["choice"] == "left"
        late = await tab.post("/api/failed", {"assignment": pair["id"], "reason": "late"})
        assert late.status == 409

    run(story)


def test_somebody_elses_pair_and_reordered_votes(site: Site) -> None:
    async def story() -> None:
        ann, told = await site.enter("ann")
        bob, _ = await site.enter("bob")
        first, second = told["pairs"]
        assert (await bob.post("/api/vote", _vote(first))).status == 404
        site.watch()
        site.watch()
        assert (await ann.post("/api/vote", _vote(second))).status == 200, "the second vote overtook the first"
        fast = await ann.post("/api/vote", _vote(first))
        assert fast.status == 425 and fast.told["wait_ms"] > 0
        site.watch()
        assert (await ann.post("/api/vote", _vote(first))).status == 200

    run(story)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"telemetry": {"x": NaN}}', {}, 400),
        (b"{}", {}, 404),
        (b'{"assignment": "../../etc", "choice": "left"}', {}, 404),
        (b"{" + b" " * 40_000 + b"}", {}, 413),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"origin": "https://evil.example"}, 403),
        (b"[" * 20_000, {}, 400),
        (b'{"assignment": "%s", "choice": "left", "telemetry": {"x": 1e999}}' % (b"0" * 32), {}, 422),
        (b'{"assignment": "\\ud800"}', {}, 400),
    ],
)
def test_poor_requests(site: Site, body: bytes, headers: dict[str, str], status: int) -> None:
    async def story() -> None:
        visitor, _ = await site.enter()
        assert (await visitor.post("/api/vote", body, headers)).status == status

    run(story)


def test_headers_on_every_answer(site: Site) -> None:
    async def story() -> None:
        visitor = Visitor(site.app)
        for path in ("/", "/static/page.js", "/static/style.css", "/api/state", "/nowhere", "/api/health"):
            answer = await visitor.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "server" not in answer.headers
        page = (await visitor.get("/")).body.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|https?://", page)

    run(story)


def test_limits(folder: StudyFolder) -> None:
    async def story(site: Site) -> None:
        visitor, _ = await site.enter()
        answers = [await visitor.get("/api/state") for _ in range(6)]
        assert answers[0].status == 200 and answers[-1].status == 429 and int(answers[-1].headers["retry-after"]) >= 1

    site = Site(folder, Limits(rater=Rate(0.5, 5)))
    run(lambda: story(site))
    site.ledger.close()


def test_a_ledger_that_cannot_write_is_503(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        visitor, told = await site.enter()
        site.watch()

        def broken(*_: Any) -> None:
            raise LedgerUnavailable("disk full", "make room")

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "vote_soon", broken)
            answer = await visitor.post("/api/vote", _vote(told["pairs"][0]))
            assert answer.status == 503 and "retry-after" in answer.headers
        assert (await visitor.post("/api/vote", _vote(told["pairs"][0]))).told["replayed"] is False

    run(story)


def test_it_can_be_mounted(folder: StudyFolder) -> None:
    site = Site(folder)
    site.app = Starlette(routes=[Mount("/study", site.app)])

    async def story() -> None:
        visitor = Visitor(site.app)
        entered = await visitor.get("/study" + site.link())
        assert entered.headers["location"] == "/study/" and "path=/study/" in entered.headers["set-cookie"].lower()
        assert (await visitor.get("/study/api/state")).told["stage"] == "consent"
        assert (await visitor.get("/study/static/page.js")).status == 200

    run(story)
    site.ledger.close()


def test_the_door(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    check_door(folder, "127.0.0.1", "")
    with pytest.raises(UsageError, match="other machines"):
        check_door(folder, "0.0.0.0", "")
    check_door(folder, "0.0.0.0", "https://study.example")
    (folder.root / "secret").chmod(0o644)
    with pytest.raises(UsageError, match="everyone could vote"):
        check_door(folder, "0.0.0.0", "https://study.example")
    (folder.root / "secret").unlink()
    with pytest.raises(UsageError, match="no secret"):
        check_door(folder, "127.0.0.1", "")
    monkeypatch.setenv("KEEPFRAME_STUDY_SECRET", "short")
    with pytest.raises(UsageError, match="shorter than 32"):
        check_door(folder, "0.0.0.0", "https://study.example")
    monkeypatch.setenv("KEEPFRAME_STUDY_SECRET", "x" * 32)
    check_door(folder, "0.0.0.0", "https://study.example")
    assert folder.key() == Key(b"x" * 32)


def test_changed_media_are_found(folder: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(folder.root) == 0
    clip = next(iter(folder.media.iterdir()))
    clip.write_bytes(clip.read_bytes() + b"x")
    with folder.ledger() as ledger, pytest.raises(StoreError, match="not what the study was made with"):
        check_media(ledger, folder)
    assert verify(folder.root) == 1
    assert clip.name in capsys.readouterr().out.replace("\n", "")


def test_a_dry_run_is_labelled_and_apart(
    folder: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    assert simulate(folder.root, copy, raters=4, seed=1) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["simulated"] and told["votes"] == 4 * 7
    found, original = read_results(copy), read_results(folder.root)
    assert found.simulated and not original.simulated
    assert len(found.votes.on("overall")) == 4 * 3 and len(original.votes) == 0
    assert 0 < len(found.votes.on("motion")) < 4 * 3, "they answer some of the optional questions"
    assert {event.body["simulated"] for event in found.events if event.kind == "enrol"} == {True}
    assert verify(copy) == 0
    site = Site(StudyFolder.existing(copy))

    async def story() -> None:
        assert (await Visitor(site.app).get(site.link())).status == 403, "no people among simulated raters"

    run(story)
    site.ledger.close()
    with pytest.raises(StoreError, match="exists"):
        simulate(folder.root, copy)
    again = tmp_path / "again"
    simulate(folder.root, again, raters=4, seed=1)
    assert read_results(again).votes.outcome.tolist() == found.votes.outcome.tolist(), "a seed gives one study"


def test_an_export_names_systems_and_no_people(site: Site, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    async def story() -> None:
        visitor, told = await site.enter("annika-7")
        for _ in range(3):
            site.watch()
            await visitor.post("/api/vote", _vote(told["pairs"][0]))
            told = (await visitor.get("/api/state")).told

    run(story)
    site.ledger.close()
    export(site.folder.root, tmp_path / "data")
    table = pq.read_table(tmp_path / "data" / "votes.parquet")
    assert table.num_rows == 3 and set(table["left"].to_pylist()) <= {"sys0", "sys1", "sys2"}
    for file in (tmp_path / "data").iterdir():
        assert b"annika-7" not in file.read_bytes()
    lines = (tmp_path / "data" / "votes.jsonl").read_text().splitlines()
    assert [json.loads(line)["hash"] for line in lines] == table["hash"].to_pylist()
    with pytest.raises(StoreError, match="not empty"):
        export(site.folder.root, tmp_path / "data")
    payments(site.folder.root, tmp_path / "pay.csv")  # that one names them, and is for its owner alone
    head, row = (tmp_path / "pay.csv").read_text().splitlines()
    assert row.startswith("link,annika-7,") and row.split(",")[head.split(",").index("votes")] == "3"
    assert (tmp_path / "pay.csv").stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="exists"):
        payments(site.folder.root, tmp_path / "pay.csv")


def test_names_can_be_erased_through_the_key(site: Site) -> None:
    async def story() -> None:
        await site.enter("annika-7")

    run(story)
    signed = site.folder.key().sign("external", "link", "annika-7")
    assert site.ledger.do(lambda tx: raters.erase(tx, "link", signed)).result().startswith("r-")
