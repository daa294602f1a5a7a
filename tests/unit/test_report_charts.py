"""Charts hold the data they are given and are valid; names do not cover each other; drawings are safe to embed."""

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports.look
from bench.stats import Interval
from bench.store import Results
from reports.charts import rate_quality, recall_lines
from reports.compare import compare
from reports.comparison import MetricInfo
from reports.curves import Curve, Point
from reports.curves import rate_quality as rate_curves
from reports.dotplots import SLICES, dots, shown_slices, slices
from reports.labels import CHARACTER_PX, LINE_PX, Anchor, around, spread
from reports.look import FAINT, PAPER, Look, looks
from reports.marks import Extent
from reports.svg import drawn
from tests.unit.store_factory import synthetic_store

PSNR = MetricInfo("psnr", "1", "dB", "higher")
SIZE = Extent(400, 300)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    store, key = synthetic_store(tmp_path_factory.mktemp("charts") / "r", videos=4, moments=3, frames=False)
    return store.results(key)


def rows_of(chart: Any) -> list[dict[str, Any]]:
    """Every row that a chart carries, after Altair has checked the chart against the schema of Vega-Lite."""

    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def every_look() -> list[Look]:
    """More systems of every role than there are colours."""
    kinds = [("m:M", "tested"), ("codec", "tested"), ("keyframes", "tested"), ("constant", "baseline")]
    kinds += [("shuffled", "baseline"), ("m:M", "ceiling")]
    named = [
        {"name": f"{at}-{memory}-{role}", "memory": memory, "role": role} for memory, role in kinds for at in range(6)
    ]
    return list(looks({"systems": named}).values())


def test_names_can_be_read_and_marks_seen_on_paper_and_on_a_dark_page() -> None:
    style = (Path(reports.look.__file__).parent / "templates" / "report.css").read_text()
    dark = style.partition("prefers-color-scheme: dark")[2].partition("\n}\n")[0]
    variables = dict(re.findall(r"--(\w+): (#\w{6})", dark))
    names = dict(re.findall(r'svg text\[fill="(#\w+)"\] { fill: (#\w+); }', dark))
    fills = dict(re.findall(r'svg \[fill="(#\w+)"\] { fill: (#\w+); }', dark))
    fills[FAINT] = variables["faint"]
    for look in every_look():
        assert contrast(look.ink, PAPER) >= 4.5, look
        assert contrast(names.get(look.ink) or fills.get(look.ink) or look.ink, variables["paper"]) >= 4.5, look
        assert contrast(fills.get(look.colour, look.colour), variables["paper"]) >= 3, look


def test_rate_quality_shows_every_point(results: Results) -> None:
    curves = rate_curves(results, "psnr")
    rows = rows_of(rate_quality(curves, PSNR, looks(results.run["spec"]), SIZE))
    shown = {(r["label"], round(r["y"], 6)) for r in rows if "label" in r}
    expected = {(p.label, round(p.mean, 6)) for c in curves for p in c.points}
    assert shown == expected
    by_label = {r["label"]: r for r in rows if "label" in r and "end" not in r}
    for curve in curves:
        for p in curve.points:
            if p.label in by_label:
                assert by_label[p.label]["x"] == p.x
                assert (by_label[p.label]["low"], by_label[p.label]["high"]) == p.interval


def test_a_line_joins_the_settings_of_one_memory(results: Results) -> None:
    rows = rows_of(rate_quality(rate_curves(results, "psnr"), PSNR, looks(results.run["spec"]), SIZE))
    av1 = {r["label"] for r in rows if r.get("series") == "codec av1"}
    assert av1 == {f"codec av1,bitrate_kbps={r}" for r in (25, 50, 100)}


def test_recall_lines_hold_bins_and_bands() -> None:
    points = tuple(Point(f"{x}", x, None, 30 + x, Interval(29 + x, 31 + x), 4) for x in (0.1, 0.5, 0.9))
    curve = Curve("mine", "psnr", "position", False, points)
    found = looks({"systems": [{"name": "mine", "memory": "m.py:M"}]})
    rows = rows_of(recall_lines([curve], PSNR, found, SIZE))
    assert {(r["x"], r["y"], r["low"], r["high"]) for r in rows if "x" in r} == {
        (p.x, p.mean, *(p.interval or ())) for p in points
    }
    svg = drawn(recall_lines([curve], PSNR, found, SIZE), "one")
    assert "oldest" in svg and "newest" in svg and ">mine<" in svg


def test_dots_and_slices_hold_the_comparison(results: Results) -> None:
    comparison, found = compare(results), looks(results.run["spec"])
    rows = rows_of(dots(comparison, PSNR, found, SIZE))
    for system in comparison.systems:
        cell = comparison.cell(system.name, "psnr")
        assert any(r["system"] == system.name and r["y"] == cell.mean for r in rows)
    parts = [r for r in rows_of(slices(comparison, PSNR, ["constant", "mean-frame"], found, SIZE)) if "slice" in r]
    expected = {
        (part.name.removeprefix("tag "), cell.system, cell.mean)
        for part in comparison.slices
        for cell in part.cells
        if cell.metric == "psnr" and cell.system in ("constant", "mean-frame")
    }
    assert {(r["slice"], r["series"], r["y"]) for r in parts} == expected
    assert all(r["low"] is None for r in parts), "one video a tag has no interval"


def test_tags_of_the_same_videos_share_a_row(results: Results) -> None:
    comparison = compare(results)
    twin = replace(comparison.slices[0], name="tag twin")
    largest = replace(comparison.slices[1], name="tag largest", videos=9)
    many = tuple(replace(comparison.slices[2], name=f"tag {i}", videos=i % 3) for i in range(30))
    shown = shown_slices(replace(comparison, slices=(*comparison.slices, twin, largest, *many)), PSNR, ["constant"])
    assert shown[0][0] == ("largest",)
    assert (comparison.slices[0].name.removeprefix("tag "), "twin") in [names for names, _ in shown]
    assert len(shown) <= SLICES


@pytest.mark.parametrize("draw", [rate_quality, recall_lines])
def test_no_data_is_a_sentence(draw: Any) -> None:
    svg = drawn(draw([], PSNR, {}, SIZE), "empty")
    assert "No " in svg and "<title>No " in svg


def test_names_are_escaped_in_drawings() -> None:
    name = "<script>&\"'"
    curve = Curve(name, "psnr", "bytes_per_s", False, (Point(name, 100.0, None, 30.0, None, 1),))
    svg = drawn(rate_quality([curve], PSNR, looks({"systems": [{"name": name, "memory": "x:Y"}]}), SIZE), "evil")
    assert "<script" not in svg and "&lt;script&gt;&amp;" in svg


def test_drawings_do_not_share_names(results: Results) -> None:
    chart = rate_quality(rate_curves(results, "psnr"), PSNR, looks(results.run["spec"]), SIZE)
    one, two = drawn(chart, "one"), drawn(chart, "two")
    assert not set(re.findall(r'\bid="([^"]+)"', one)) & set(re.findall(r'\bid="([^"]+)"', two))
    assert "style=" not in one and "http" not in one.replace("http://www.w3.org/2000/svg", "")


def test_colours_follow_the_role_and_not_the_order_of_results() -> None:
    systems = [
        {"name": n, "memory": m, "baseline": n != "mine"}
        for n, m in (("mine", "m.py:M"), ("c", "codec"), ("k", "mean-frame"))
    ]
    found = looks({"systems": systems})
    assert looks({"systems": systems[:2]})["c"] == found["c"]
    assert len({found[n].colour for n in ("mine", "c", "k")}) == 3
    red, green, blue = (int(found["k"].colour[i : i + 2], 16) for i in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) < 40, "a floor is grey"


@given(st.lists(st.floats(0, 300), min_size=1, max_size=15))
def test_spread_keeps_order_gap_and_edges(wanted: list[float]) -> None:
    placed = spread(wanted, 12.0, 0.0, 300.0)
    gap = min(12.0, 300.0 / max(1, len(wanted) - 1))
    ordered = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    heights = [placed[i] for i in ordered]
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(heights))
    assert min(heights) >= -1e-6 and max(heights) <= 300 + 1e-6


def test_spread_leaves_alone_what_is_far_apart() -> None:
    assert spread([200.0, 10.0, 100.0], 12.0, 0.0, 300.0) == [200.0, 10.0, 100.0]


def test_labels_stay_inside_and_apart() -> None:
    anchors = [Anchor(380.0, 50.0 + 6 * i, f"system {i}") for i in range(4)]
    placed = around(anchors, [], 400.0, 300.0)
    boxes = []
    for anchor, p in zip(anchors, placed, strict=True):
        long = CHARACTER_PX * len(anchor.text)
        left = {"left": p.x, "right": p.x - long, "center": p.x - long / 2}[p.align]
        boxes.append((left, p.y - LINE_PX / 2, left + long, p.y + LINE_PX / 2))
        assert left >= 0 and left + long <= 400
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) - max(a[1], b[1]) < LINE_PX / 2


def test_a_narrow_range_of_rates_still_has_ticks() -> None:
    curves = [
        Curve(n, "psnr", "bytes_per_s", False, (Point(n, x, None, 30.0, None, 3),))
        for n, x in (("a", 700.0), ("b", 720.0))
    ]
    found = looks({"systems": [{"name": n, "memory": "x:Y"} for n in "ab"]})
    chart = rate_quality(curves, PSNR, found, SIZE).to_dict()
    x = next(e["encoding"]["x"] for e in chart["layer"] if "axis" in e["encoding"]["x"] and e["encoding"]["x"]["axis"])
    low, high = x["scale"]["domain"]
    assert len([t for t in x["axis"]["values"] if low <= t <= high]) >= 3
    assert math.log10(high / low) >= 1 - 1e-9
