"""A chart as SVG for a page: no script, no style attributes, no fonts to fetch, and safe to stand beside others.

Text stays text, so it can be read aloud, searched and copied. Identifiers are made unique, because two drawings on
one page share one name space and the second would be clipped by the first one's frame.
"""

import re
from typing import Any

from markupsafe import Markup, escape

_IDENTIFIER = re.compile(r'(\bid="|url\(#|href="#)([^")]+)')


def drawn(chart: Any, name: str) -> Markup:
    """The chart as an `<svg>` element that scales with its place; its description becomes its text alternative.

    `name` starts the identifiers and must be different for every chart of a page.
    """
    import vl_convert

    spec = chart.to_dict(validate=False)  # the tests validate; here it would double the time
    svg = vl_convert.vegalite_to_svg(spec)
    # the renderer counts on from drawing to drawing: numbered anew, equal charts are equal text
    numbers: dict[str, int] = {}
    svg = _IDENTIFIER.sub(lambda m: f"{m[1]}{name}-{numbers.setdefault(m[2], len(numbers))}", svg)
    head, _, body = svg.partition(">")
    width, height = (re.search(rf'\b{side}="([\d.]+)"', head) for side in ("width", "height"))
    assert width is not None and height is not None, head
    size = f'width="{width[1]}" height="{height[1]}" viewBox="0 0 {width[1]} {height[1]}"'
    title = escape(spec.get("description", ""))
    # the groups inside carry roles of their own, which would be read out number by number
    body = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", body)
    return Markup(f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}><title>{title}</title>{body}')
