"""VBench-2.0 by a judge: what is asked, what counts, what drops out."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.errors import KeepframeError
from suites.features.protocols import Evidence
from suites.judging.protocol import DroppedOut, Inquiry, Reply
from suites.vbench2.instances import InstancePreservation, stretches
from suites.vbench2.stories import ComplexPlot, HumanInteraction, MotionOrderUnderstanding
from suites.vbench2.yes_no import (
    Composition,
    DynamicAttribute,
    DynamicSpatialRelationship,
    HumanClothes,
    Mechanics,
)
from tests.unit.vbench2_video import Judge, ask, filmed, unless, with_judge


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return filmed(tmp_path_factory.mktemp("v"))


def test_all_questions_or_nothing(video: Evidence) -> None:
    questions = ["Red first?", "Green last?"]
    value, one = ask(DynamicAttribute(), video, unless(), dynamic_attribute=questions)
    assert value == 1.0 and all(len(inquiry.pictures) == 64 for inquiry in one.asked)
    assert ask(DynamicAttribute(), video, unless("Green"), dynamic_attribute=questions)[0] == 0.0
    with pytest.raises(KeepframeError, match="yes or no"):
        ask(DynamicAttribute(), video, lambda _: "A cat", dynamic_attribute=questions)
    with pytest.raises(KeepframeError, match="vbench2-prompts"):
        ask(DynamicAttribute(), video, unless(), dynamic_attribute="red")


def test_a_gate_then_one_question(video: Evidence) -> None:
    three = ["Is it in space?", "Does it float?", "Is it blue?"]
    assert ask(Mechanics(), video, unless("blue"), mechanics=three)[0] == 1.0  # the third is ignored
    assert ask(Mechanics(), video, unless("float"), mechanics=three)[0] == 0.0
    with pytest.raises(DroppedOut):
        ask(Mechanics(), video, unless("space"), mechanics=three)
    assert ask(Mechanics(), video, unless("space"), mechanics=three[:1])[0] == 0.0  # alone it is no gate
    with pytest.raises(DroppedOut):
        ask(HumanClothes(), video, unless("One person", "one person"))
    assert ask(HumanClothes(), video, unless("clothes"))[0] == 0.0


@pytest.mark.parametrize(
    ("switches", "wrong", "expected"),
    [
        ([True, False], ("creature",), 0.25),  # more than one creature: what one part is worth
        ([False, False], ("creature",), 1.0),  # not asked
        ([True, False], ("wings", "tail"), 0.5),
        ([True, True], ("tail",), 0.0),
        ([False, True], (), 1.0),
    ],
)
def test_composition(video: Evidence, switches: list[bool], wrong: tuple[str, ...], expected: float) -> None:
    listed = {"question": ["wings", "tail", "head", "feet"], "judge": switches}
    assert ask(Composition(), video, unless(*wrong), composition=listed)[0] == expected


def test_before_and_after_see_their_own_pictures(video: Evidence) -> None:
    questions = ["On the left?", "In front?"]
    value, one = ask(DynamicSpatialRelationship(), video, unless(), dynamic_spatial_relationship=questions)
    assert value == 1.0
    assert [len(inquiry.pictures) for inquiry in one.asked] == [32, 1]
    assert one.asked[0].pictures + one.asked[1].pictures != one.asked[0].pictures * 2


def story(told: str, right: Callable[[str], bool]) -> Any:
    """A judge that tells this story and holds two texts against each other."""

    class Telling(Judge):
        def ask(self, inquiry: Inquiry) -> Reply:
            self.asked.append(inquiry)
            return Reply(told if inquiry.pictures else "Yes" if right(inquiry.text) else "No")

    return Telling(str)


def test_a_plot_is_matched_in_order_until_it_is_not(video: Evidence) -> None:
    wanted = ["wakes", "eats", "runs", "sleeps"]

    def part(told: str, right: Callable[[str], bool]) -> float:
        (value,) = ComplexPlot()(with_judge(video, story(told, right), complex_plot=wanted)).values
        return float(value)

    four = "1. wakes 2. eats 3. sits 4. sleeps"
    same = lambda text: text.split("Asked for: ")[1].split("\n")[0] in text.split("Told: ")[1]  # noqa: E731
    assert part(four, same) == 0.5  # the third is wrong, so the fourth is not asked
    assert part(four, lambda _: True) == 1.0
    assert part("it wakes and eats and runs and sleeps", same) == 1.0  # no list: held as a whole against each
    assert part("1. wakes 2. eats", same) == 0.5  # a short list leaves the rest unmatched


def test_two_actions_in_order_and_two_people(video: Evidence) -> None:
    metric = MotionOrderUnderstanding()
    yes = with_judge(video, story("1. sits 2. sweeps", lambda _: True), motion_order_understanding=["sit", "sweep"])
    assert metric(yes).values.tolist() == [1.0]
    with pytest.raises(DroppedOut):
        metric(with_judge(video, story("A man sits.", lambda _: True), motion_order_understanding=["sit", "sweep"]))
    alone = with_judge(video, story("One hugs.", lambda text: "more than one" not in text))
    assert HumanInteraction()(alone).values.tolist() == [0.0]


def test_instances_are_asked_for_in_stretches(video: Evidence) -> None:
    assert stretches(video.clip) == [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)]
    calm = Judge(lambda _: "No")
    assert InstancePreservation()(with_judge(video, calm, instance_preservation="1.dog")).values.tolist() == [1.0]
    assert [len(inquiry.pictures) for inquiry in calm.asked] == [8, 8, 8] and "1.dog" in calm.asked[0].text
    assert InstancePreservation()(with_judge(video, Judge(lambda _: "Yes"))).values.tolist() == [0.0]
