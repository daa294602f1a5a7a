"""A metric that cannot run on this machine leaves empty cells, whatever reference names it: never failed rows."""

from pathlib import Path

import numpy as np

from bench.spec import parse
from bench.store import Store
from bench.video.write import write_video
from runners.session import execute

METRIC = """
class Absent:
    name, version, unit, better = "judge", "1", "", "higher"

    def available(self):
        return "The weights of judge are not here."

    def __call__(self, reference, recalled):
        raise AssertionError("an unavailable metric was run")
"""


def test_an_unavailable_plug_in_metric_is_left_out_although_its_name_is_not_its_reference(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "grey.mp4", [np.full((12, 48, 64, 3), 128, np.uint8)], fps=12)
    (tmp_path / "absent.py").write_text(METRIC)
    data = {
        "footage": {"path": "videos"},
        "suite": {"args": {"moments": 2, "horizons_s": [1.0]}},
        "decode": {"width": 64, "height": 48},
        "systems": [{"memory": "constant"}],
        "metrics": ["psnr", "./absent.py:Absent"],
    }
    spec = parse(data, source="test", folder=tmp_path)
    outcome = execute(spec, tmp_path / "r", workers=1, report=lambda *_: None)
    results = Store.existing(tmp_path / "r").results(outcome.plan.key)
    assert outcome.plan.unavailable == {"judge": "The weights of judge are not here."}
    assert results.failures.num_rows == 0
    assert set(results.scores["metric"].to_pylist()) == {"psnr"}
    again = execute(spec, tmp_path / "r", workers=1, report=lambda *_: None)
    assert again.answers_done == 0
