"""Judges: what is sent and read, what is tried again, what is paid once, and what nonsense becomes."""

import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from bench.cli import app
from bench.errors import KeepframeError, UnavailableError, UsageError
from bench.store import Store
from bench.types import Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from runners.watch import Beside, other_models
from suites.consistency.questionnaire import CHARACTER
from suites.features.one_pass import extract
from suites.features.protocols import Evidence
from suites.judging.answers import AnswersFile
from suites.judging.endpoint import Endpoint
from suites.judging.kept import Kept, spent
from suites.judging.local import LocalModel
from suites.judging.named import open_judge
from suites.judging.pictures import Pictures, shown
from suites.judging.protocol import Inquiry, says_yes


class FakeServer(ThreadingHTTPServer):
    """Answers by `reply(question)`, after the statuses in `first`; remembers what it was sent.

    `fields` stand in the answer in the place of what would be there, `retry_after` is the header. Of the answer only
    `sent` bytes are sent, or all of them `pause_s` seconds apart.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.first: list[int] = []
        self.reply: Any = lambda question: "Yes."
        self.fields: dict[str, Any] = {}
        self.retry_after = "0.01"
        self.sent: int | None = None
        self.pause_s = 0.0

    def address(self, options: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}/v1?model=m{options}"


class Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers.get("Authorization"))
        status = self.server.first.pop(0) if self.server.first else 200
        content = body["messages"][0]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        answer = {
            "choices": [{"message": {"content": self.server.reply(text)}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 2},
        }
        data = json.dumps(answer | self.server.fields).encode()
        self.send_response(status)
        self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(OSError):  # who asked may have given up
            if not self.server.pause_s:
                self.wfile.write(data[: self.server.sent])
                return
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(self.server.pause_s)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    one = FakeServer()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


PICTURE = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
INQUIRY = Inquiry("a", "q", "Is it black?", (PICTURE, PICTURE))


def test_an_endpoint_is_sent_the_pictures_the_question_and_the_key(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPFRAME_JUDGE_KEY", "secret")
    reply = Endpoint(server.address("&dollars_in=2&dollars_out=500000")).ask(INQUIRY)
    assert reply == ("Yes.", 1000, 2, pytest.approx(0.002 + 1.0), "")
    (body,) = server.asked
    assert (body["model"], body["temperature"], server.keys) == ("m", 0, ["Bearer secret"])
    *pictures, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Is it black?"}
    sent = [base64.b64decode(one["image_url"]["url"].removeprefix("data:image/jpeg;base64,")) for one in pictures]
    assert sent == [PICTURE, PICTURE]


def test_a_busy_endpoint_is_tried_again_and_a_refusal_is_not(server: FakeServer) -> None:
    judge = Endpoint(server.address(), first_wait_s=0.01)
    server.first = [503, 429, 500]
    assert judge.ask(INQUIRY).text == "Yes."
    assert len(server.asked) == 4
    server.asked.clear()
    server.first = [401]
    with pytest.raises(UnavailableError, match=r"401.*\n.*KEEPFRAME_JUDGE_KEY"):
        judge.ask(INQUIRY)
    assert len(server.asked) == 1
    server.first = [503] * 5
    with pytest.raises(UnavailableError, match="503"):
        judge.ask(INQUIRY)


def test_an_endpoint_that_is_not_there_or_says_nothing_gives_no_answer(server: FakeServer) -> None:
    with pytest.raises(UnavailableError, match="no answer"):
        Endpoint("http://127.0.0.1:9/v1?model=m", first_wait_s=0.001).ask(INQUIRY)
    server.fields = {"error": {"message": "quota"}, "choices": None}
    with pytest.raises(UnavailableError, match=r"no text.*quota"):
        Endpoint(server.address(), first_wait_s=0.001).ask(INQUIRY)


def test_an_empty_answer_is_paid_for_and_asked_once(server: FakeServer, tmp_path: Path) -> None:
    judge = Kept(Endpoint(server.address()), tmp_path)
    for nothing in ("  ", None, "<think>It may be black, or"):
        server.asked.clear()
        server.reply = lambda question, nothing=nothing: nothing
        with pytest.raises(KeepframeError, match=r"said nothing when asked for q about a\.\n.*max_tokens"):
            judge.ask(INQUIRY)
        assert len(server.asked) == 1
    assert spent(tmp_path).questions == 3 and not list(tmp_path.glob("*/*.json"))


def test_answers_in_parts_and_without_a_sensible_count_of_tokens(server: FakeServer) -> None:
    parts = [{"type": "text", "text": "No"}, {"type": "text", "text": "."}]
    for usage in (["x"], {"prompt_tokens": "many", "completion_tokens": None}, None):
        server.fields = {"usage": usage, "choices": [{"message": {"content": parts}}]}
        assert Endpoint(server.address()).ask(INQUIRY) == ("No.", 0, 0, 0.0, "")


def test_thoughts_before_an_answer_are_none(server: FakeServer, tmp_path: Path) -> None:
    server.reply = lambda question: "<think>Yes or no? At first yes: it is dark.</think>\n\nNo."
    asked = Inquiry("a", "q", "Is it black? Yes or no.", (PICTURE,), yes_or_no=True)
    for _ in range(2):
        assert Kept(Endpoint(server.address()), tmp_path).ask(asked).text == "No."
    server.reply = lambda question: "So it is.</think>Yes"  # the beginning stood in the model's template
    assert Kept(Endpoint(server.address()), tmp_path).ask(INQUIRY).text == "Yes"
    path = tmp_path / "answers.csv"
    path.write_text("video,question,answer\na,q,<think>Yes?</think> no\n")
    assert AnswersFile(path).ask(INQUIRY).text == "no"


def test_what_a_server_says_of_an_error_is_passed_on(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.first, server.fields = [404], {"error": {"message": "no model 'm',\n but 'm2'"}}
    with pytest.raises(UnavailableError, match=r"404 Not Found \(no model 'm', but 'm2'\)\."):
        Endpoint(server.address()).ask(INQUIRY)
    monkeypatch.setenv("KEEPFRAME_JUDGE_KEY", "secret")
    server.first = [302]
    with pytest.raises(UnavailableError, match=r"302 Found, to /elsewhere"):
        Endpoint(server.address()).ask(INQUIRY)
    assert len(server.asked) == 2  # nobody followed


def test_an_answer_that_takes_too_long_or_breaks_off(server: FakeServer) -> None:
    server.pause_s = 0.02  # every byte comes in time
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"too long\.\n.*timeout_s"):
        Endpoint(server.address("&timeout_s=0.1"), first_wait_s=0.001).ask(INQUIRY)
    assert time.monotonic() - began < 1.0 and len(server.asked) == 2
    server.pause_s, server.sent = 0.0, 20
    with pytest.raises(UnavailableError, match="broke off after 20 bytes"):
        Endpoint(server.address(), first_wait_s=0.001).ask(INQUIRY)


def test_as_long_as_the_server_says_within_reason(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("suites.judging.endpoint.time.sleep", slept.append)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    for said in ("7", soon, "Wed, soon"):
        server.retry_after, server.first = said, [429]
        assert Endpoint(server.address()).ask(INQUIRY).text == "Yes."
    assert slept == [7.0, pytest.approx(29, abs=2), 1.0]
    server.retry_after, server.first = "3600", [429]
    with pytest.raises(UnavailableError, match=r"429 .* asks to wait 3600 s.*\n.*per_minute"):
        Endpoint(server.address()).ask(INQUIRY)
    assert len(slept) == 3


def test_the_rate_is_kept_by_all_processes_together(server: FakeServer) -> None:
    for options, at_once in (("&per_minute=600", 1), ("&per_minute=1200", 2)):  # a tenth of a second for this one
        judge = Endpoint(server.address(options), at_once=at_once)
        began = time.monotonic()
        for _ in range(4):
            judge.ask(INQUIRY)
        assert time.monotonic() - began >= 0.3


def test_addresses_that_cannot_be_meant() -> None:
    for wrong, why in (
        ("http://h/v1", "names no model"),
        ("http://h/v1?model=m&rate=3", "no option 'rate'"),
        ("http://h/v1?model=m&per_minute=many", "cannot be read"),
        ("http://h/v1?model=m&timeout_s=0", "cannot be read"),
        ("local:./nothing-here", "no folder"),
        ("local:org/model", "names no revision"),
        ("gpt", "names no judge"),
    ):
        with pytest.raises(UsageError, match=why):
            open_judge(wrong, Path())
    assert "password" not in Endpoint("http://user:password@h/v1?model=m").name
    assert Endpoint("http://h/v1?model=m&version=2").name != Endpoint("http://h/v1?model=m&version=1").name
    assert Endpoint("http://h/v1?model=m&timeout_s=9").name == Endpoint("http://h/v1?model=m").name


def test_an_answer_is_paid_once(server: FakeServer, tmp_path: Path) -> None:
    for _ in range(2):
        judge = Kept(Endpoint(server.address("&dollars_in=1")), tmp_path)
        assert judge.ask(INQUIRY).text == "Yes."
    assert len(server.asked) == 1
    assert spent(tmp_path) == (1, 1000, 2, pytest.approx(0.001))
    judge.ask(Inquiry("a", "q", "Is it black?", (PICTURE,)))  # other pictures
    judge.ask(Inquiry("a", "q", "Is it white?", (PICTURE,)))  # another question
    Kept(Endpoint(server.address("&version=2")), tmp_path).ask(INQUIRY)  # another judge
    assert len(server.asked) == 4
    damaged = next(path for path in tmp_path.glob("*/*.json"))
    damaged.write_text("{")
    for text in ("Is it black?", "Is it white?"):
        for pictures in ((PICTURE, PICTURE), (PICTURE,)):
            judge.ask(Inquiry("a", "q", text, pictures))
    paid = spent(tmp_path)
    assert paid.questions == len(server.asked)
    with (tmp_path / "spent.jsonl").open("a") as ledger:
        ledger.write('{"judge": "x", "tok')  # the machine lost power here
    assert spent(tmp_path) == paid


def test_nonsense_is_paid_for_and_asked_again(server: FakeServer, tmp_path: Path) -> None:
    judge = Kept(Endpoint(server.address()), tmp_path)
    asked = Inquiry("a", "q", "Is it black? Yes or no.", (PICTURE,), yes_or_no=True)
    server.reply = lambda question: "Banana."
    assert judge.ask(asked).text == "Banana."
    assert judge.ask(Inquiry("a", "q", asked.text, asked.pictures)).text == "Banana."  # kept as words
    server.reply = lambda question: "Yes."
    assert judge.ask(asked).text == "Yes."  # also where nonsense was kept before
    assert judge.ask(asked).text == "Yes." and spent(tmp_path).questions == len(server.asked) == 3


def test_a_server_that_is_gone_is_tried_five_times_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Endpoint("http://127.0.0.1:9/v1?model=m", first_wait_s=0.001)
    tries: list[bytes] = []

    def post(body: bytes) -> object:
        tries.append(body)
        if len(tries) == 7:
            return {"choices": [{"message": {"content": "Yes."}}]}
        raise ConnectionRefusedError

    monkeypatch.setattr(judge, "_post", post)
    counts = []
    for _ in range(4):
        before = len(tries)
        with suppress(UnavailableError):
            judge.ask(INQUIRY)
        counts.append(len(tries) - before)
    assert counts == [5, 1, 1, 5]  # the third is answered


def test_a_server_that_stays_away_is_left_alone_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Endpoint("http://127.0.0.1:9/v1?model=m")
    clock, tries = [1000.0], []

    def post(body: bytes) -> object:
        tries.append(body)
        raise TimeoutError

    monkeypatch.setattr(judge, "_post", post)
    monkeypatch.setattr("suites.judging.endpoint.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("suites.judging.endpoint.time.sleep", lambda seconds: None)
    counts = []
    for later_s in (0, 0, 0, 0, 59, 2):
        clock[0] += later_s
        before = len(tries)
        with pytest.raises(UnavailableError, match="no answer"):
            judge.ask(INQUIRY)
        counts.append(len(tries) - before)
    assert counts == [2, 1, 1, 0, 0, 1]


def test_videos_share_an_endpoint(tmp_path: Path) -> None:
    """Its rate is kept over all of them, and a server that is gone is known to be gone."""
    first, second = (open_judge("http://127.0.0.1:9/v1?model=m", tmp_path) for _ in range(2))
    assert isinstance(first, Kept) and isinstance(second, Kept) and first._judge is second._judge


def test_answers_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("video,question,answer\na,q,yes\na,r,no\n")
    judge = AnswersFile(path)
    assert judge.ask(INQUIRY).text == "yes"
    with pytest.raises(KeepframeError, match=r"no answer to s about a\.\n  Add the line: a,s,yes"):
        judge.ask(Inquiry("a", "s", "?"))
    other = tmp_path / "answers.jsonl"
    other.write_text('{"video": "a", "question": "q", "answer": "yes"}\n')
    assert AnswersFile(other).ask(INQUIRY).text == "yes"
    assert AnswersFile(other).name != judge.name
    unnamed, twice = "video,answer\na,yes\n", "video,question,answer\na,q,yes\na,q,no\n"
    for text, why in ((unnamed, "no column 'question'"), (twice, "two")):
        path.write_text(text)
        with pytest.raises(UsageError, match=why):
            AnswersFile(path)


def test_nonsense_is_not_a_no() -> None:
    assert says_yes("yes") and not says_yes("No. Yes would be wrong")
    assert says_yes("Yes or no: yes.") and not says_yes("Yes/no? No.")
    for text in ("I cannot tell.", "Nothing", "eyes", "I cannot answer yes or no to that.", "Yes and no."):
        with pytest.raises(KeepframeError, match="yes or no"):
            says_yes(text)


def test_a_local_model_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suites.judging.local.find_spec", lambda name: None if name == "transformers" else object())
    assert "pip install 'keepframe[judge]'" in (LocalModel("org/m@1").available() or "")


def test_a_local_model_is_not_downloaded_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("suites.judging.local.find_spec", lambda name: object())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    revision = "0123456789" * 4
    judge = LocalModel(f"org/m@{revision}")
    assert (judge.available() or "").endswith(f"\n  hf download org/m --revision {revision}")
    (tmp_path / "models--org--m" / "snapshots" / revision).mkdir(parents=True)
    assert judge.available() is None
    assert LocalModel("no/hub/has/this@1").available()
    looked: list[str] = []
    monkeypatch.setattr("suites.judging.local._kept", lambda place, revision: looked.append(place))
    assert judge.available() is None and not looked  # found once is enough
    with pytest.raises(UnavailableError, match="hf download org/other"):
        LocalModel("org/other@1").ask(INQUIRY)
    assert open_judge(f"local:org/m@{revision}", tmp_path).name == judge.name
    first, second = (open_judge(f"local:org/m@{revision}", tmp_path) for _ in range(2))
    assert isinstance(first, Kept) and isinstance(second, Kept) and first._judge is second._judge


def test_a_local_model_is_asked_greedily(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Transformers itself is in no environment of the tests: this stands where it is called."""
    fake: Any = ModuleType("transformers")
    calls: list[Any] = []

    def model(**words: Any) -> list[dict[str, str]]:
        calls.append(words)
        return [{"generated_text": " Yes. "}]

    def pipeline(task: str, **words: Any) -> Any:
        if words["model"] == str(tmp_path):
            return model
        raise OSError("no file named model.safetensors")

    fake.pipeline = pipeline
    monkeypatch.setitem(sys.modules, "transformers", fake)
    assert LocalModel(str(tmp_path)).ask(INQUIRY).text == "Yes."
    (words,) = calls
    assert words["generate_kwargs"]["do_sample"] is False
    assert [one["type"] for one in words["text"][0]["content"]] == ["image", "image", "text"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(KeepframeError, match=r"cannot be loaded: OSError.*\n.*image-text-to-text"):
        LocalModel(str(tmp_path / "empty")).ask(INQUIRY)


def test_pictures_are_the_frames_and_repeat_in_short_videos(tmp_path: Path) -> None:
    clip = probe(write_clip("static", 0, tmp_path, size=Size(1000, 64), fps=8, seconds=1))
    found = extract(clip, [Pictures(20)])
    pictures = shown(Evidence(clip, found.arrays), 20)
    assert len(pictures) == 20 and len(set(pictures)) <= 8 and pictures[0] == pictures[1]
    decoded = cv2.imdecode(np.frombuffer(pictures[-1], np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape[1] == 768


def score(capfd: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    assert app()(["score", *words, "--workers", "1", "--json"], result_action="return_value") == code
    said = capfd.readouterr().out
    return {"said": said, **json.loads(said.strip().splitlines()[-1])}


def test_the_questionnaire_end_to_end(server: FakeServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, store = tmp_path / "videos", tmp_path / "store"
    folder.mkdir()
    write_clip("static", 0, folder, size=Size(96, 64), fps=8, seconds=2)

    def reply(question: str) -> str:
        if "background" in question:
            return "No."
        return "no" if CHARACTER.questions[1][1] in question else "Yes"

    server.reply, server.fields = reply, {"model": "m-2026-01"}
    command = (str(folder), "--metrics", "judged_character,judged_scene", "--store", str(store))
    first = score(capfd, *command, "--judge", server.address())
    assert first["judge"]["questions"] == 5 and "asked 5 questions" in first["said"]
    assert "Does not apply" in first["said"] and "the judge said no to" in first["said"]
    assert (first["failures"], first["not_applicable"]) == (0, 1)
    assert "Costs" not in first["said"]
    results = Store(store).results(first["run"])
    assert [row["value"] for row in results.scores.to_pylist()] == [pytest.approx(2 / 3)]
    (gone,) = results.failures.to_pylist()
    assert gone["error"] == "DroppedOut" and "no" in gone["message"]
    assert score(capfd, *command, "--judge", server.address())["judge"]["questions"] == 0
    other = score(capfd, *command, "--judge", server.address("&version=2"))
    assert other["run"] != first["run"] and other["judge"]["questions"] == 5
    assert first["judge"]["other_models"] == ["m-2026-01"]  # m was asked for


def test_a_model_that_answers_under_another_name_is_named(server: FakeServer, tmp_path: Path) -> None:
    store, asked = Store(tmp_path), 0

    def after(options: str, model: str) -> list[str]:
        nonlocal asked
        asked += 1
        server.fields = {"model": model}
        beside = Beside(judge=server.address(options))
        judge = beside.asked(store)
        assert judge is not None
        judge.ask(Inquiry("a", "q", f"Question {asked}"))
        return other_models(store, beside)

    assert after("", "m") == []
    assert after("", "m-2026-01") == ["m", "m-2026-01"]
    assert after("&version=2", "m-2026-05") == ["m-2026-05"]
    assert after("&version=m-2026-05", "m-2026-05") == []
    assert other_models(store, Beside()) == []


def test_a_judge_that_talks_nonsense_gives_failed_rows_and_no_judge_an_error(
    server: FakeServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_clip("static", 0, tmp_path, size=Size(96, 64), fps=8, seconds=1)
    command = (str(tmp_path), "--metrics", "judged_object", "--store", str(tmp_path / "s"))
    with pytest.raises(UsageError, match="judged_object needs a judge"):
        score(capfd, *command)
    server.reply = lambda question: "Perhaps."
    found = score(capfd, *command, "--judge", server.address(), code=1)
    assert found["failures"] == 1 and not Store(tmp_path / "s").results(found["run"]).scores.num_rows
