"""Folders of videos: nothing is dropped in silence, everything is read once, every mistake is named."""

import json
import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from bench.errors import UsageError
from bench.types import Prompt, Size
from bench.video import footage
from bench.video.footage import load
from bench.video.write import VideoWriter


def film(path: Path, brightness: int = 90, frames: int = 12) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 12, Size(64, 48)) as out:
        for k in range(frames):
            out.write(np.full((1, 48, 64, 3), brightness + k, np.uint8))
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Three short films, made once and copied by each test that changes them."""
    folder = tmp_path_factory.mktemp("films")
    for k, name in enumerate(["b.mp4", "a.mp4", "deep/er/c d.mp4"]):
        film(folder / name, 60 + 50 * k)
    return folder


@pytest.fixture
def folder(films, tmp_path) -> Path:
    return Path(shutil.copytree(films, tmp_path / "footage"))


def by_name(found: footage.Footage) -> dict[str, footage.Item]:
    return {item.name: item for item in found.items}


def test_a_folder_is_read_in_order_of_name_and_in_depth(folder):
    (folder / "notes.txt").write_text("not a video")
    (folder / ".hidden.mp4").write_bytes(b"half written")
    (folder / ".cache").mkdir()
    shutil.copy(folder / "a.mp4", folder / ".cache" / "x.mp4")
    told = []
    found = load(folder, progress=lambda *what: told.append(what))
    assert [item.name for item in found.items] == ["a.mp4", "b.mp4", "deep/er/c d.mp4"]
    assert all(item.clip and item.clip.frames == 12 and item.problem is None for item in found.items)
    assert all(item.cuts is None and item.storyboard == () for item in found.items)
    assert told == [(1, 3, "a.mp4"), (2, 3, "b.mp4"), (3, 3, "deep/er/c d.mp4")]
    assert found.warnings == ()


def test_one_file_is_footage_too(folder):
    (item,) = load(folder / "a.mp4").items
    assert item.name == "a.mp4" and item.clip is not None


def test_odd_names_are_kept_as_they_are(folder):
    names = ["Été à l'île.mp4", 'say "hi".mp4', "日本.MP4", "new\nline.mp4"]
    for k, name in enumerate(names):
        film(folder / "made.mp4", 100 + k).rename(folder / name)
    found = by_name(load(folder))
    assert set(names) < set(found)
    assert all(found[name].clip for name in names)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b""), "empty.mp4"),
        (lambda path: path.write_bytes(b"not a video at all" * 50), "empty.mp4"),
        (lambda path: path.write_bytes(film(path).read_bytes()[:400]), "empty.mp4"),
        (lambda path: only_sound(path), "empty.mp4"),
        (lambda path: path.mkdir(), None),
        (lambda path: path.symlink_to(path.with_name("nowhere.mp4")), "empty.mp4"),
    ],
    ids=["zero bytes", "text", "truncated", "sound only", "a folder of that name", "dangling link"],
)
def test_what_cannot_be_read_stays_with_its_problem(folder, make, says):
    make(folder / "empty.mp4")
    found = by_name(load(folder))
    if says is None:
        assert "empty.mp4" not in found
        return
    assert found["empty.mp4"].clip is None
    assert says in found["empty.mp4"].problem
    assert found["a.mp4"].clip is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_stays_with_its_problem(folder):
    (folder / "a.mp4").chmod(0)
    assert "a.mp4" in by_name(load(folder))["a.mp4"].problem


def only_sound(path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def test_the_same_video_twice_is_measured_once_and_said(folder):
    shutil.copy(folder / "a.mp4", folder / "z.mp4")
    for name in ("e1.mp4", "e2.mp4"):
        (folder / name).write_bytes(b"")
    found = load(folder)
    assert "z.mp4" not in by_name(found)
    assert found.warnings == ("z.mp4 is the same video as a.mp4; measured once",)
    assert {"e1.mp4", "e2.mp4"} < set(by_name(found))  # two failures are two failures
    every = load(folder, every_file=True)
    assert {"a.mp4", "z.mp4"} < set(by_name(every))
    assert every.warnings == ("1 of 6 videos is a copy (as z.mp4 is of a.mp4); each counts by itself",)


@pytest.mark.parametrize("make", ["missing", "empty", "no videos"])
def test_nothing_to_measure_says_what_to_do(tmp_path, make):
    folder = tmp_path / "clips"
    if make != "missing":
        folder.mkdir()
    if make == "no videos":
        (folder / "readme.md").write_text("soon")
    with pytest.raises(UsageError) as caught:
        load(folder)
    assert str(folder) in str(caught.value) and caught.value.mend


class TestManifest:
    def test_captions_tags_and_cuts(self, folder):
        (folder / "MANIFEST.csv").write_text(
            "file,licence,tags,cuts,caption\n"
            'a.mp4,MIT,people|fast-motion,5|9,"A, b and ""c""."\n'
            "b.mp4,MIT,,,\n"
            "deep/er/c d.mp4,MIT,x,?,\n",
            encoding="utf-8-sig",
        )
        found = by_name(load(folder))
        a = found["a.mp4"]
        assert (a.caption, a.tags, a.cuts) == ('A, b and "c".', ("people", "fast-motion"), (5, 9))
        assert a.storyboard == (Prompt(0.0, 'A, b and "c".'),)
        assert (found["b.mp4"].caption, found["b.mp4"].tags, found["b.mp4"].cuts) == ("", (), ())
        assert found["deep/er/c d.mp4"].cuts is None

    def test_only_the_file_column_is_needed(self, folder):
        (folder / "manifest.csv").write_text("file\na.mp4\n")
        found = by_name(load(folder))
        assert found["a.mp4"].cuts is None and len(found) == 3

    def test_a_listed_file_that_is_absent_is_a_problem_not_an_absence(self, folder):
        (folder / "manifest.csv").write_text("file,caption\ngone.mp4,Lost.\n")
        gone = by_name(load(folder))["gone.mp4"]
        assert gone.clip is None and "is in the manifest but not in the folder" in gone.problem
        assert gone.caption == "Lost."

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("name,caption\na.mp4,x\n", "has no column named 'file'"),
            ("", "has no column named 'file'"),
            ("file\na.mp4\nb.mp4\na.mp4\n", "line 4: a.mp4 is listed twice"),
            ("file\na.mp4\n./a.mp4\n", "line 3: a.mp4 is listed twice"),
            ("file,cuts\n,5\n", "line 2: names no file"),
            ("file,caption\na.mp4,one, two\n", "line 2: has more cells than there are columns"),
            ("file\n../x.mp4\n", "line 2: ../x.mp4 lies outside the folder"),
            ("file,cuts\na.mp4,5|x\n", "line 2: cuts are '5|x'"),
            ("file,cuts\na.mp4,9|5\n", "line 2: cuts [9, 5] are not in rising order"),
            ("file,cuts\na.mp4,0|5\n", "line 2: cuts are [0, 5]"),
            ("file,cuts\na.mp4,5|12\n", "a.mp4: is annotated with a cut at frame 12 but has 12 frames"),
        ],
    )
    def test_mistakes_are_named_with_file_and_line(self, folder, text, says):
        (folder / "manifest.csv").write_text(text)
        with pytest.raises(UsageError) as caught:
            load(folder)
        assert says in str(caught.value)

    def test_latin_1_is_refused_not_guessed(self, folder):
        (folder / "manifest.csv").write_bytes("file,caption\na.mp4,café\n".encode("latin-1"))
        with pytest.raises(UsageError, match="UTF-8"):
            load(folder)


class TestBeside:
    def test_the_manifest_wins_over_the_json_beside_a_clip(self, folder):
        board = [{"at_s": 0.0, "text": "First."}, {"at_s": 0.5, "text": "Then."}]
        notes = {"format": "keepframe-annotation", "caption": "Beside.", "cuts": [6], "storyboard": board}
        (folder / "a.json").write_text(json.dumps(notes))
        (folder / "manifest.csv").write_text("file,caption\na.mp4,Listed.\n")
        a = by_name(load(folder))["a.mp4"]
        assert (a.caption, a.cuts, a.annotation) == ("Listed.", (6,), folder / "a.json")
        assert [p.text for p in a.storyboard] == ["First.", "Then."]

    @pytest.mark.parametrize("text", ["{", "[1, 2]", '{"title": "from a download tool"}', '{"format": "else"}'])
    def test_other_peoples_json_is_left_alone(self, folder, text):
        (folder / "a.json").write_text(text)
        a = by_name(load(folder))["a.mp4"]
        assert a.clip is not None and a.annotation is None

    def test_a_wrong_annotation_of_ours_is_named(self, folder):
        (folder / "a.json").write_text('{"format": "keepframe-annotation", "storyboard": [{"at_s": -2, "text": "x"}]}')
        with pytest.raises(UsageError, match=r"a\.json: prompt 1 is at -2"):
            load(folder)
        (folder / "a.json").write_text('{"format": "keepframe-annotation", "cuts": "5"}')
        with pytest.raises(UsageError, match=r"a\.json: cuts are '5'"):
            load(folder)


class TestCache:
    @pytest.fixture
    def probes(self, monkeypatch) -> list[str]:
        seen: list[str] = []

        def counted(path: Path, real=footage.probe):
            seen.append(path.name)
            return real(path)

        monkeypatch.setattr(footage, "probe", counted)
        return seen

    def test_a_second_look_reads_nothing_and_finds_the_same(self, folder, tmp_path, probes):
        first = load(folder, cache=tmp_path / "cache" / "probed.json")
        assert len(probes) == 3
        assert load(folder, cache=tmp_path / "cache" / "probed.json") == first
        assert len(probes) == 3
        assert [p.name for p in (tmp_path / "cache").iterdir()] == ["probed.json"]

    def test_a_changed_file_is_read_again_and_a_problem_is_not_remembered(self, folder, tmp_path, probes):
        cache = tmp_path / "probed.json"
        (folder / "bad.mp4").write_bytes(b"")
        load(folder, cache=cache)
        film(folder / "a.mp4", 33, frames=20)
        probes.clear()
        found = by_name(load(folder, cache=cache))
        assert sorted(probes) == ["a.mp4", "bad.mp4"]
        assert found["a.mp4"].clip.frames == 20

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"version": 1}', '{"version": 99, "entries": {}}', '{"version": 1, "entries": [3]}']
    )
    def test_a_corrupt_cache_is_rebuilt(self, folder, tmp_path, probes, text):
        cache = tmp_path / "probed.json"
        cache.write_text(text)
        load(folder, cache=cache)
        load(folder, cache=cache)
        assert len(probes) == 3

    def test_a_damaged_entry_is_read_again(self, folder, tmp_path, probes):
        cache = tmp_path / "probed.json"
        load(folder, cache=cache)
        data = json.loads(cache.read_text())
        damaged = list(data["entries"])
        data["entries"][damaged[0]] = {"stamp": data["entries"][damaged[0]]["stamp"]}
        data["entries"][damaged[1]] = 7
        cache.write_text(json.dumps(data))
        found = load(folder, cache=cache)
        assert len(probes) == 5 and all(item.clip for item in found.items)

    def test_a_cache_that_cannot_be_written_stops_nothing(self, folder, tmp_path):
        (tmp_path / "file").write_text("")
        assert len(load(folder, cache=tmp_path / "file" / "probed.json").items) == 3
