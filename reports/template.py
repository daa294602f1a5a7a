"""How a page of ours is made: a template, and its style inside the file, named by digest in the page's own policy.

Every string is escaped by the template engine, and a name that a template lacks is an error.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.comparison import MetricInfo
from reports.glossary import metric_title
from reports.grids import amount

_FOLDER = Path(__file__).parent / "templates"


def rendered(template: str, sheets: Sequence[str], context: dict[str, Any]) -> str:
    """The page of a template, with these style sheets one after the other."""
    style = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _environment().get_template(template)
    return page.render(context, style=Markup(style), style_digest=digest)  # the style sheets are our own files


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"title_of": metric_title, "score": _score, "amount": amount, "listed": _listed}
    return environment


def _score(value: float, metric: MetricInfo) -> str:
    return f"{value:.2f} {metric.unit}" if metric.unit else f"{value:.3f}"


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = len(names) - most
    return f"{', '.join(names[:most])}{f' and {more} more' if more > 0 else ''}"
