"""Which prompt of a storyboard a section of video is generated, or trained, with."""

from collections.abc import Sequence

from bench.types import Prompt


def nearest(storyboard: Sequence[Prompt], at_s: float) -> str:
    """The prompt nearest in time (arXiv 2512.23851, on autoregressive training); the earlier of two equally near.

    >>> nearest((Prompt(0.0, "A harbour."), Prompt(4.0, "A ship.")), at_s=2.0)
    'A harbour.'
    """
    return min(storyboard, key=lambda prompt: abs(prompt.at_s - at_s)).text
