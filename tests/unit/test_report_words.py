"""Which moments are shown and what is said: the worst is the worst, the middle is the middle, and a claim of a
difference is one that the tests support."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.store import Results, Store
from reports.album import Album
from reports.compare import compare
from reports.comparison import MetricInfo
from reports.frames import FULL_SCALE, HEAT, heat_map, picture
from reports.glossary import entry
from reports.look import looks
from reports.page import failures, provenance, table
from reports.progress import progress
from reports.selection import common_rate, representatives
from reports.spec_text import spec_text
from reports.verdict import findings, headline
from tests.unit.store_factory import SYSTEMS, synthetic_store

PSNR = MetricInfo("psnr", "1", "dB", "higher")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Results]:
    store, key = synthetic_store(tmp_path_factory.mktemp("words") / "r", videos=6, moments=4)
    return store, store.results(key)


def test_every_memory_of_ours_is_explained() -> None:
    assert [name for name in registry.BUILT_IN["memory"] if not entry({"memory": name}).sentence] == []
    assert entry({"memory": "history", "role": "baseline"}).role == "frames", "what is a baseline is not under test"


def scores(results: Results, system: str, metric: str = "psnr") -> list[dict]:
    return [r for r in results.scores.to_pylist() if r["system"] == system and r["metric"] == metric]


@pytest.mark.parametrize("system", ["mean-frame", "history 4x4x4"])
def test_worst_are_the_worst(made: tuple[Store, Results], system: str) -> None:
    store, results = made
    worst = Album(store, results, PSNR).worst(system, 3)
    by_video: dict[str, float] = {}
    for row in scores(results, system):
        by_video[row["group"]] = min(row["value"], by_video.get(row["group"], np.inf))
    assert [a.answers[0].value for a in worst] == sorted(by_video.values())[:3]
    assert len({a.case for a in worst}) == 3


def test_worst_is_the_highest_where_lower_is_better(made: tuple[Store, Results]) -> None:
    store, results = made
    worst = Album(store, results, replace(PSNR, better="lower")).worst("mean-frame", 1)
    assert worst[0].answers[0].value == max(r["value"] for r in scores(results, "mean-frame"))


def test_typical_is_in_the_middle(made: tuple[Store, Results]) -> None:
    store, results = made
    systems = ["codec av1,bitrate_kbps=50", "mean-frame"]
    asked = Album(store, results, PSNR).typical(systems)
    assert asked is not None and [a.system for a in asked.answers] == systems
    sums: dict[tuple[str, int], float] = {}
    for system in systems:
        for row in scores(results, system):
            sums[row["case"], row["moment"]] = sums.get((row["case"], row["moment"]), 0.0) + row["value"]
    own = sum(a.value for a in asked.answers)
    below, above = (sum(v < own - 1e-9 for v in sums.values()), sum(v > own + 1e-9 for v in sums.values()))
    assert abs(below - above) <= 1


def test_moments_without_stored_frames_are_passed_over(made: tuple[Store, Results], tmp_path: Path) -> None:
    store, key = synthetic_store(tmp_path / "r", videos=2, moments=2, made=SYSTEMS[:2], frames=False)
    assert Album(store, store.results(key), PSNR).worst("constant", 2) == []
    assert Album(store, store.results(key), PSNR).typical(["constant"]) is None


def test_heat_map_grows_lighter_with_the_error() -> None:
    truth = np.zeros((1, 256, 3), np.uint8)
    recalled = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    shown = heat_map(truth, recalled)
    assert np.array_equal(shown, heat_map(recalled, truth))
    light = shown[0].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light[: FULL_SCALE + 1]) > -1.5).all() and light[FULL_SCALE] > 230
    assert (shown[0, FULL_SCALE:] == [int(HEAT[-1][i : i + 2], 16) for i in (1, 3, 5)]).all()


def test_large_pictures_are_made_smaller() -> None:
    small = picture(np.full((1080, 1920, 3), 90, np.uint8), "a frame")
    assert (small.width, small.height) == (416, 234)


def test_representatives_are_alike_in_rate(made: tuple[Store, Results]) -> None:
    comparison, found = compare(made[1]), looks(made[1].run["spec"])
    shown = representatives(comparison, PSNR, found)
    rate = common_rate(comparison.systems, found)
    own = next(s.costs.bytes_per_s for s in comparison.systems if s.name == "history 4x4x4")
    assert rate == own and "history 4x4x4" in shown
    assert {"codec h264,bitrate_kbps=50", "codec av1,bitrate_kbps=50"} <= set(shown)
    assert sum(found[name].role == "floor" for name in shown) == 1


def test_headline_names_ties(made: tuple[Store, Results]) -> None:
    comparison = compare(made[1])
    cells = tuple(
        replace(c, ranks=(1, 2)) if c.metric == "psnr" and c.system in ("thumbnails", "mean-frame") else c
        for c in comparison.cells
    )
    said = headline(replace(comparison, cells=cells), PSNR)
    assert "cannot be told apart from it" in said and "thumbnails" in said and "mean-frame" in said
    assert "ahead of all others" in headline(
        replace(comparison, cells=tuple(replace(c, ranks=(5, 6)) for c in comparison.cells)), PSNR
    )
    assert headline(comparison, None) == "Nothing could be measured."


def test_findings_claim_only_what_is_shown(made: tuple[Store, Results]) -> None:
    results = made[1]
    comparison, found = compare(results), looks(results.run["spec"])
    said = findings(results, comparison, PSNR, found)
    floor = next(s for s in said if s.startswith("The strongest floor, mean-frame"))
    others = [s.name for s in comparison.systems if found[s.name].role in ("tested", "codec", "frames")]
    pairs = compare(results, baseline="mean-frame", systems=others).differences
    beaten = [d.system for d in pairs if d.metric == "psnr" and d.verdict != "better"]
    named = [name for name in others if name in floor]
    assert beaten and set(named) <= set(beaten)
    assert len(named) == len(beaten) if len(beaten) <= 6 else f"and {len(beaten) - 5} others are not shown" in floor
    own = next(s for s in said if s.startswith("history 4x4x4 keeps"))
    mean = {s.name: comparison.cell(s.name, "psnr").mean or 0.0 for s in comparison.systems}
    rate = {s.name: s.costs.bytes_per_s or 0.0 for s in comparison.systems}
    cheaper = [n for n in mean if n != "history 4x4x4" and rate[n] <= rate["history 4x4x4"]]
    rival = max(cheaper, key=lambda n: mean[n])
    pair = next(
        d for d in compare(results, baseline=rival, systems=["history 4x4x4"]).differences if d.metric == "psnr"
    )
    words = {"better": "is better by", "worse": "is worse by"}.get(pair.verdict, "is not shown to differ from")
    assert rival in own and words in own


def test_progress_counts_answers(made: tuple[Store, Results]) -> None:
    state = progress(made[1])
    assert (state.planned, state.scored, state.failed, state.missing) == (96, 95, 1, 0)
    assert state.moments == 24


def test_table_leaves_out_empty_columns(made: tuple[Store, Results]) -> None:
    results = made[1]
    whole = table(compare(results), looks(results.run["spec"]))
    assert [title for title, _ in whole.metrics] == ["PSNR", "SSIM"]
    assert "tokens" in [title for title, _ in whole.costs]
    part = compare(results, systems=["constant", "mean-frame"])
    assert "tokens" not in [title for title, _ in table(part, looks(results.run["spec"])).costs]


def test_one_reason_is_one_row(tmp_path: Path) -> None:
    store, key = synthetic_store(tmp_path / "r", videos=2, moments=2, state="failed", frames=False)
    found = failures(compare(store.results(key)))
    assert len(found) == 2 and all(f.everywhere and len(f.cases) == 1 for f in found)


def test_spec_text_is_toml_again(made: tuple[Store, Results]) -> None:
    spec = made[1].run["spec"]

    def known(value: object) -> object:
        if isinstance(value, dict):
            return {k: known(v) for k, v in value.items() if v is not None and v != {}}
        return [known(v) for v in value] if isinstance(value, list) else value

    assert tomllib.loads(spec_text(spec)) == known(spec)


def test_folders_of_this_machine_are_not_told(made: tuple[Store, Results]) -> None:
    run = made[1].run | {"spec": {"footage": {"path": "/home/somebody/videos"}, "systems": []}}
    text = provenance(replace(made[1], run=run))["spec"]
    assert 'path = "…/videos"' in text and "somebody" not in text
