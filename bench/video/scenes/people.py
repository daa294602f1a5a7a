"""A cast of people who can be told apart: what each looks like, in numbers for the brush and in words.

No two of a cast share a colour of clothes or a way of wearing the hair, so that a viewer, or a model, can
say who came back.
"""

from dataclasses import dataclass

import numpy as np

from bench.video.scenes.paint import Colour, rgb
from bench.video.scenes.stage import Identity

NAMED_COLOURS: dict[str, Colour] = {
    "red": rgb("c93f38"),
    "green": rgb("3f8a55"),
    "blue": rgb("2f6db3"),
    "yellow": rgb("e5b53a"),
    "purple": rgb("7b4a9e"),
    "orange": rgb("e07b32"),
    "teal": rgb("2a8f8c"),
    "pink": rgb("d9688f"),
}
BOTTOMS: dict[str, Colour] = {
    "dark blue": rgb("2b3a5c"),
    "grey": rgb("6b7078"),
    "brown": rgb("6a4a35"),
    "black": rgb("26262c"),
    "beige": rgb("b59f7c"),
}
HAIR: dict[str, Colour] = {
    "black": rgb("231d1f"),
    "brown": rgb("5b3a26"),
    "red": rgb("b4532a"),
    "blond": rgb("dcb25e"),
    "grey": rgb("a9a9ae"),
}
SKINS = [rgb(c) for c in ("f4d0b5", "e6b48f", "c98f66", "9c6642", "6f4530")]
IRISES = [rgb(c) for c in ("5b3a22", "3f6b8a", "4f7a4a", "6b5a3a")]
FIRST = (
    ("Mira", "woman"),
    ("Jonas", "man"),
    ("Ada", "woman"),
    ("Omar", "man"),
    ("Lin", "woman"),
    ("Kofi", "man"),
    ("Rosa", "woman"),
    ("Pavel", "man"),
)
STYLES = {
    "woman": ("long", "bob", "bun", "ponytail", "curly"),
    "man": ("short", "curly", "bald", "spiky", "short"),
}
HAIR_WORDS = {
    "long": "long {} hair",
    "bob": "a {} bob",
    "bun": "{} hair in a bun",
    "ponytail": "a {} ponytail",
    "curly": "curly {} hair",
    "short": "short {} hair",
    "spiky": "spiky {} hair",
    "bald": "a bald head and a {} beard",
}


@dataclass(frozen=True)
class Person:
    """All that the puppet maker needs to know."""

    id: str
    name: str
    kind: str  # woman or man
    skin: Colour
    iris: Colour
    hair_style: str
    hair_name: str
    top_name: str
    top_style: str  # plain, striped or buttoned
    bottom_name: str
    bottom_style: str  # trousers or skirt
    extra: str  # glasses, scarf, hat, or nothing
    extra_name: str
    tall: float

    @property
    def hair(self) -> Colour:
        return HAIR[self.hair_name]

    @property
    def top(self) -> Colour:
        return NAMED_COLOURS[self.top_name]

    @property
    def bottom(self) -> Colour:
        return BOTTOMS[self.bottom_name]

    @property
    def extra_colour(self) -> Colour:
        return NAMED_COLOURS.get(self.extra_name, rgb("2b2b30"))

    @property
    def looks(self) -> str:
        """`a woman with a red bob and glasses, in a green striped jumper and a grey skirt`."""
        extra = f"{_article(self.extra_name)} {self.extra_name}" if self.extra_name else ""
        extras = {"glasses": " and glasses", "scarf": f" and {extra} scarf", "hat": f" under {extra} hat"}
        top = {"plain": "jumper", "striped": "striped jumper", "buttoned": "buttoned coat"}[self.top_style]
        legs = "a {} skirt" if self.bottom_style == "skirt" else "{} trousers"
        hair = HAIR_WORDS[self.hair_style].format(self.hair_name)
        hair += extras.get(self.extra, "")
        return (
            f"a {self.kind} with {hair}, in {_article(self.top_name)} {self.top_name} {top} "
            f"and {legs.format(self.bottom_name)}"
        )

    @property
    def identity(self) -> Identity:
        return Identity(
            self.id,
            self.name,
            self.looks,
            {"skin": self.skin, "hair": self.hair, "top": self.top, "bottom": self.bottom},
        )


def cast(count: int, rng: np.random.Generator) -> list[Person]:
    """`count` people (at most eight), no two alike.

    >>> len({person.top_name for person in cast(4, np.random.default_rng(0))})
    4
    """
    tops = [str(c) for c in rng.permutation(list(NAMED_COLOURS))]
    names = [FIRST[k] for k in _alternating(count, rng)]
    styles = {kind: [str(s) for s in rng.permutation(list(dict.fromkeys(STYLES[kind])))] for kind in STYLES}
    hairs = [str(c) for c in rng.permutation(list(HAIR))]
    extras = [str(c) for c in rng.permutation(["glasses", "scarf", "hat", ""])]
    people = []
    for k, (name, kind) in enumerate(names):
        top = tops[k]
        style = styles[kind][k // 2 % len(styles[kind])]
        extra = extras[k % len(extras)]
        if extra == "hat" and style in ("curly", "spiky", "bun"):
            extra = "glasses"
        people.append(
            Person(
                id=name.lower(),
                name=name,
                kind=kind,
                skin=SKINS[int(rng.integers(len(SKINS)))],
                iris=IRISES[int(rng.integers(len(IRISES)))],
                hair_style=style,
                hair_name=hairs[k % len(hairs)],
                top_name=top,
                top_style=("plain", "striped", "buttoned")[int(rng.integers(3))],
                bottom_name=list(BOTTOMS)[int(rng.integers(len(BOTTOMS)))],
                bottom_style="skirt" if kind == "woman" and rng.random() < 0.55 else "trousers",
                extra=extra,
                extra_name=tops[-1 - k % 4] if extra in ("scarf", "hat") else "",
                tall=float(rng.uniform(0.92, 1.06)) * (1.03 if kind == "man" else 0.97),
            )
        )
    return people


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _alternating(count: int, rng: np.random.Generator) -> list[int]:
    women, men = rng.permutation([0, 2, 4, 6]), rng.permutation([1, 3, 5, 7])
    pairs = [int(k) for pair in zip(women, men, strict=True) for k in pair]
    return pairs[:count]
