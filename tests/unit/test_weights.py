"""The weights catalogue against a real server on loopback: resume, damage, mirrors, and no network at all."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import weights, weights_catalogue
from bench.errors import KeepframeError, UnavailableError, UsageError
from bench.weights_catalogue import WeightFile
from bench.weights_fetch import MIRROR_VARIABLE, fetch
from suites.features.published import read_state

CONTENT = bytes(range(256)) * 12_000  # 3 MB: more than one block
FILENAME = "toy-1234.pth"


class Server(ThreadingHTTPServer):
    """Serves `content` at any path; remembers the Range headers; may stop short or ignore ranges."""

    content = CONTENT
    stop_after: int | None = None
    ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.stop_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """A weights folder that does not exist yet, and a catalogue of one small file that the server has."""
    toy = WeightFile(
        name="toy",
        filename=FILENAME,
        url=f"{server.address}/{FILENAME}",
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="CC0",
        non_commercial=False,
        needed_by=("nothing",),
    )
    monkeypatch.setattr(weights_catalogue, "CATALOGUE", (toy,))
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy of the machine has no say in loopback
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_a_missing_file_names_the_command(folder: Path) -> None:
    assert weights.status("toy") == "missing"
    with pytest.raises(UnavailableError) as caught:
        weights.path("toy")
    assert str(caught.value).endswith("keepframe weights fetch toy")


def test_fetch_puts_the_file_in_place_and_says_how_far(folder: Path, server: Server) -> None:
    steps: list[tuple[int, int | None]] = []
    found = fetch("toy", progress=lambda have, total: steps.append((have, total)))
    assert found == folder / FILENAME == weights.path("toy")
    assert found.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in steps] == sorted({have for have, _ in steps})
    assert [path.name for path in folder.iterdir()] == [FILENAME]
    fetch("toy")
    assert len(server.asked) == 1, "a file that is there and whole is not downloaded again"


def test_a_broken_download_is_gone_on_with(folder: Path, server: Server) -> None:
    server.stop_after = 1_500_000
    with pytest.raises(UnavailableError, match="broke off after 1500000 of 3072000 bytes"):
        fetch("toy")
    assert weights.status("toy") == "missing", "half a file never bears the name of the whole"
    server.stop_after = None
    assert fetch("toy").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1500000-"]


def test_a_server_without_ranges_starts_over(folder: Path, server: Server) -> None:
    folder.mkdir()
    (folder / f"{FILENAME}.part").write_bytes(b"not the beginning")
    server.ranges = False
    assert fetch("toy").read_bytes() == CONTENT


def test_a_stale_partial_file_is_found_out_and_removed(folder: Path, server: Server) -> None:
    folder.mkdir()
    (folder / f"{FILENAME}.part").write_bytes(b"not the beginning")
    with pytest.raises(KeepframeError, match=r"sha256 .* It was removed"):
        fetch("toy")
    assert fetch("toy").read_bytes() == CONTENT


def test_a_partial_file_longer_than_the_servers_is_dropped(folder: Path, server: Server) -> None:
    folder.mkdir()
    (folder / f"{FILENAME}.part").write_bytes(CONTENT[:2000])
    server.content = CONTENT[:1000]
    with pytest.raises(UnavailableError, match="Range"):
        fetch("toy")
    server.content = CONTENT
    assert fetch("toy").read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", b"<html>sign in</html>", b""])
def test_what_is_not_the_published_file_is_refused(folder: Path, server: Server, content: bytes) -> None:
    server.content = content or b"?"
    with pytest.raises(KeepframeError, match=FILENAME):
        fetch("toy")
    assert weights.status("toy") == "missing"
    assert list(folder.iterdir()) == []


def test_a_damaged_file_is_seen_and_mended(folder: Path) -> None:
    path = fetch("toy")
    path.write_bytes(CONTENT[:-1] + b"!")
    state = weights.state("toy")
    assert state.status == "damaged" and "sha256" in state.detail
    with pytest.raises(UnavailableError, match="damaged"):
        weights.path("toy")
    assert fetch("toy").read_bytes() == CONTENT


def test_a_file_of_the_right_length_that_is_another_can_be_replaced(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no digest was published, nothing but what reads it can tell; its error must not lead in a circle."""
    monkeypatch.setattr(weights_catalogue, "CATALOGUE", (replace(weights_catalogue.CATALOGUE[0], sha256=None),))
    folder.mkdir()
    (folder / FILENAME).write_bytes(bytes(len(CONTENT)))
    assert weights.status("toy") == "present"
    with pytest.raises(KeepframeError) as caught:
        read_state(weights.path("toy"))
    *_, name, again = caught.value.mend.removeprefix("keepframe weights ").split()
    fetch(name)
    assert not server.asked
    fetch(name, again=again == "--again")
    assert (folder / FILENAME).read_bytes() == CONTENT
    assert "Delete" in weights.mend(folder / "of nobody.pth")


def test_the_mirror_comes_before_the_publisher(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / FILENAME).write_bytes(CONTENT)
    monkeypatch.setenv(MIRROR_VARIABLE, (tmp_path / "mirror").as_uri() + "/")
    assert fetch("toy").read_bytes() == CONTENT
    assert server.asked == []


def test_offline_names_the_address_the_target_and_both_ways_out(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(UnavailableError) as caught:
        fetch("toy")
    message = str(caught.value)
    assert f"http://127.0.0.1:9/{FILENAME}" in message
    for part in (f"{server.address}/{FILENAME}", str(folder / FILENAME), MIRROR_VARIABLE, "weights verify"):
        assert part in message


def test_a_folder_is_a_source(folder: Path, server: Server, tmp_path: Path) -> None:
    source = tmp_path / "usb stick"
    source.mkdir()
    with pytest.raises(UnavailableError, match=f"has no {FILENAME}"):
        fetch("toy", folder=source)
    (source / FILENAME).write_bytes(CONTENT)
    assert fetch("toy", folder=source).read_bytes() == CONTENT
    assert server.asked == []


def test_a_folder_that_cannot_be_made_says_so(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(UnavailableError, match=weights.FOLDER_VARIABLE):
        fetch("toy")


def test_a_wrong_name_gets_a_hint() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'alexnet'\?"):
        weights.status("alexnett")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.weights_dir() == tmp_path / "keepframe" / "weights"


BESIDE = {"dinov2-vitb14": "0b8b82f8", "cotracker2": "362f5274"}
"""Said beside the file: by those who downloaded DINOv2, by Hugging Face's list of large files for CoTracker."""

UNKNOWN = (
    "dino-vitb16",
    "laion-aesthetic",
    "viclip-l14",
    "amt-s",
    "umt-l16",
    "tag2text",
    "grit",
    "bert-words",
    "dreamsim",
    "arcface-resnet18",
)
"""Files whose digests nobody publishes."""


def test_published_names_carry_the_first_digits_of_their_digest() -> None:
    """torchvision puts the first 8 digits into the file name, OpenAI all of them into the address: an error in our
    copy of the digest would show. Others publish none."""
    for file in weights_catalogue.CATALOGUE:
        published_name = file.url.rpartition("/")[2]  # too plain to lie beside others: `vocab.txt`, `utils.py`
        if "drive.google.com" not in file.url:  # there, the address has a number for a name
            assert file.filename == published_name or file.filename.endswith(
                ("_" + published_name, "-" + published_name)
            )
        if file.sha256 is None:
            assert file.name in UNKNOWN
        elif file.name.endswith("-prompts"):  # pinned by the commit that its address names
            assert len(file.sha256) == 64 and "/45e79ec14e69a2187202c675d2dbce1a71843d53/" in file.url
        elif file.name in BESIDE:
            assert file.sha256.startswith(BESIDE[file.name]) and len(file.sha256) == 64 and file.exact_size
        elif file.name.startswith("dino-"):
            assert len(file.sha256) == 64 and "/7c446df5b9f45747937fb0d72314eb9f7b66930a/" in file.url
        elif "openaipublic" in file.url:
            assert len(file.sha256) == 64 and f"/{file.sha256}/" in file.url
        else:
            assert len(file.sha256) in (8, 64) and f"-{file.sha256[:8]}." in file.filename


def test_a_file_whose_exact_size_nobody_publishes_is_known_by_its_digest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (exact,) = weights_catalogue.CATALOGUE
    assert exact.sha256 is not None
    loose = replace(exact, size_bytes=len(CONTENT) + 10, exact_size=False, sha256=exact.sha256[:8])
    monkeypatch.setattr(weights_catalogue, "CATALOGUE", (loose,))
    path = fetch("toy")
    assert weights.status("toy") == "present"
    path.write_bytes(CONTENT[:-1] + b"?")
    assert weights.status("toy") == "damaged"
    monkeypatch.setattr(weights_catalogue, "CATALOGUE", (replace(loose, sha256=None),))
    assert weights.status("toy") == "present"  # all that can be known of it
    path.write_bytes(CONTENT[: len(CONTENT) // 2])
    assert weights.status("toy") == "damaged"


def test_stand_ins_are_there_for_the_block_only(folder: Path, tmp_path: Path) -> None:
    numbers = tmp_path / "random"
    numbers.write_bytes(b"1234")
    with weights.stand_ins({"toy": numbers}):
        assert weights.path("toy") == numbers
        assert weights.digest("toy") == hashlib.sha256(b"1234").hexdigest()
    with pytest.raises(UnavailableError):
        weights.path("toy")
