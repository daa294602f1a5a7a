"""The report as a file: whole, safe, honest about what is missing, and equal to the numbers behind it."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

import reports.html
from bench.store import Store
from bench.video.write import decode_lossless
from reports.compare import compare
from reports.grids import plus_minus
from reports.html import write_report
from tests.unit.store_factory import SYSTEMS, renamed, synthetic_store

EVIL = "<script>alert('x')</script> & \"quoted\" {{ 7 * 7 }}"


@dataclass
class Read(HTMLParser):
    """What a browser would find in a page."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    style: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "style" and not self.style:
            self.style = data
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def read(path: Path) -> Read:
    page = Read()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, Path]:
    folder = tmp_path_factory.mktemp("report")
    store, key = synthetic_store(folder / "results", videos=4, moments=5)
    return store, key, write_report(store, key, folder / "deep" / "report.html")


def test_page_loads_nothing(finished: tuple[Store, str, Path]) -> None:
    page = read(finished[2])
    assert not {"script", "link", "iframe", "object", "embed", "form", "base", "video", "audio"} & {
        t for t, _ in page.tags
    }
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids)), "two drawings share an identifier"
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on") and name != "style", (tag, name)
            if name in ("src", "srcset", "poster", "data"):
                assert str(value).startswith("data:image/webp;base64,"), (tag, name)
            if name in ("href", "xlink:href"):
                assert str(value).startswith("#") and str(value)[1:] in ids, (tag, value)
            if not name.startswith("xmlns"):
                assert "http:" not in str(value) and "https:" not in str(value), (tag, name, value)
            for target in re.findall(r"url\((.*?)\)", str(value)):
                assert target.startswith("#") and target[1:] in ids, (tag, name, value)
    assert "url(" not in page.style and "@import" not in page.style


def test_policy_allows_this_style_sheet_and_nothing_else(finished: tuple[Store, str, Path]) -> None:
    page = read(finished[2])
    policy = next(str(m["content"]) for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';") and f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "script-src" not in policy


def test_everything_seen_can_also_be_read(finished: tuple[Store, str, Path]) -> None:
    page = read(finished[2])
    images = page.all("img")
    assert images and all(image.get("alt") for image in images)
    named = [a for a in page.all("svg") if a.get("role") == "img"]
    assert len(named) >= 8
    assert len(page.all("title")) == 1 + sum("aria-label" not in a for a in named), "every drawing has its text"
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))


def test_table_holds_the_numbers_of_compare(finished: tuple[Store, str, Path]) -> None:
    store, key, path = finished
    words, comparison = read(path).words, compare(store.results(key))
    for metric in ("psnr", "ssim"):
        for system in comparison.systems:
            cell = comparison.cell(system.name, metric)
            assert plus_minus(cell.mean, cell.interval) in words, (system.name, metric)
    assert "3/4" in words, "the coverage of the system that lost a case"


def test_failures_and_unavailable_metrics_are_named(finished: tuple[Store, str, Path]) -> None:
    words = read(finished[2]).words
    assert "1 of 64 answers failed" in words
    assert "rapid-cuts-01.mp4: the file ends in the middle of frame 311." in words
    assert (
        "LPIPS (AlexNet) : The weights of alexnet are not on this machine. keepframe weights fetch alexnet"
        in words.replace("(AlexNet):", "(AlexNet) :")
    )


def test_provenance_says_how_it_was_got(finished: tuple[Store, str, Path]) -> None:
    words = read(finished[2]).words
    for said in (finished[1], "commit 0123456789ab with uncommitted changes", "keepframe run spec.toml --workers 2"):
        assert said in words
    assert 'memory = "codec"' in words and "pyarrow 26.0.1" in words and "Some Processor 9000" in words


def test_pictures_are_the_stored_frames(finished: tuple[Store, str, Path]) -> None:
    store, key, path = finished
    shown = next(a for a in read(path).all("img") if str(a["alt"]).startswith("True frame of "))
    case, _, at = str(shown["alt"]).removeprefix("True frame of ").rpartition(" at ")
    rows = [r for r in store.results(key).scores.to_pylist() if r["case"] == case and f"{r['at_s']:.2f} s" == at]
    truth = decode_lossless(store.artifact(store.rows("references", [rows[0]["case_key"]])[0]["artifact"]).read_bytes())
    data = base64.b64decode(str(shown["src"]).partition(",")[2])
    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    frame = truth[rows[0]["moment"]]
    assert seen.shape == frame.shape
    assert np.abs(seen.astype(int) - frame).mean() < 8


def test_same_store_same_page(finished: tuple[Store, str, Path], tmp_path: Path) -> None:
    store, _, path = finished
    assert write_report(Store.existing(store.root), "latest", tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    store, key = synthetic_store(tmp_path / "r", videos=2, moments=3, made=(renamed(SYSTEMS[-1], EVIL), *SYSTEMS[:2]))
    path = write_report(store, key, tmp_path / "report.html")
    page = read(path)
    assert not page.all("script")
    assert EVIL in page.text
    assert "<script" not in path.read_text(encoding="utf-8")


def test_too_many_pictures_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = synthetic_store(tmp_path / "r", videos=3, moments=3, made=SYSTEMS[:5])
    whole = write_report(store, key, tmp_path / "whole.html")
    assert "Worst moments" in read(whole).words
    monkeypatch.setattr(reports.html, "LIMIT_BYTES", whole.stat().st_size - 1)
    smaller = write_report(store, key, tmp_path / "smaller.html")
    assert smaller.stat().st_size < whole.stat().st_size
    monkeypatch.setattr(reports.html, "LIMIT_BYTES", 1)
    assert "Worst moments" not in read(write_report(store, key, tmp_path / "least.html")).words


@pytest.mark.parametrize(
    ("how", "said", "unsaid"),
    [
        (
            {"state": "running", "videos": 3},
            ["Not finished.", "24 of 48 answers are still to come"],
            ["answers failed"],
        ),
        ({"state": "failed", "videos": 2}, ["Nothing could be measured.", "every memory"], ["What a byte buys"]),
        ({"made": SYSTEMS[-1:], "videos": 3}, ["history 4x4x4 recalls with a PSNR of"], ["strongest floor"]),
        ({"made": SYSTEMS[:2], "videos": 3}, ["What a byte buys"], ["Not finished"]),
        ({"videos": 1, "made": SYSTEMS[:5]}, ["One video.", "more than chance"], ["rank 1", "±half"]),
        ({"frames": False, "videos": 2, "made": SYSTEMS[:4]}, ["Where memories fail"], ["Worst moments", "One moment"]),
    ],
    ids=["running", "failed", "one system", "no curve", "one video", "no frames"],
)
def test_every_state_has_its_page(tmp_path: Path, how: dict, said: list[str], unsaid: list[str]) -> None:
    store, key = synthetic_store(tmp_path / "r", **{"moments": 3, "frames": False} | how)
    words = read(write_report(store, key, tmp_path / "report.html")).words
    for sentence in said:
        assert sentence in words
    for sentence in unsaid:
        assert sentence not in words
