"""VBench-2.0's dimensions that are settled by yes and no: all of some questions, or one behind a gate."""

from bench.errors import KeepframeError
from suites.features.protocols import Evidence
from suites.judging.protocol import DroppedOut
from suites.vbench2.asking import Asking, Questions, share, texts


class _All(Questions):
    """1 when every question of the list is answered with yes."""

    def score(self, evidence: Evidence, asking: Asking) -> float:
        questions = texts(evidence.question(self.dimension), self.dimension)
        return float(all(asking.yes(str(k), question) for k, question in enumerate(questions)))


class DynamicAttribute(_All):
    """VBench-2.0-style Dynamic_Attribute: does a thing change as asked (from green to red, say)? 0 or 1."""

    dimension = "dynamic_attribute"


class MotionRationality(_All):
    """VBench-2.0-style Motion_Rationality: does an action have its consequences? 0 or 1."""

    dimension = "motion_rationality"


class _Gated(Questions):
    """One question decides. Where there are more, the first is a gate and the second decides; others are ignored."""

    def score(self, evidence: Evidence, asking: Asking) -> float:
        questions = texts(evidence.question(self.dimension), self.dimension)
        if len(questions) == 1:
            return float(asking.yes("0", questions[0]))
        if not asking.yes("0", questions[0]):
            raise DroppedOut.because(evidence.clip, f"the judge said no to “{questions[0]}”")
        return float(asking.yes("1", questions[1]))


class Mechanics(_Gated):
    """VBench-2.0-style Mechanics: do bodies fall, float and collide as they would? 0 or 1, or no answer."""

    dimension = "mechanics"


class Thermotics(_Gated):
    """VBench-2.0-style Thermotics: do things melt, boil and freeze as they would? 0 or 1, or no answer."""

    dimension = "thermotics"


class Material(_Gated):
    """VBench-2.0-style Material: do substances mix, burn and dissolve as they would? 0 or 1, or no answer."""

    dimension = "material"


class HumanClothes(Questions):
    """VBench-2.0-style Human_Clothes: does the one person of the video keep its clothes? 0 or 1, or no answer."""

    dimension = "human_clothes"
    asks = False

    def score(self, evidence: Evidence, asking: Asking) -> float:
        alone = "Is one person, and no more than one, in the video from beginning to end?"
        if not asking.yes("one", alone):
            raise DroppedOut.because(evidence.clip, f"the judge said no to “{alone}”")
        same = asking.yes("same", "Is it the same person from beginning to end?")
        clothes = asking.yes("clothes", "Do the person's clothes keep their colours and their texture throughout?")
        return float(same and clothes)


class Composition(Questions):
    """VBench-2.0-style Composition: are the parts of something unreal all there? 0 to 1.

    The list's two switches: whether there may be only one creature (if there are more, a video gets what one part is
    worth), and whether all parts are needed or each counts.
    """

    dimension = "composition"

    def score(self, evidence: Evidence, asking: Asking) -> float:
        found = evidence.question(self.dimension)
        if not isinstance(found, dict) or len(found.get("judge", ())) != 2:
            raise KeepframeError(
                f"The prompt list has no question and judge for composition, but {str(found)[:80]}.",
                "Use the list as VBench-2.0 publishes it: keepframe weights fetch vbench2-prompts",
            )
        parts = texts(found.get("question"), self.dimension)
        single, all_needed = found["judge"]
        if single and not asking.yes("one", "Is there one creature, and no more than one, in the video?"):
            return 1 / len(parts)
        there = [asking.yes(str(k), f"Does the video show this: {part}") for k, part in enumerate(parts)]
        return float(all(there)) if all_needed else share(there)


class DynamicSpatialRelationship(Questions):
    """VBench-2.0-style Dynamic_Spatial_Relationship: is a thing here at first, and there at the end? 0 or 1.

    The first question is about the first half of the pictures, the second about the last picture alone.
    """

    dimension = "dynamic_spatial_relationship"

    def score(self, evidence: Evidence, asking: Asking) -> float:
        before, after = texts(evidence.question(self.dimension), self.dimension, least=2)[:2]
        half = asking.pictures[: len(asking.pictures) // 2]
        first = asking.yes_of("0", "These are frames of the first half of a video, in order.", before, half)
        last = asking.yes_of("1", "This is the last frame of a video.", after, asking.pictures[-1:])
        return float(first and last)
