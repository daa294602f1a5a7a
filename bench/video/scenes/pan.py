"""A camera that slides slowly along a wide view: hills with trees, or a city in the evening.

Everything moves and little is new: a memory that understands motion should keep it cheaply.
"""

from bench.types import Prompt
from bench.video.scenes.nature import LIGHTS, landscape
from bench.video.scenes.stage import Frame, Stage, Truth, smooth
from bench.video.scenes.town import skyline

SPEED = 62.0  # pixels of an 832x480 picture a second, for the nearest layer
LEG_S = 60.0  # then the camera turns back: a view for ten minutes would not fit in memory


class SlowPan:
    """Hills for even seeds, a city for odd ones; the pan eases in and out."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.leg_s = min(stage.seconds, LEG_S)
        self.travel = SPEED * stage.unit * self.leg_s
        lands = [LIGHTS[name] for name in ("autumn", "morning", "winter", "noon")]
        if stage.seed % 2:
            light = LIGHTS["dusk" if stage.seed % 4 == 1 else "night"]
            self.vista = skyline(stage, light, self.travel)
            about, tag = f"The camera pans slowly over the roofs and towers of a city {light.words}.", "city"
        else:
            light = lands[stage.seed // 2 % len(lands)]
            self.vista = landscape(stage, light, self.travel, hills=5)
            about, tag = f"The camera pans slowly across wooded hills {light.words}, grass in front.", "landscape"
        self.truth = Truth(
            caption=about,
            tags=("procedural", "slow-pan", "camera-motion", tag),
            storyboard=(
                Prompt(0.0, about),
                Prompt(self.leg_s / 2, "The camera keeps panning to the right and new parts come into view."),
            ),
            camera=f"pans right by {self.travel:.0f} pixels (nearest layer) in {self.leg_s:g} s, then back",
            shots=(tag,),
        )

    def draw(self, index: int) -> Frame:
        legs = self.stage.at_s(index) / self.leg_s
        part = 1 - abs(legs % 2 - 1)
        eased = 0.85 * part + 0.15 * smooth(part)
        return self.vista.draw(self.travel * eased)
