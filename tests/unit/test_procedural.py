"""The procedural scenes: the same again for the same seed, and an annotation that agrees with the pixels."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from bench.errors import UsageError
from bench.types import Size
from bench.video.procedural import ALL, CHUNK, render, scene
from bench.video.scenes.people import cast

SMALL = Size(208, 120)


def drawn(kind: str, seed: int, **how) -> np.ndarray:
    return np.concatenate(list(render(kind, seed, **{"size": SMALL, "fps": 12, "seconds": 2.0, **how})))


@pytest.mark.parametrize("kind", ALL)
def test_the_same_seed_gives_the_same_frames_in_any_order_and_another_seed_others(kind):
    first, second = scene(kind, 3, size=SMALL, fps=12, seconds=2.0), scene(kind, 3, size=SMALL, fps=12, seconds=2.0)
    forwards = [first[1].draw(i) for i in range(24)]
    backwards = [second[1].draw(i) for i in reversed(range(24))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert first[1].truth == second[1].truth
    assert not np.array_equal(forwards, drawn(kind, 4))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("size", [Size(64, 64), Size(120, 208)], ids=str)
def test_any_even_size_is_drawn(kind, size):
    frames = drawn(kind, 1, size=size, seconds=1.0)
    assert frames.shape == (12, size.height, size.width, 3)
    assert frames.dtype == np.uint8
    assert frames.std() > 10  # something is to be seen


def test_frames_come_in_chunks_and_their_number_is_exact_at_odd_rates():
    chunks = list(render("patterns", 0, size=SMALL, fps=Fraction(30000, 1001), seconds=1.5))
    assert [len(c) for c in chunks] == [CHUNK, CHUNK, 45 - 2 * CHUNK]


@pytest.mark.parametrize("kind", ["rapid-cuts", "characters", "text", "patterns"])
def test_a_cut_is_a_jump_and_no_other_frame_jumps_as_far(kind):
    stage, drawn_scene = scene(kind, 0, size=SMALL, fps=12, seconds=8.0)
    frames = np.stack([drawn_scene.draw(i) for i in range(stage.frames)]).astype(np.float32)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    cuts = [cut - 1 for cut in drawn_scene.truth.cuts]
    others = np.delete(change, cuts)
    assert cuts
    assert change[cuts].min() > 8
    assert change[cuts].min() > 2 * np.median(others)


def test_shots_that_come_back_look_as_they_did():
    stage, cuts = scene("rapid-cuts", 0, size=SMALL, fps=12, seconds=16.0)
    starts = [0, *cuts.truth.cuts]
    seen = {}
    returns = 0
    for start, name in zip(starts, cuts.truth.shots, strict=True):
        frame = cuts.draw(start).astype(np.float32)
        if name in seen:
            returns += 1
            alike = np.abs(frame - seen[name]).mean()
            strangers = [np.abs(frame - other).mean() for key, other in seen.items() if key != name]
            assert alike < min(strangers)
        seen.setdefault(name, frame)
    assert returns >= 2
    assert all(0.4 < stage.at_s(b - a) < 2.1 for a, b in pairwise(starts))


def test_static_hardly_moves_and_high_motion_moves_a_lot():
    def change(kind: str) -> float:
        frames = drawn(kind, 0).astype(np.float32)
        return float(np.abs(np.diff(frames, axis=0)).mean())

    assert 0 < change("static") < 0.5
    assert change("high-motion") > 4


def test_a_pan_moves_by_what_its_camera_says():
    """The last frame holds what the first had, farther left: the nearest layer by the whole way."""
    stage, pan = scene("slow-pan", 0, size=SMALL, fps=12, seconds=4.0)
    way = 62.0 * stage.unit * 4 * (1 / 48)  # per frame, before easing
    before, after = pan.draw(20).astype(np.float32), pan.draw(24).astype(np.float32)
    rows = slice(104, 120)  # grass, the nearest layer
    shifts = range(16)
    width = SMALL.width - 16
    errors = [np.abs(before[rows, s : s + width] - after[rows, :width]).mean() for s in shifts]
    assert int(np.argmin(errors)) == pytest.approx(4 * way, abs=1.5)


class TestCharacters:
    @pytest.fixture(scope="class")
    @staticmethod
    def story():
        return scene("characters", 1, size=Size(416, 240), fps=6, seconds=20.0)

    def test_boxes_lie_in_the_picture_and_hold_the_colour_of_the_clothes(self, story):
        stage, drawn_scene = story
        truth = drawn_scene.truth
        checked = 0
        for who in truth.identities:
            for box in truth.boxes[who.id][::4]:
                assert 0 <= box.x < box.x + box.width <= stage.size.width
                assert 0 <= box.y < box.y + box.height <= stage.size.height
                if box.width < 50:  # half out of the picture
                    continue
                inside = drawn_scene.draw(box.frame)[box.y : box.y + box.height, box.x : box.x + box.width]
                assert near(inside, who.colours["top"]).mean() > 0.02, (who.name, box)
                assert near(inside, who.colours["skin"]).mean() > 0.01, (who.name, box)
                checked += 1
        assert checked > 30

    def test_clothes_are_nowhere_outside_the_boxes_of_a_figure_that_walks(self, story):
        """Against the empty place, whatever differs is figure or its shadow, and lies in or under a box."""
        stage, drawn_scene = story
        shot = next(s for s in drawn_scene.shots if not s.close and len(s.acts) == 2)
        boxes = [b for rows in drawn_scene.truth.boxes.values() for b in rows if b.frame == shot.end - 1]
        empty = type(drawn_scene)(stage)
        empty.shots = [type(s)(s.place, s.start, s.end, (), s.close) if s == shot else s for s in drawn_scene.shots]
        difference = np.abs(drawn_scene.draw(shot.end - 1).astype(int) - empty.draw(shot.end - 1).astype(int)).max(
            axis=2
        )
        covered = np.zeros(difference.shape, bool)
        for box in boxes:
            covered[box.y : box.y + box.height, box.x : box.x + box.width] = True
        moved = difference > 40
        moved[int(0.86 * stage.size.height) :] = False  # shadows
        assert moved.sum() > 500
        assert (moved & ~covered).sum() <= 0.01 * moved.sum()

    def test_people_leave_and_come_back(self, story):
        stage, drawn_scene = story
        truth = drawn_scene.truth
        came_back = 0
        for who in truth.identities:
            seen = {box.frame for box in truth.boxes[who.id]}
            gaps = truth.absences(who.id, stage.frames)
            assert all(frame not in seen for a, b in gaps for frame in range(a, b))
            assert len(seen) + sum(b - a for a, b in gaps) == stage.frames
            came_back += any(min(seen) < a and b <= max(seen) and b - a >= 6 for a, b in gaps)
        assert came_back >= 2

    def test_every_prompt_names_the_people_it_shows_with_the_same_words(self, story):
        _, drawn_scene = story
        truth = drawn_scene.truth
        looks = {who.name: who.appearance for who in truth.identities}
        for prompt in truth.storyboard:
            named = [name for name in looks if name in prompt.text]
            assert named
            assert all(f"{name}, {looks[name]}," in prompt.text for name in named)

    def test_nobody_of_a_cast_can_be_taken_for_another(self):
        for seed in range(20):
            people = cast(4, np.random.default_rng(seed))
            assert len({p.name for p in people}) == len({p.top for p in people}) == 4
            assert len({(p.hair_style, p.hair_name) for p in people}) == 4


def test_words_stand_out_from_their_ground_where_and_when_they_are_said_to():
    stage, text = scene("text", 0, size=Size(416, 240), fps=6, seconds=20.0)
    assert len(text.truth.words) > 30
    for word in text.truth.words:
        x, y, wide, high = word.box
        assert x >= 0 and x + wide <= stage.size.width and y >= 0 and y + high <= stage.size.height
        assert high >= 10, word  # legible at half size
        for at_s in (word.from_s + 0.17, (word.from_s + word.to_s) / 2, word.to_s - 0.17):
            grey = text.draw(stage.index(at_s))[y : y + high, x : x + wide].mean(axis=2)
            light, dark = np.percentile(grey, 96), np.percentile(grey, 4)
            assert light - dark > 75, word


def test_captions_change_while_the_signs_stay():
    stage, text = scene("text", 0, size=SMALL, fps=6, seconds=20.0)
    said = [w for w in text.truth.words if w.text.endswith((".", "please."))]
    assert len({w.text for w in said}) == len(said) >= 4
    first, second = text.draw(stage.index(said[0].from_s)), text.draw(stage.index(said[1].from_s))
    changed = np.abs(first.astype(int) - second.astype(int)).max(axis=(1, 2)) > 30
    assert changed[int(0.85 * SMALL.height) :].any()
    assert not changed[: int(0.8 * SMALL.height)].any()


@pytest.mark.parametrize("kind", ALL)
def test_storyboards_are_in_order_and_cuts_within_the_clip(kind):
    stage, drawn_scene = scene(kind, 0, size=SMALL, fps=24, seconds=20.0)
    times = [prompt.at_s for prompt in drawn_scene.truth.storyboard]
    assert times[0] == 0.0
    assert times == sorted(set(times)) and times[-1] < stage.seconds
    assert all(0 < cut < stage.frames for cut in drawn_scene.truth.cuts)
    assert len(drawn_scene.truth.shots) == len(drawn_scene.truth.cuts) + 1
    assert kind in drawn_scene.truth.tags


@pytest.mark.parametrize(
    "wrong", [{"size": Size(209, 120)}, {"size": Size(32, 32)}, {"fps": 0}, {"seconds": 0.0}, {"seconds": -1.0}]
)
def test_what_cannot_be_drawn_is_refused(wrong):
    with pytest.raises(UsageError, match="cannot draw static"):
        scene("static", 0, **{"size": SMALL, "fps": 12, "seconds": 1.0, **wrong})


def test_a_misspelt_kind_is_answered_with_the_right_one():
    with pytest.raises(UsageError, match="Did you mean 'characters'"):
        scene("charcters", 0)


def near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Pixels of this colour, lit or shaded: the same direction in RGB, not too dark."""
    wanted = np.array(colour, np.float64)
    dot = pixels @ wanted / (np.linalg.norm(pixels, axis=-1) * np.linalg.norm(wanted) + 1e-9)
    return (dot > 0.985) & (pixels.sum(axis=-1) > 0.35 * wanted.sum())
