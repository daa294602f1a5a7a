"""The first page: what it shows is what `compare` says about what the URL asks for, and every state has a sentence."""

import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from bench.store import Store
from leaderboard.progress import Progress, remark
from reports.compare import compare
from reports.verdict import headline
from tests.unit.board import Open, opener, said, table
from tests.unit.store_factory import SYSTEMS, renamed, synthetic_store

FEW = (SYSTEMS[1], SYSTEMS[3], SYSTEMS[4], SYSTEMS[-1])
HOSTILE = (
    "![](https://evil.example/x.png)",
    "<script>alert(1)</script>",
    "=1+1 **b** $x$ :red[y] `c`",
    "<img src=https://evil.example/y.png onerror=alert(1)>",
)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    return opener(monkeypatch)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("board") / "results"
    synthetic_store(path, videos=8, moments=4, made=FEW, frames=False)
    return path


def _by_system(app: AppTest) -> dict[str, dict[str, object]]:
    return {row["System"]: row for row in table(app, "Rank")}


@pytest.mark.parametrize(("metric", "column"), [("psnr", "PSNR (dB)"), ("ssim", "SSIM")])
def test_the_table_is_what_compare_says(root: Path, opened: Open, metric: str, column: str) -> None:
    comparison = compare(Store(root).results())
    shown = _by_system(opened(root, metric=metric))
    assert set(shown) == {one.system.name for one in FEW}
    for name, row in shown.items():
        cell = comparison.cell(name, metric)
        assert cell.mean is not None and cell.interval is not None and cell.ranks is not None
        assert row[column] == cell.mean
        assert row["± 95%"] == pytest.approx((cell.interval.high - cell.interval.low) / 2)
        low, high = cell.ranks
        assert row["Rank"] == (f"{low}" if low == high else f"{low}–{high}")
        assert (row["Top"] == "●") == (low == 1)
        assert row["Cases"] == f"{cell.cases} of {cell.planned}"
    means = [row[column] for row in shown.values()]
    assert means == sorted(means, reverse=True)


def test_the_url_filters(root: Path, opened: Open) -> None:
    """The truth is one SQL statement: the mean over videos of the mean over moments."""
    app = opened(root, tag=["static", "text"], system=["mean-frame", "history 4x4x4"], metric="ssim")
    with Store(root).connect(Store(root).find()["key"]) as con:
        truth = con.sql(
            """SELECT "system", avg(v), count(*) FROM (
                   SELECT "system", "group", avg(value) AS v FROM scores
                   WHERE metric = 'ssim' AND list_has_any(tags, ['static', 'text']) GROUP BY ALL)
               WHERE "system" IN ('mean-frame', 'history 4x4x4') GROUP BY ALL"""
        ).fetchall()
    shown = _by_system(app)
    assert {name: (row["SSIM"], row["Videos"]) for name, row in shown.items()} == {
        name: (pytest.approx(mean), videos) for name, mean, videos in truth
    }
    assert len(shown) == 2


def test_the_first_sentence_is_that_of_the_report(root: Path, opened: Open) -> None:
    comparison = compare(Store(root).results())
    ssim = next(info for info in comparison.metrics if info.name == "ssim")
    assert headline(comparison, ssim) in said(opened(root, metric="ssim"))
    assert "8 videos · 4 systems" in said(opened(root))


@pytest.fixture
def two_runs(root: Path, tmp_path: Path) -> Path:
    """Beside the run with undeclared queries, a later one with declared queries, half of its cases at 60 s."""
    copy = shutil.copytree(root, tmp_path / "results")
    store = Store(copy)
    run = store.find()
    plan = store.plan(run["key"])
    horizons = [60.0 if "static" in tags else 20.0 for tags in plan["tags"].to_pylist()]
    plan = plan.set_column(plan.column_names.index("horizon_s"), "horizon_s", pa.array(horizons))
    spec = {**run["spec"], "suite": {"name": "retrieval", "args": {"queries": "declared"}}}
    session = {**run["sessions"][-1], "started_at": run["sessions"][-1]["started_at"] + 60}
    store.save_run("d" * 32, {**run, "name": "later", "spec": spec, "sessions": [session]}, plan)
    return copy


def test_the_latest_run_comes_first(two_runs: Path, opened: Open) -> None:
    app = opened(two_runs)
    assert app.selectbox(key="run").value == "later dddddddd"
    assert "declared queries" in said(app)


def test_runs_are_filtered_by_their_queries(two_runs: Path, opened: Open) -> None:
    app = opened(two_runs, queries="undeclared")
    assert app.selectbox(key="run").options == [f"synthetic {Store(two_runs).find('synthetic')['key'][:8]}"]
    assert "undeclared queries" in said(app)


def test_the_history_is_filtered(two_runs: Path, opened: Open) -> None:
    counts = [
        {row["Cases"] for row in table(opened(two_runs, **history), "Rank") if row["System"] == "mean-frame"}
        for history in ({}, {"history": "60 s"}, {"history": "20 s"})
    ]
    assert counts == [{"8 of 8"}, {"2 of 2"}, {"6 of 6"}]


def test_nothing_chosen_is_everything_and_the_run_is_in_the_url(root: Path, opened: Open) -> None:
    app = opened(root)
    assert app.multiselect(key="system").value == []
    assert len(_by_system(app)) == len(FEW)
    assert app.query_params["run"] == app.selectbox(key="run").value
    assert set(app.query_params) == {"run"}, "a default belongs to no link"


def test_what_a_link_names_and_is_gone_is_said(root: Path, opened: Open) -> None:
    app = opened(root, run="other 12345678", system=["never heard of"])
    assert "'other 12345678', which is not here" in said(app)
    assert len(_by_system(app)) == len(FEW)


def test_names_stay_text(tmp_path: Path, opened: Open) -> None:
    made = tuple(renamed(one, name) for one, name in zip(FEW, HOSTILE, strict=True))
    synthetic_store(tmp_path / "results", videos=3, moments=2, made=made, frames=False)
    for page in ("results", "cases"):
        app = opened(tmp_path / "results", page, b=HOSTILE[0])
        rendered = [*app.markdown, *app.caption, *app.subheader, *app.warning, *app.error, *app.info]
        assert not [e for e in rendered if any(name in e.value for name in HOSTILE)]
        labels = [e.label for e in (*app.selectbox, *app.multiselect)]
        assert not [label for label in labels if "evil" in label]
    assert set(_by_system(opened(tmp_path / "results"))) == set(HOSTILE)


def test_no_store(tmp_path: Path, opened: Open) -> None:
    text = said(opened(tmp_path / "nowhere"))
    assert "There are no results" in text and "keepframe quickstart" in text


def test_an_empty_store(tmp_path: Path, opened: Open) -> None:
    Store(tmp_path / "results")
    text = said(opened(tmp_path / "results"))
    assert "There are no runs" in text and "keepframe quickstart" in text


def test_a_damaged_run_is_named(root: Path, tmp_path: Path, opened: Open) -> None:
    copy = shutil.copytree(root, tmp_path / "results")
    next(copy.glob("runs/*/run.json")).write_text("{")
    assert "run.json is damaged" in said(opened(copy))


def test_a_damaged_table_is_named(root: Path, tmp_path: Path, opened: Open) -> None:
    copy = shutil.copytree(root, tmp_path / "results")
    next(copy.glob("scores/*.parquet")).write_bytes(b"PAR1 nothing PAR1")
    assert "cannot be read" in said(opened(copy))


def test_a_run_in_progress(tmp_path: Path, opened: Open) -> None:
    synthetic_store(tmp_path / "results", videos=4, moments=2, made=FEW, frames=False, state="running")
    app = opened(tmp_path / "results")
    assert "16 of 32 scores are there: the run is in progress" in said(app)
    assert "keepframe status" in said(app)


def test_every_case_failed(tmp_path: Path, opened: Open) -> None:
    synthetic_store(tmp_path / "results", videos=4, moments=2, made=FEW, frames=False, state="failed")
    app = opened(tmp_path / "results")
    assert "Every case failed" in said(app) and "--retry" in said(app)
    failures = table(app, "What happened")
    assert {row["System"] for row in failures} == {one.system.name for one in FEW}
    assert all("the file ends in the middle" in row["What happened"] for row in failures)
    opened(tmp_path / "results", "cases")


def test_one_system(tmp_path: Path, opened: Open) -> None:
    synthetic_store(tmp_path / "results", videos=3, moments=2, made=FEW[:1], frames=False)
    app = opened(tmp_path / "results")
    assert list(_by_system(app)) == ["mean-frame"]
    assert not [w for w in app.multiselect if w.key == "system"], "there is nothing to choose"


def test_failures_are_named(root: Path, opened: Open) -> None:
    failures = table(opened(root), "What happened")
    assert [(f["System"], f["Which"]) for f in failures] == [("history 4x4x4", "rapid-cuts-01.mp4")]


def test_a_metric_without_weights_says_how_to_get_them(root: Path, opened: Open) -> None:
    app = opened(root, metric="lpips_alex")
    assert "keepframe weights fetch alexnet" in said(app)
    assert "in progress" not in said(app), "nobody waits for scores that cannot be made here"


def test_new_rows_show_on_the_next_run(root: Path, tmp_path: Path, opened: Open) -> None:
    copy = shutil.copytree(root, tmp_path / "results")
    app = opened(copy)
    before = _by_system(app)["mean-frame"]["PSNR (dB)"]
    store = Store(copy)
    planned = store.plan(store.find()["key"]).to_pylist()
    one = next(row for row in planned if (row["system"], row["metric"]) == ("mean-frame", "psnr"))
    # a score computed twice counts once, by its smaller value
    store.add("scores", [{"score_key": one["score_key"], "moment": i, "value": 0.0} for i in range(4)])
    assert _by_system(app.run())["mean-frame"]["PSNR (dB)"] < before


def test_a_file_that_vanishes_while_it_is_read_is_tried_again(
    root: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leaderboard import opened as module

    for kept in (module.load, module.chosen, module.comparison):
        kept.clear()
    real, tries = module._read, []

    def once_broken(store: Store, key: str) -> object:
        tries.append(key)
        if len(tries) == 1:
            raise duckdb.IOException("No files found")
        return real(store, key)

    monkeypatch.setattr(module, "_read", once_broken)
    assert len(_by_system(opened(root))) == len(FEW)
    assert len(tries) == 2


def test_the_download_is_the_view(root: Path, opened: Open) -> None:
    labels = [button.proto.label for button in opened(root).get("download_button")]
    assert labels == ["Download as CSV", "Download as Markdown"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Progress(planned=10, done=10, failed=0), None),
        (Progress(planned=10, done=8, failed=2), None),
        (Progress(planned=10, done=7, failed=1, dropped=2), None),
        (Progress(planned=10, done=0, failed=0, dropped=10), None),
        (Progress(planned=10, done=0, failed=0), "There are no scores yet"),
        (Progress(planned=2000, done=1234, failed=3), "1,234 of 2,000 scores"),
        (Progress(planned=10, done=0, failed=10), "Every case failed"),
    ],
)
def test_remarks(found: Progress, words: str | None) -> None:
    assert (remark(found) or (None,))[0] is None if words is None else words in (remark(found) or ("",))[0]
