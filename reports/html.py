"""`keepframe report`: one HTML file about a run that needs nothing else, neither network nor script.

A report is sent by mail, put on a server, printed and opened in years. So pictures and charts are inside it, its
security policy forbids everything but them and one style sheet, and every string is escaped by the template engine.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.store import Results, Store
from reports import charts, dotplots
from reports.album import Album, Asked
from reports.compare import compare
from reports.comparison import MetricInfo
from reports.cost_pareto import CAPTION, pareto, plotted
from reports.cost_pareto import PANEL as COST_PANEL
from reports.curves import Axis, rate_quality, recall_curves
from reports.frames import FULL_SCALE, HEAT
from reports.glossary import BOUNDS
from reports.look import DASHES, Look, looks
from reports.marks import Extent
from reports.page import facts, failures, metrics_explained, provenance, scored_metrics, systems_explained, table
from reports.progress import progress
from reports.selection import common_rate, representatives
from reports.study_html import section
from reports.study_kept import kept
from reports.svg import drawn
from reports.template import rendered
from reports.unscored import by_reason, unavailable_said
from reports.verdict import findings, headline

LIMIT_BYTES = 10_000_000
WORST = 2  # moments of each contender: that floors and controls fail is known, and a ceiling is none
AXES: tuple[Axis, ...] = ("position", "since_cut_s", "motion")
WIDE, NARROW, PANEL = Extent(860, 400), Extent(210, 300), Extent(270, 240)  # the insides of plots, in pixels


def write_report(store: Store, run: str, path: Path) -> Path:
    """Write the report of a run (key, its first digits, name, or `latest`) to `path`, and return it.

    The file is at most 10 MB: where the pictures are too many, the worst moments are left out.
    Raises StoreError or UsageError where there is no such run, and OSError where the file cannot be written.
    """
    results = store.results(run)
    page = _Page(store, results)
    html = page.render(worst=WORST)
    for fewer in (1, 0):
        if len(html.encode()) <= LIMIT_BYTES:
            break
        html = page.render(worst=fewer)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


class _Page:
    """One run's page: what does not depend on how many pictures fit is made once."""

    def __init__(self, store: Store, results: Results) -> None:
        self._store, self._results = store, results
        self._comparison = compare(results)
        self._looks = looks(results.run.get("spec") or {})
        self._metrics = scored_metrics(self._comparison)
        self._first = self._metrics[0] if self._metrics else None
        self._shown = representatives(self._comparison, self._first, self._looks) if self._first else []
        self._context = self._text() | self._charts()
        self._context["studies"] = [section(told, f"study-{at}") for at, told in enumerate(kept(store, results.key))]
        self._typical: Asked | None = None
        self._worst: list[tuple[str, list[Asked]]] = []
        if self._first is not None:
            album = Album(store, results, self._first)
            blamed = [n for n in self._shown if self._looks[n].role not in BOUNDS] or self._shown
            self._typical = album.typical(self._shown)
            self._worst = [(name, album.worst(name, WORST)) for name in blamed]

    def render(self, worst: int) -> str:
        """The page, with so many of each memory's worst moments."""
        sheets = ("report.css", "study.css") if self._context["studies"] else ("report.css",)
        worst_moments = [(name, asked[:worst]) for name, asked in self._worst if asked[:worst]]
        return rendered("report.html", sheets, self._context | {"typical": self._typical, "worst": worst_moments})

    def _text(self) -> dict[str, Any]:
        results, comparison, first = self._results, self._comparison, self._first
        state = progress(results)
        rate = common_rate(comparison.systems, self._looks)
        scored = {m.name for m in self._metrics}
        unavailable = {n: why for n, why in (results.run.get("unavailable") or {}).items() if n not in scored}
        below = unavailable_said(unavailable)  # said below the table
        return {
            "run": results.run,
            "key": results.key,
            "headline": headline(comparison, first),
            "findings": findings(results, comparison, first, self._looks) if first else [],
            "progress": state,
            "comparison": comparison,
            "pareto_caption": CAPTION,
            "has_ceiling": any(system.ceiling for system in comparison.systems),
            "facts": facts(results, comparison, state.moments),
            "failures": failures(comparison),
            "dropped": failures(comparison, dropped=True),
            "table": table(comparison, self._looks),
            "metric": first,
            "looks": self._looks,
            "dashes": DASHES,
            "shown": self._shown,
            "common_kbps": rate * 8 / 1000 if rate else None,
            "kbps": {s.name: s.costs.kbit_per_s for s in comparison.systems},
            "unavailable": by_reason(unavailable),
            "warnings": [line for line in comparison.warnings if line not in below],
            "systems_explained": systems_explained(results.run.get("spec") or {}),
            "metrics_explained": metrics_explained(comparison),
            "provenance": provenance(results),
            "heat": HEAT,
            "full_scale": FULL_SCALE,
        }

    def _charts(self) -> dict[str, Any]:
        """Drawn charts by name. The large ones are drawn twice, for wide pages and for phones."""
        first = self._first
        if first is None:
            return {"rate": (), "rates": (), "pareto": (), "recall": (), "dots": (), "slices": ()}
        results, found = self._results, self._looks
        rates = {m.name: rate_quality(results, m.name) for m in self._metrics}
        recall = {axis: recall_curves(results, first.name, axis, systems=self._shown) for axis in AXES}
        recall = {axis: curves for axis, curves in recall.items() if any(c.points for c in curves)}
        return {
            "rate": [
                drawn(charts.rate_quality(rates[first.name], first, found, extent), name)
                for name, extent in (("rate-wide", WIDE), ("rate-narrow", NARROW))
            ],
            "rates": [
                drawn(charts.rate_quality(rates[m.name], m, found, NARROW), f"rate-{i}")
                for i, m in enumerate(self._metrics[1:])
            ],
            "pareto": self._pareto(first),
            "recall": _small_multiples(recall, first, found),
            "dots": [
                drawn(dotplots.dots(self._comparison, m, found, Extent(180, 0)), f"dots-{i}")
                for i, m in enumerate(self._metrics)
            ],
            "slices": self._slices(first),
        }

    def _pareto(self, metric: MetricInfo) -> list[Markup]:
        rows = plotted(self._store, self._results, self._comparison, metric)
        return [
            drawn(pareto(own, metric, axis, self._looks, COST_PANEL), f"pareto-{axis}") for axis, own in rows.items()
        ]

    def _slices(self, metric: MetricInfo) -> list[Markup]:
        if not self._comparison.slices:
            return []
        sizes = (("slices-wide", Extent(800, 0)), ("slices-narrow", Extent(220, 0)))
        return [
            drawn(dotplots.slices(self._comparison, metric, self._shown, self._looks, extent), name)
            for name, extent in sizes
        ]


def _small_multiples(curves: dict[Axis, Any], metric: MetricInfo, found: dict[str, Look]) -> list[Markup]:
    """One small chart an axis, all with the same scale of scores."""
    domain = charts.recall_domain(curves.values(), found)
    return [
        drawn(charts.recall_lines(c, metric, found, PANEL, y_domain=domain, named=False), f"recall-{axis}")
        for axis, c in curves.items()
    ]
