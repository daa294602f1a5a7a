"""Procedural clips as files: whole or absent, drawn once, and described by what lies beside them."""

import json
import os

import av
import numpy as np
import pytest

from bench.errors import UsageError
from bench.types import Size
from bench.video import procedural, storyboard
from bench.video.footage import load
from bench.video.procedural import render, write_clip, write_set

HOW = {"size": Size(208, 120), "fps": 12, "seconds": 2.0}


def decoded(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_the_file_shows_the_frames_that_were_drawn(tmp_path):
    path = write_clip("characters", 0, tmp_path, **HOW)
    assert path == tmp_path / "characters-0.mp4"
    shown, drawn = decoded(path), np.concatenate(list(render("characters", 0, **HOW)))
    assert shown.shape == drawn.shape
    error = np.mean((shown.astype(float) - drawn) ** 2, axis=(1, 2, 3))
    assert error.max() < 60  # more than 30 dB in every frame: compressed, but the same frame


def test_the_annotation_says_what_the_scene_knows(tmp_path):
    path = write_clip("characters", 1, tmp_path, **HOW)
    about = json.loads(path.with_suffix(".json").read_text())
    _, drawn = procedural.scene("characters", 1, **HOW)
    assert about["cuts"] == list(drawn.truth.cuts)
    assert storyboard.read(path.with_suffix(".json")) == drawn.truth.storyboard
    assert (about["width"], about["height"], about["fps"], about["frames"]) == (208, 120, "12", 24)
    who = about["identities"][0]
    assert {"id", "name", "appearance", "colours", "boxes", "absent"} == set(who)
    first = drawn.truth.boxes[who["id"]][0]
    assert who["boxes"][0] == [first.frame, first.x, first.y, first.width, first.height]


def test_a_folder_of_procedural_clips_is_footage(tmp_path):
    write_clip("rapid-cuts", 0, tmp_path, **HOW)
    (item,) = load(tmp_path).items
    assert item.clip is not None and item.clip.frames == 24
    assert item.cuts and item.cuts[0] < 24
    assert "rapid-cuts" in item.tags
    assert len(item.storyboard) == len(item.cuts) + 1
    assert item.annotation == tmp_path / "rapid-cuts-0.json"


def test_a_clip_is_drawn_once_and_again_only_when_its_recipe_changes(tmp_path, monkeypatch):
    path = write_clip("patterns", 0, tmp_path, **HOW)
    before = path.stat().st_mtime_ns
    write_clip("patterns", 0, tmp_path, **HOW)
    assert path.stat().st_mtime_ns == before
    write_clip("patterns", 0, tmp_path, **{**HOW, "seconds": 1.0})
    assert len(decoded(path)) == 12
    monkeypatch.setattr(procedural, "RECIPE_VERSION", procedural.RECIPE_VERSION + 1)
    now = path.stat().st_mtime_ns
    write_clip("patterns", 0, tmp_path, **{**HOW, "seconds": 1.0})
    assert path.stat().st_mtime_ns > now


@pytest.mark.parametrize("damage", ["annotation lost", "annotation cut short", "clip lost", "clip replaced"])
def test_what_is_damaged_is_drawn_again(tmp_path, damage):
    path = write_clip("patterns", 0, tmp_path, **HOW)
    whole = path.read_bytes()
    notes = path.with_suffix(".json")
    match damage:
        case "annotation lost":
            notes.unlink()
        case "annotation cut short":
            notes.write_text(notes.read_text()[:100])
        case "clip lost":
            path.unlink()
        case "clip replaced":
            path.write_bytes(whole[:500])
    write_clip("patterns", 0, tmp_path, **HOW)
    assert path.read_bytes() == whole
    assert json.loads(notes.read_text())["bytes"] == len(whole)


def test_a_failure_while_drawing_leaves_no_file_and_keeps_the_old_clip(tmp_path, monkeypatch):
    path = write_clip("patterns", 0, tmp_path, **HOW)
    whole, notes = path.read_bytes(), path.with_suffix(".json").read_bytes()

    class Broken(procedural.VideoWriter):
        def write(self, frames):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(procedural, "VideoWriter", Broken)
    with pytest.raises(OSError, match="No space left"):
        write_clip("patterns", 0, tmp_path, **{**HOW, "seconds": 1.0})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["patterns-0.json", "patterns-0.mp4"]
    assert path.read_bytes() == whole and path.with_suffix(".json").read_bytes() == notes


def test_leftovers_of_a_killed_process_are_swept_and_those_of_a_live_one_are_not(tmp_path):
    old, young = tmp_path / ".patterns-0.1.part.mp4", tmp_path / ".patterns-0.2.part.mp4"
    inner = tmp_path / "..patterns-0.1.part.mp4.1.part"
    for part in (old, young, inner):
        part.write_bytes(b"half")
    for part in (old, inner):
        os.utime(part, (0, 0))
    write_clip("patterns", 0, tmp_path, **HOW)
    assert not old.exists() and not inner.exists() and young.exists()


def test_a_set_is_drawn_in_parallel_in_the_order_asked_and_only_what_is_missing(tmp_path):
    there = write_clip("static", 1, tmp_path, **HOW)
    before = there.stat().st_mtime_ns
    told = []
    paths = write_set(
        tmp_path, ("static", "patterns"), (0, 1), **HOW, progress=lambda done, total, path: told.append((done, total))
    )
    assert [p.name for p in paths] == ["static-0.mp4", "static-1.mp4", "patterns-0.mp4", "patterns-1.mp4"]
    assert all(p.exists() for p in paths)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert there.stat().st_mtime_ns == before
    alone = write_clip("patterns", 1, tmp_path / "alone", **HOW)
    assert alone.read_bytes() == paths[3].read_bytes()  # a worker draws what this process draws


def test_a_set_refuses_an_unknown_kind_before_it_draws_anything(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'slow-pan'"):
        write_set(tmp_path, ("static", "slow-pann"), **HOW)
    assert not list(tmp_path.iterdir())
