"""A small story: people with faces and clothes of their own meet, part, and come back in several places.

What a memory must keep here is who is who: somebody leaves, is away for a while, and has to look the same
on return, in another place too. The annotation says where each person is in every frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64

from bench.types import Prompt
from bench.video.scenes.paint import Canvas, Picture, paste, placed
from bench.video.scenes.people import Person, cast
from bench.video.scenes.places import FLOOR, PLACES, place
from bench.video.scenes.puppet import HEAD, STRIDE, Pose, Puppet
from bench.video.scenes.shapes import NIGHT
from bench.video.scenes.stage import Box, Frame, Stage, Truth

TALL = 0.6  # of the picture's height
CLOSE = 2.0  # in a close-up
CYCLE_S = 20.0  # one round of the story
PACE = 0.85  # heights a second


@dataclass(frozen=True)
class Act:
    """What one person does in one shot. Times are parts of the shot."""

    who: int
    stop: float  # where they stand, as part of the width
    enter: str = ""  # from the left, from the right, or there from the start
    leave: str = ""
    gesture: str = "talk"
    enter_at: float = 0.0
    leave_at: float = 0.62

    def x(self, part: float, walk: float) -> float:
        """Where they are, as part of the width; `walk` is how much of the shot a walk from the edge takes."""
        where = self.stop
        if self.enter:
            edge = -0.14 if self.enter == "left" else 1.14
            where = edge + (where - edge) * min(max((part - self.enter_at) / walk, 0.0), 1.0)
        if self.leave:
            edge = -0.14 if self.leave == "left" else 1.14
            where += (edge - where) * min(max((part - self.leave_at) / (1 - self.leave_at), 0.0), 1.0)
        return where


@dataclass(frozen=True)
class Shot:
    """Frames [start, end) in one place: a wide view with acts, or a close-up of one person."""

    place: str
    start: int
    end: int
    acts: tuple[Act, ...]
    close: bool = False


class Characters:
    """Three people (even seeds) or four (odd ones) in a story of six shots every twenty seconds."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.people = cast(3 + stage.seed % 2, stage.rng("cast"))
        h = stage.size.height
        self.wide = [Puppet(person, TALL * h) for person in self.people]
        self.near = [Puppet(person, CLOSE * h) for person in self.people]
        self.shots = _story(stage, len(self.people))
        self.pictures: dict[tuple[str, bool], Picture] = {}
        self.shade = _shade(stage)
        self.truth = self._truth()

    def draw(self, index: int) -> Frame:
        shot = self._shot(index)
        camera = self._camera(shot, index)
        size = self.stage.size
        ground = self._place(shot)
        frame = cv2.cvtColor(cv2.warpAffine(ground, camera, size, flags=cv2.INTER_LINEAR), cv2.COLOR_RGBA2RGB)
        figures = [self._figure(shot, act, index) for act in shot.acts]
        if not shot.close:
            for puppet, body, _ in figures:
                x, y = camera[:, :2] @ body[:, 2] + camera[:, 2]
                half = (self.shade.shape[1] / 2, self.shade.shape[0] / 2)
                paste(frame, self.shade, placed(x, y, puppet.height / (TALL * size.height), 0.0, half))
        for puppet, body, pose in figures:
            puppet.draw(frame, _through(camera, body), pose)
        return frame

    def _shot(self, index: int) -> Shot:
        return next(shot for shot in self.shots if index < shot.end)

    def _camera(self, shot: Shot, index: int) -> Float64[np.ndarray, "2 3"]:
        """A slow push in, so that even a wide shot is alive."""
        w, h = self.stage.size
        part = (index - shot.start) / (shot.end - shot.start)
        zoom = 1.0 + (0.03 if shot.close else 0.06) * part
        return np.asarray(placed(w / 2, h * 0.6, zoom, 0.0, (w / 2, h * 0.6)))

    def _place(self, shot: Shot) -> Picture:
        if (shot.place, shot.close) not in self.pictures:
            picture = self.pictures.get((shot.place, False))
            picture = place(self.stage, shot.place) if picture is None else picture
            self.pictures[shot.place, False] = picture
            if shot.close:  # nearer, and out of focus
                w, h = self.stage.size
                nearer = placed(w * 0.42, h * 0.5, 1.7, 0.0, (w * 0.5, h * 0.5))
                picture = cv2.warpAffine(picture, nearer, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
                self.pictures[shot.place, True] = cv2.GaussianBlur(picture, (0, 0), 6 * self.stage.unit)
        return self.pictures[shot.place, shot.close]

    def _figure(self, shot: Shot, act: Act, index: int) -> tuple[Puppet, Float64[np.ndarray, "2 3"], Pose]:
        w, h = self.stage.size
        at_s = self.stage.at_s(index)
        puppet = (self.near if shot.close else self.wide)[act.who]
        blink = (at_s * 0.97 + act.who * 1.3) % 2.9 > 0.14
        if shot.close:
            sway = 0.006 * w * np.sin(at_s * 1.9)
            body = placed(w * act.stop + sway, h * 0.47 + HEAD * puppet.height, 1.0)
            lively = 0.05 * float(np.sin(at_s * 3.1))
            return puppet, body, Pose(nod=lively, eyes_open=blink, mouth=_mouth(at_s, act.who))
        part, step = (index - shot.start) / (shot.end - shot.start), 0.5 / (shot.end - shot.start)
        walk = min(0.8 * w / (PACE * puppet.height) / self.stage.at_s(shot.end - shot.start), 0.45)
        x = act.x(part, walk)
        way = act.x(part + step, walk) - act.x(part - step, walk)
        right = way > 0 if abs(way) > 1e-6 else act.stop < 0.5
        body = placed(w * x, h * FLOOR + 0.012 * h * (act.who % 3 - 1), 1.0)
        body[0, 0] = 1.0 if right else -1.0
        if abs(way) > 1e-6:
            swing = float(np.sin(w * x / (STRIDE * puppet.height / 2) * np.pi))
            pose = Pose(
                legs=0.42 * swing,
                near_arm=(0.36 * swing, -0.35),
                far_arm=(-0.36 * swing, -0.35),
                lift=0.012 * (1 - abs(swing)),
                eyes_open=blink,
            )
        else:
            pose = _gesture(act, at_s, blink)
        return puppet, body, pose

    def _truth(self) -> Truth:
        boxes: dict[str, list[Box]] = {person.id: [] for person in self.people}
        w, h = self.stage.size
        for index in range(self.stage.frames):
            shot = self._shot(index)
            camera = self._camera(shot, index)
            for act in shot.acts:
                puppet, body, pose = self._figure(shot, act, index)
                x0, y0, x1, y1 = puppet.box(_through(camera, body), pose)
                whole = (x1 - x0) * (min(y1, h) - max(y0, 0))
                x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(w)), min(y1, float(h))
                if x1 > x0 and y1 > y0 and (x1 - x0) * (y1 - y0) > 0.2 * whole:
                    left, top = int(x0), int(y0)
                    box = Box(index, left, top, int(np.ceil(x1)) - left, int(np.ceil(y1)) - top)
                    boxes[self.people[act.who].id].append(box)
        names = [person.name for person in self.people]
        places = list(dict.fromkeys(PLACES[shot.place] for shot in self.shots))
        return Truth(
            caption=f"{_listed(names)} meet, part and meet again, in {_listed(places)}.",
            tags=("procedural", "characters", "people", "cuts", "identity"),
            storyboard=tuple(Prompt(self.stage.at_s(shot.start), self._text(shot)) for shot in self.shots),
            cuts=tuple(shot.start for shot in self.shots[1:]),
            identities=tuple(person.identity for person in self.people),
            boxes=boxes,
            camera="pushes in slowly in every shot",
            shots=tuple(f"{shot.place}{' close-up' if shot.close else ''}" for shot in self.shots),
        )

    def _text(self, shot: Shot) -> str:
        where = PLACES[shot.place]
        if shot.close:
            return f"Close-up in {where}: {_described(self.people[shot.acts[0].who])} talks."
        return f"In {where}: " + "; ".join(_doing(self.people[act.who], act) for act in shot.acts) + "."


def _story(stage: Stage, people: int) -> list[Shot]:
    """Six shots a round. The first two people meet, are away for two shots, and one of them comes back."""
    rng = stage.rng("story")
    rounds = max(round(stage.seconds / CYCLE_S), 1)
    shots: list[Shot] = []
    start = 0.0
    for _ in range(rounds):
        a, b, c, *rest = (int(k) for k in rng.permutation(people))
        d = rest[0] if rest else b
        first, second, third = (str(name) for name in rng.permutation(list(PLACES))[:3])
        plan: list[tuple[float, str, tuple[Act, ...], bool]] = [
            (
                4.4,
                first,
                (Act(b, 0.68, gesture="talk", leave="right", leave_at=0.7), Act(a, 0.34, "left", gesture="wave")),
                False,
            ),
            (2.4, first, (Act(a, 0.5),), True),
            (3.6, second, (Act(c, 0.55, "right", leave="left", leave_at=0.6, gesture="point"),), False),
            (3.8, third, (Act(d, 0.36, gesture="wave"), Act(c, 0.64, "right", enter_at=0.15)), False),
            (2.2, third, (Act(c, 0.5),), True),
            (3.6, first, (Act(a, 0.36, "left", gesture="wave"), Act(c, 0.66, "right", enter_at=0.25)), False),
        ]
        scale = stage.seconds / rounds / CYCLE_S
        for seconds, name, acts, close in plan:
            end = start + seconds * scale
            bounds = stage.index(start), stage.index(end)
            if bounds[1] > bounds[0]:
                shots.append(Shot(name, *bounds, acts, close))
            start = end
    last = shots[-1]
    shots[-1] = Shot(last.place, last.start, stage.frames, last.acts, last.close)
    return shots


def _gesture(act: Act, at_s: float, eyes_open: bool) -> Pose:
    breath = 0.004 * float(np.sin(at_s * 2.3 + act.who))
    swing = float(np.sin(at_s * 9.0))
    if act.gesture == "wave":
        return Pose(near_arm=(-2.5, -0.35 + 0.4 * swing), lift=breath, eyes_open=eyes_open)
    if act.gesture == "point":
        return Pose(near_arm=(-1.35, -0.15 + 0.05 * swing), lift=breath, eyes_open=eyes_open, mouth="round")
    elbow = -1.1 - 0.35 * float(np.sin(at_s * 4.0 + act.who))
    mouth = _mouth(at_s, act.who)
    return Pose(near_arm=(-0.25, elbow), nod=0.04 * swing * breath * 50, lift=breath, eyes_open=eyes_open, mouth=mouth)


def _mouth(at_s: float, who: int) -> str:
    return ("smile", "open", "round", "open", "smile", "round", "open")[int(at_s * 7 + who * 3) % 7]


def _shade(stage: Stage) -> Picture:
    u = stage.unit
    canvas = Canvas(150 * u, 40 * u)
    canvas.soft((75 * u, 20 * u), (44 * u, 10 * u), NIGHT, 0.45, blur=0.6, inside=False)
    return canvas.finished()


def _through(camera: Float64[np.ndarray, "2 3"], body: Float64[np.ndarray, "2 3"]) -> Float64[np.ndarray, "2 3"]:
    seen = camera[:, :2] @ body
    seen[:, 2] += camera[:, 2]
    return np.asarray(seen)


def _described(person: Person) -> str:
    return f"{person.name}, {person.looks},"


def _doing(person: Person, act: Act) -> str:
    does = {"wave": "waves", "point": "points ahead", "talk": "talks"}[act.gesture]
    enters = f"walks in from the {act.enter} and " if act.enter else ""
    leaves = f", then leaves to the {act.leave}" if act.leave else ""
    return f"{_described(person)} {enters}{does}{leaves}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
