"""From videos to a study: what is refused by name, what is made alike, what the plan says, stored runs."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sqlalchemy import select
from unit.preference_studies import study as simulated_study

from bench.errors import StoreError, UsageError
from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.read import read_frames
from bench.video.write import write_video
from leaderboard.study import media, schema
from leaderboard.study.config import StudyConfig
from leaderboard.study.making import Making, new
from leaderboard.study.new import create, read_texts
from leaderboard.study.planning import Pilot, plan_of, read_pilot
from leaderboard.study.sources import check, from_folders, from_run
from suites.preference.fit import fit
from suites.preference.pilot import Components, components
from suites.preference.planner import votes_needed
from suites.preference.record import record
from suites.preference.votes import count
from suites.preference.votes_file import write_votes
from tests.unit.store_factory import SYSTEMS, synthetic_store
from tests.unit.study_videos import frames, videos


def test_what_is_wrong_is_said_by_name(tmp_path: Path) -> None:
    told = videos(tmp_path, systems=2, prompts=3)
    (tmp_path / "sys0" / "prompt0.mp4").unlink()
    broken = tmp_path / "sys1" / "prompt1.mp4"
    broken.write_bytes(b"this is no video")
    with pytest.raises(UsageError) as error:
        check(from_folders(told))
    assert "'prompt0': sys0 has no video" in str(error.value) and "prompt1.mp4" in str(error.value)
    assert "--skip-incomplete" in error.value.mend
    found = check(from_folders(told), skip_incomplete=True)
    assert found.prompts == ("prompt2",) and len(found.notes) == 2
    (tmp_path / "sys1" / "prompt2.mp4").unlink()
    with pytest.raises(UsageError, match="No prompt is whole"):
        check(from_folders(told), skip_incomplete=True)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["nowhere"], "is no folder"),
        (["a=one", "a=two"], "Two systems are called 'a'"),
        (["empty"], "no video in"),
        (["twice"], "would be one prompt"),
        (["one"], "two systems or more"),
    ],
)
def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "twice"):
        write_video(tmp_path / name / "p.mp4", [frames(0, 0, 0.2, 32, 10)], 10)
    (tmp_path / "twice" / "p.webm").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=said):
        check(from_folders(told))


def test_unlike_videos_are_made_alike(tmp_path: Path) -> None:
    write_video(tmp_path / "a" / "p.mp4", [frames(0, 0, 1.0, 48, 24)], 24)
    write_video(tmp_path / "b" / "p.mp4", [frames(1, 0, 2.0, 96, 12)[:, :, 20:116]], 12, codec="libx265")
    found = check(from_folders([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert len(found.notes) == 3, "length, size, frame rate"
    terms = StudyConfig(per_rater=1, gold=1, repeats=0, traps=1)
    folder = create(tmp_path / "study", terms, found, {"p": "a disc"})
    clips = sorted(folder.media.iterdir())
    assert len(clips) == 2 + 2 + 2 + 1, "clips, gold of each, a trap's two cards, practice"
    sizes, rates, lengths, kinds = set(), set(), set(), set()
    for path in clips:
        clip = probe(path)
        sizes.add(clip.size)
        rates.add(clip.fps)
        lengths.add(round(clip.duration_s, 3))
        with av.open(str(path)) as container:
            kinds.add((container.streams[0].codec_context.name, len(container.streams)))
            said = str(container.metadata) + str(container.streams[0].metadata)
            assert not any(word in said for word in ("Lavf", "Lavc", "a/p", "title", "comment")), said
        assert path.stat().st_mtime == 946_684_800 and len(path.stem) == 32
    assert len(sizes) == len(rates) == len(lengths) == 1 and kinds == {("h264", 1)}
    assert rates == {Fraction(24)} and lengths == {1.0}
    with folder.ledger() as ledger, ledger.reading() as conn:
        rows = conn.execute(select(schema.item)).all()
    assert {row.duration_ms for row in rows} == {1000}
    with pytest.raises(StoreError, match="not empty"):
        create(tmp_path / "study", terms, found, {"p": ""})


def test_a_failure_leaves_no_half_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(from_folders(videos(tmp_path / "in")))
    monkeypatch.setattr(media, "spoilt", None)
    with pytest.raises(TypeError):
        create(tmp_path / "study", StudyConfig(per_rater=1), found, dict.fromkeys(found.prompts, ""))
    assert not (tmp_path / "study").exists()


def test_ladder() -> None:
    wide = _clip(Size(1920, 1080), 24)
    tall = _clip(Size(480, 640), 30)
    form = media.ladder([wide, tall])
    assert form.size == Size(854, 480) and form.fps == 30
    assert media.ladder([_clip(Size(97, 55), 1)]).size == Size(98, 56), "even, and no smaller than it was"
    assert media.ladder([_clip(Size(64, 64), 1)]).fps == 12 and media.ladder([_clip(Size(64, 64), 120)]).fps == 60


def test_cards_and_spoilt_copies_look_it(tmp_path: Path) -> None:
    shots = frames(0, 0, 1.0, 96, 24)
    bad = np.concatenate(list(media.spoilt([shots[:10], shots[10:]])))
    assert bad.shape == shots.shape and np.abs(bad.astype(int) - shots).mean() > 2
    assert (bad[1] == bad[0]).all() and (bad[3] != bad[2]).any()
    shown = np.concatenate(list(media.card("right", 24)([shots[:10], shots[10:]])))
    changed = [k for k in range(24) if (shown[k] != shots[k]).any()]
    assert changed == list(range(8, 16)), "the middle third"
    assert (shown[8] != np.concatenate(list(media.card("left", 24)([shots])))[8]).any()


def test_the_plan_is_the_planners(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plan = plan_of(StudyConfig(raters=10, per_rater=12), 3, 8, wanted_elo=50, tie_rate=0.2)
    assert plan.needed == votes_needed(3, 50, 0.2) and plan.votes == 120 and plan.checks == 6
    assert f"plan {-(-plan.needed // 12)} raters" in plan.lines()[-1]
    for wrong, said in (({"per_rater": 25}, "only 24"), ({"repeats": 21}, "21 repeats"), ({"criteria": ("x",)}, "'x'")):
        with pytest.raises(UsageError, match=said):
            plan_of(StudyConfig(**wrong), 3, 8, wanted_elo=50, tie_rate=0.2)
    new(tmp_path / "s", *videos(tmp_path / "in"), terms=StudyConfig(per_rater=2), making=Making(dry_run=True))
    assert "2 systems on 2 prompts: 2 comparisons" in capsys.readouterr().out
    assert not (tmp_path / "s").exists()


def test_a_pilot_replaces_the_guess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pilot = Pilot("pilot", 3, Components(vote=40.0, rater=0.4, prompt=0.1))
    terms = StudyConfig(raters=10, per_rater=12)
    plan = plan_of(terms, 5, 30, wanted_elo=80, tie_rate=0.2, pilot=pilot)
    parts = Components(vote=80.0, rater=0.4, prompt=0.1)  # each of ten pairs of systems gets half of the votes
    assert plan.bought == parts.half_width(120, 10, 30) and plan.design_effect == parts.design_effect(120, 10, 30)
    assert plan.needed is not None and plan.needed % 12 == 0
    raters = plan.needed // 12
    assert parts.half_width(plan.needed, raters, 30) <= 80 < parts.half_width(plan.needed - 12, raters - 1, 30)
    assert "measured in pilot" in plan.lines()[2] and f"plan {raters} raters" in plan.lines()[3]
    few = plan_of(terms, 5, 4, wanted_elo=80, tie_rate=0.2, pilot=pilot)
    assert few.needed is None and "add prompts" in few.lines()[3], "no number of raters mends four prompts"

    votes = simulated_study(np.random.default_rng(0), 12, 10, 20, np.array([0.3, 0.0, -0.3]))
    write_votes(replace(record("pilot", votes), simulated=True), tmp_path / "pilot.csv")
    making = Making(dry_run=True, pilot=tmp_path / "pilot.csv")
    new(tmp_path / "s", *videos(tmp_path / "in"), terms=StudyConfig(per_rater=2), making=making)
    told = components(votes, fit(count(votes)))
    assert read_pilot(tmp_path / "pilot.csv").parts == told
    assert "measured in pilot (SIMULATED raters)" in capsys.readouterr().out
    alone = votes.where(votes.rater == 0)
    write_votes(record("alone", alone), tmp_path / "alone.csv")
    with pytest.raises(UsageError, match="is no pilot"):
        read_pilot(tmp_path / "alone.csv")


def test_clips_that_would_not_play_on_a_poor_link_are_coarser_with_their_rivals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MOST_KBPS", 100)
    grain = np.random.default_rng(0).normal(0, 25, (12, 48, 64, 3))
    for prompt, noise in (("calm", 0.0), ("grainy", 1.0)):
        write_video(tmp_path / "a" / f"{prompt}.mp4", [frames(0, 0, 1.0, 48, 12)[:, :, :64]], 12)
        shots = np.clip(frames(0, 0, 1.0, 48, 12)[:, :, :64] + noise * grain, 0, 255).astype(np.uint8)
        write_video(tmp_path / "b" / f"{prompt}.mp4", [shots], 12, crf=1)
    said: list[str] = []
    found = check(from_folders([str(tmp_path / "a"), str(tmp_path / "b")]))
    terms = StudyConfig(per_rater=1, gold=0, repeats=0, traps=0)
    folder = create(tmp_path / "study", terms, found, dict.fromkeys(found.prompts, ""), told=said.append)
    assert len(said) == 1 and "'grainy'" in said[0] and "all clips at CRF" in said[0]
    with folder.ledger() as ledger, ledger.reading() as conn:
        rows = conn.execute(select(schema.item.c.media, schema.item.c.duration_ms)).all()
    kbps = [(folder.media / row.media).stat().st_size * 8 / row.duration_ms for row in rows]
    assert max(kbps) <= 100 and len(list(folder.media.iterdir())) == len(rows) == 5, "nothing is left over"


def test_sound_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_video(tmp_path / name / "p.mp4", [frames(0, 0, 1.0, 32, 12)], 12)
    loud = tmp_path / "b" / "p.mp4"
    with av.open(str(loud)) as silent, av.open(str(tmp_path / "p.mkv"), "w") as container:
        video = container.add_stream_from_template(silent.streams.video[0])
        audio = container.add_stream("aac", rate=8000)
        for packet in silent.demux():
            if packet.dts is not None:
                packet.stream = video
                container.mux(packet)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        tone.sample_rate, tone.pts = 8000, 0
        container.mux(audio.encode(tone))
        container.mux(audio.encode(None))
    (tmp_path / "p.mkv").replace(tmp_path / "b" / "p.mkv")
    loud.unlink()
    found = check(from_folders([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert [note for note in found.notes if "sound" in note] == [
        "1 videos have sound, which is left out: both videos of a pair play at once"
    ]
    clip = media.make(found.clips["b"]["p"], tmp_path, media.Ladder(Size(56, 32), Fraction(12)), 1.0)
    with av.open(str(tmp_path / clip.name)) as made:
        assert not made.streams.audio


def test_texts(tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"p": "a dog", "q": "a cat"}))
    assert read_texts(path, ["p"]) == {"p": "a dog"} and read_texts(None, ["p"]) == {"p": ""}
    with pytest.raises(UsageError, match="no text for r"):
        read_texts(path, ["p", "r"])
    path.write_text("nonsense")
    with pytest.raises(UsageError, match="no JSON"):
        read_texts(path, ["p"])


def test_stored_answers_become_clips(tmp_path: Path) -> None:
    store, key = synthetic_store(tmp_path / "results", videos=2, moments=3, made=SYSTEMS[1:4], size=(64, 36))
    found = from_run(store, key, ())
    names = sorted(made.system.name for made in SYSTEMS[1:4])
    assert sorted(found) == names
    whole = check(found, skip_incomplete=True)
    assert whole.prompts
    chosen = from_run(store, key, names[:2])
    assert sorted(chosen) == names[:2]
    with pytest.raises(UsageError, match="no system 'nope'"):
        from_run(store, key, ["nope"])
    made = media.make(whole.clips[names[0]][whole.prompts[0]], tmp_path, media.Ladder(Size(64, 36), Fraction(12)), 3.0)
    clip = probe(tmp_path / made.name)
    assert clip.frames == 36 and made.duration_ms == 3000, "three moments, one a second"
    still = read_frames(clip, [0, 11]).astype(int)
    assert np.abs(still[0] - still[1]).mean() < 3, "a recalled moment stands still for its second"


def _clip(size: Size, fps: int) -> Clip:
    return Clip(Path("x.mp4"), "0", Fraction(fps), size, (0.0,), 1.0)
