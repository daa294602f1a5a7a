"""VBench-2.0's dimensions and how they add up, with what is missing and what dropped out said.

Videos to which a dimension does not apply (nobody turns up whose clothes could change) drop out of its mean, so two
models' means are over different videos: the counts stand beside every total.

These scores are *VBench-2.0-style*: the published ones come from one vision-language model with its own wordings
(LLaVA-Video-7B and Qwen2.5-7B), and from weights that may not be shipped. They compare among runs with one judge.

Source: VBench-2.0 in VBench 45e79ec1, and its README for the totals.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

LABEL = "VBench-2.0-style"

Category = Literal["creativity", "commonsense", "controllability", "human_fidelity", "physics"]

CATEGORIES: dict[Category, tuple[str, ...]] = {
    "creativity": ("composition", "diversity"),
    "commonsense": ("instance_preservation", "motion_rationality"),
    "controllability": (
        "camera_motion",
        "complex_landscape",
        "complex_plot",
        "dynamic_attribute",
        "dynamic_spatial_relationship",
        "human_interaction",
        "motion_order_understanding",
    ),
    "human_fidelity": ("human_anatomy", "human_clothes", "human_identity"),
    "physics": ("material", "mechanics", "multi_view_consistency", "thermotics"),
}

PREFIX = "vbench2_"  # metrics' names are this and the dimension


class Totals(NamedTuple):
    """Means of categories and of the five of them; None where a dimension is missing."""

    categories: dict[Category, float | None]
    total: float | None
    missing: tuple[str, ...]


def totals(means: Mapping[str, float]) -> Totals:
    """Categories and total from the means over valid videos by dimension.

    >>> found = totals({"composition": 0.5, "diversity": 0.25})
    >>> found.categories["creativity"], found.total, len(found.missing)
    (0.375, None, 16)
    """
    categories: dict[Category, float | None] = {}
    for category, members in CATEGORIES.items():
        whole = all(name in means for name in members)
        categories[category] = math.fsum(means[name] for name in members) / len(members) if whole else None
    missing = tuple(name for members in CATEGORIES.values() for name in members if name not in means)
    values = [value for value in categories.values() if value is not None]
    total = math.fsum(values) / len(values) if len(values) == len(CATEGORIES) else None
    return Totals(categories, total, missing)
