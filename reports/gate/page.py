"""The page about a check: one HTML file that needs neither network nor script, made like the report of a run."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from bench.errors import KeepframeError
from bench.store import Results, Store
from reports.gate.pictures import FULL_CHANGE, panels
from reports.gate.say import headline, look_sentence
from reports.gate.text import COLUMNS, SLICE_COLUMNS, rows, slice_rows
from reports.gate.verdicts import Check, MetricVerdict, Side
from reports.template import rendered

_SHOWN = 3.0  # margins to either side that the bars have room for


@dataclass(frozen=True)
class Bar:
    """An interval in margins; `left`, `right` and `dot` are where it is drawn, inside the plot."""

    low: float
    mean: float
    high: float

    @property
    def left(self) -> float:
        return _inside(self.low)

    @property
    def right(self) -> float:
        return _inside(self.high)

    @property
    def dot(self) -> float:
        return _inside(self.mean)


def write_page(store: Store, joined: Results, check: Check, path: Path) -> Path:
    """Write the page to `path`, and return it. Raises KeepframeError where that cannot be done."""
    ordered = sorted(check.metrics, key=lambda m: m.role != "gate")
    context = {
        "check": check,
        "headline": headline(check),
        "look": look_sentence(check),
        "columns": COLUMNS,
        "rows": [(m, texts, _bar(m)) for m, texts in zip(ordered, rows(ordered), strict=True)],
        "slice_columns": SLICE_COLUMNS,
        "slices": slice_rows(check.slices),
        "panels": panels(store, joined, check),
        "full_change": FULL_CHANGE,
        "named": [PurePath(side.reference).name for side in (check.candidate, check.baseline)],
        "sides": [("candidate", _side(check.candidate)), ("baseline", _side(check.baseline))],
    }
    html = rendered("gate.html", ("report.css", "gate.css"), context)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise KeepframeError(f"Cannot write {path}: {error.strerror}.", "Name another file: --html FILE") from error
    return path


def _bar(metric: MetricVerdict) -> Bar | None:
    if metric.interval is None or metric.mean is None or not metric.margin:
        return None
    return Bar(*(value / metric.margin for value in (metric.interval.low, metric.mean, metric.interval.high)))


def _inside(value: float) -> float:
    return round(min(max(value, -_SHOWN), _SHOWN), 3)


def _side(side: Side) -> list[tuple[str, str]]:
    """What is known of a side, without folders of this machine."""
    here = side.environment
    commit, plus, _ = str(here.get("commit") or "").partition("+")
    facts = [
        ("given as", PurePath(side.reference).name),
        ("system", side.system),
        ("run", side.run),
        ("weights", ", ".join(f"{name} {digest[:12]}" for name, digest in side.weights.items()) or "none known"),
        ("code", f"commit {commit[:12]}{' with uncommitted changes' if plus else ''}" if commit else "installed"),
        ("interpreter", f"Python {here.get('python', '?')}, Keepframe {here.get('keepframe', '?')}"),
        ("processor", str(here.get("processor", "?"))),
    ]
    return facts
