"""The second page: the order of the cases, the page that is sent, and the frames of one case."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bench.store import Store
from bench.video.write import decode_lossless
from leaderboard import cases
from leaderboard.opened import source
from leaderboard.strip import strip
from reports.frames import heat_map
from reports.videos import case_scores, read_plan
from tests.unit.board import Open, opener, said, table
from tests.unit.store_factory import SYSTEMS, synthetic_store
from tests.unit.tables import Made

A, B = "history 4x4x4", "mean-frame"
VIDEOS = 12


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    return opener(monkeypatch)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cases") / "results"
    synthetic_store(path, videos=VIDEOS, moments=3, made=(SYSTEMS[1], SYSTEMS[-1]), size=(32, 24))
    return path


def _means(root: Path, system: str) -> dict[str, float]:
    with Store(root).connect(Store(root).find()["key"]) as con:
        sql = 'SELECT "case", avg(value) FROM scores WHERE metric = \'psnr\' AND "system" = ? GROUP BY ALL'
        return dict(con.execute(sql, [system]).fetchall())


def test_worst_first_and_failed_before_that(root: Path, opened: Open) -> None:
    means = _means(root, A)
    app = opened(root, "cases")
    shown = table(app, "A")
    assert shown[0]["Case"] == "rapid-cuts-01.mp4" and np.isnan(shown[0]["A"])
    truth = sorted(means, key=means.__getitem__)
    assert [row["Case"] for row in shown[1:]] == truth[: cases.PER_PAGE - 1]
    assert [row["A"] for row in shown[1:]] == pytest.approx([means[name] for name in truth[: cases.PER_PAGE - 1]])


def test_only_one_page_is_sent(root: Path, opened: Open) -> None:
    first, second = (table(opened(root, "cases", page=str(n)), "A") for n in (1, 2))
    assert len(first) == cases.PER_PAGE and len(second) == VIDEOS - cases.PER_PAGE
    assert not {row["Case"] for row in first} & {row["Case"] for row in second}
    assert len(table(opened(root, "cases", page="99"), "A")) == cases.PER_PAGE, "a page that is gone shows the first"


def test_a_second_system_orders_by_the_gap(root: Path, opened: Open) -> None:
    a, b = _means(root, A), _means(root, B)
    shown = table(opened(root, "cases", b=B), "A − B")
    truth = sorted(a, key=lambda name: a[name] - b[name])
    assert [row["Case"] for row in shown[1:]] == truth[: cases.PER_PAGE - 1]


def test_the_order_of_a_metric_where_lower_is_better() -> None:
    values = {"lpips": {"a": np.array([[0.1], [0.9], [0.5]]), "b": np.array([[0.3], [0.8], [0.1]])}}
    results = Made(values).results()
    scores = case_scores(results, read_plan(results))
    assert [row.a for row in cases.listed(scores, "lpips", "a", None)] == [0.9, 0.5, 0.1]
    gaps = cases.listed(scores, "lpips", "a", "b")
    assert [row.lead for row in gaps] == pytest.approx([-0.4, -0.1, 0.2])


def test_a_metric_without_direction_is_listed_too() -> None:
    values = {"hue": {"a": np.array([[3.0], [1.0]]), "b": np.array([[1.0], [1.0]])}}
    results = Made(values).results()
    scores = case_scores(results, read_plan(results))
    assert [row.lead for row in cases.listed(scores, "hue", "a", "b")] == [0.0, 2.0]


def test_one_case_shows_truth_answers_and_errors(root: Path, opened: Open) -> None:
    app = opened(root, "cases", a=A, b=B, case="static-02.mp4")
    lines = [t.value for t in app.text if t.value.startswith("Moment ")]
    assert len(lines) == 3 and all("A " in line and "B " in line and "dB" in line for line in lines)
    assert len(_images(app)) == 3 * 5
    assert [i.caption for i in _images(app)[:5]] == ["truth", "A", "B", "error of A", "error of B"]
    assert app.query_params["case"] == "static-02.mp4"


def test_the_default_case_has_an_answer(root: Path, opened: Open) -> None:
    means = _means(root, A)
    assert opened(root, "cases").selectbox(key="case").value == min(means, key=means.__getitem__)


def test_a_failed_case_says_why_and_shows_the_rest(root: Path, opened: Open) -> None:
    app = opened(root, "cases", a=A, b=B, case="rapid-cuts-01.mp4")
    assert "A · encode: rapid-cuts-01.mp4: the file ends in the middle" in said(app)
    assert [i.caption for i in _images(app)[:3]] == ["truth", "B", "error of B"]


def test_the_pictures_are_the_stored_frames(root: Path) -> None:
    """JPEG changes pixels by little; the order and the pairing must be exact."""
    import cv2

    store = Store(root)
    plan = store.plan(store.find()["key"]).to_pylist()
    row = next(r for r in plan if (r["system"], r["case"]) == (B, "static-02.mp4"))
    found = strip(source(store, store.find()["key"]), row["case_key"], (row["prediction_key"], None))
    assert found is not None and found.recalled[0] is not None and found.errors[0] is not None
    assert found.recalled[1] is None and found.errors[1] is None
    truth, recalled = (
        decode_lossless(store.artifact(store.rows(table, [row[key]])[0]["artifact"]).read_bytes())
        for table, key in (("references", "case_key"), ("predictions", "prediction_key"))
    )
    pairs = [*zip(found.truth, truth, strict=True), *zip(found.recalled[0], recalled, strict=True)]
    pairs += [(e, heat_map(t, r)) for e, t, r in zip(found.errors[0], truth, recalled, strict=True)]
    for jpeg, frame in pairs:
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(shown.astype(int) - frame).mean() < 6


def test_no_frames_is_said(tmp_path: Path, opened: Open) -> None:
    synthetic_store(tmp_path / "results", videos=2, moments=2, made=(SYSTEMS[1],), frames=False)
    app = opened(tmp_path / "results", "cases")
    assert "The frames of this case are not in the store" in said(app)
    assert [t.value for t in app.text if t.value.startswith("Moment 1 ·")], "the scores are shown all the same"


def test_damaged_frames_are_named(tmp_path: Path, opened: Open) -> None:
    synthetic_store(tmp_path / "results", videos=2, moments=2, made=(SYSTEMS[1],), size=(32, 24))
    for file in (tmp_path / "results" / "artifacts").rglob("*.mkv"):
        file.write_bytes(file.read_bytes()[:200])
    text = said(opened(tmp_path / "results", "cases"))
    assert "cannot be shown" in text and ".mkv" in text


def _images(app: AppTest) -> list:
    return [image for group in app.get("image") for image in group.proto.imgs]


def test_jpeg_is_what_is_sent(root: Path) -> None:
    store = Store(root)
    row = store.plan(store.find()["key"]).to_pylist()[0]
    found = strip(source(store, store.find()["key"]), row["case_key"], ())
    assert found is not None and found.truth[0][:3] == b"\xff\xd8\xff"
