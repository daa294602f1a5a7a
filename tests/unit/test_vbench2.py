"""VBench-2.0 as a whole: diversity, all dimensions in one sum, and the published list of prompts."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from bench import registry
from bench.cli import app
from bench.errors import KeepframeError, UsageError
from bench.store import Store
from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.footage import load
from bench.video.procedural import write_clip
from runners.watch import Beside, build
from suites.features.protocols import Evidence
from suites.features.said import read_said
from suites.vbench2 import diversity as differing
from suites.vbench2.dimensions import CATEGORIES, PREFIX, totals
from tests.unit.vbench2_video import filmed


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return filmed(tmp_path_factory.mktemp("v"))


def test_diversity_is_the_published_formula_with_random_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from PIL import Image
    from torchvision.models import vgg19
    from torchvision.transforms import functional as T

    monkeypatch.setattr(differing, "SIDE", 64)
    for seed in range(3):
        write_clip("high-motion", seed, tmp_path, size=Size(96, 64), fps=4, seconds=1)
    clips = [probe(path) for path in sorted(tmp_path.glob("*.mp4"))]
    assert differing.siblings(clips[1].path) == [clip.path for clip in clips]
    torch.manual_seed(0)
    reference = vgg19(weights=None)
    ours = differing.diversity(clips, differing.network(reference.state_dict()))

    from suites.features import pixels

    style: list[list[torch.Tensor]] = []
    content = []
    for clip in clips:  # VBench-2.0's way: whole videos
        frames = next(iter(pixels.stream(clip, range(clip.frames), chunk=100)))
        x = torch.stack(
            [
                T.normalize(
                    T.to_tensor(T.resize(Image.fromarray(f), [64, 64])), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
                )
                for f in frames
            ]
        )
        grams = []
        with torch.inference_mode():
            for k, layer in enumerate(reference.features[:31]):
                x = layer(x)
                if k in {0, 5, 10, 19, 28}:
                    b, c, h, w = x.shape
                    flat = x.clone().view(b, c, -1)
                    grams.append(flat @ flat.transpose(1, 2) / (c * h * w))
        style.append(grams)
        content.append(x)
    pairs = [(0, 1), (0, 2), (1, 2)]
    c = sum((content[i] - content[j]).abs().mean() for i, j in pairs) / 3
    s = sum((style[i][k] - style[j][k]).abs().mean() for i, j in pairs for k in range(5)) / 15
    expected = float((c + 1000 * s) / 2 / 17.712)
    assert 0 < expected < 1, expected
    assert ours == pytest.approx(expected, rel=1e-5)


def test_every_dimension_is_there_and_adds_up() -> None:
    named = [name for members in CATEGORIES.values() for name in members]
    assert len(named) == len(set(named)) == 18
    assert {PREFIX + name for name in named} == {
        one for one in registry.BUILT_IN["video-metric"] if one.startswith(PREFIX)
    }
    means = dict.fromkeys(named, 0.5) | {"camera_motion": 1.0}
    assert totals(means).total == pytest.approx((4 * 0.5 + (6 * 0.5 + 1) / 7) / 5)
    del means["diversity"]
    assert totals(means).total is None and totals(means).missing == ("diversity",)


def test_the_published_list_names_videos_by_their_prompts(tmp_path: Path) -> None:
    long = "A very long story. " * 20
    listed = [
        {"prompt_en": "A man is doing yoga.", "dimension": ["Human_Clothes"]},
        {"prompt_en": long, "dimension": ["Complex_Plot"], "auxiliary_info": ["a", "b"]},
        {"prompt_en": "A man is doing yoga.", "dimension": ["Multi-View_Consistency"], "auxiliary_info": "x"},
    ]
    path = tmp_path / "VBench2_full_info.json"
    path.write_text(json.dumps(listed))
    said = read_said(path)
    assert said.prompt(f"{long[:180]}-2.mp4") == long
    assert said.question(f"{long[:180]}-2.mp4") == {"complex_plot": ["a", "b"]}
    assert said.question("A man is doing yoga.-0.mp4") == {"human_clothes": None, "multi_view_consistency": "x"}
    assert said.prompt("A man.mp4") == "" and said.question("A man.mp4") == {}
    path.write_text('[{"prompt": "a"}]')
    with pytest.raises(UsageError, match="prompt_en"):
        read_said(path)


def test_a_prompts_videos_are_one_row_of_diversity(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    folder.mkdir()
    for seed in range(3):
        write_clip("static", seed, folder, size=Size(96, 64), fps=4, seconds=1)
    plan = build("t", {"mine": load(folder)}, {"mine": folder}, ["vbench2_diversity", "temporal_flickering"])
    rows = plan.table.to_pylist()
    assert [row["case"] for row in rows if row["metric"] == "vbench2_diversity"] == ["static-0"]
    assert sum(row["metric"] == "temporal_flickering" for row in rows) == 3
    with pytest.raises(UsageError, match="needs a judge"):
        build("t", {"mine": load(folder)}, {"mine": folder}, ["vbench2_mechanics"])
    with pytest.raises(UsageError, match="--model tracker="):
        build("t", {"mine": load(folder)}, {"mine": folder}, ["vbench2_multi_view_consistency"], Beside())


def test_only_what_the_list_asks_of_a_video_is_planned(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = {"It melts.": "Thermotics", "It falls.": "Mechanics", "A man walks.": "Human_Clothes", "It sings.": "Other"}
    for place, prompts in (("a", ("It melts.", "It falls.", "A man walks.", "Nobody asked")), ("b", ("It sings.",))):
        (tmp_path / place).mkdir()
        for prompt in prompts:
            made = write_clip("static", 0, tmp_path / "made", size=Size(96, 64), fps=8, seconds=1)
            made.rename(tmp_path / place / f"{prompt}-0.mp4")
    listed = [{"prompt_en": one, "dimension": [what], "auxiliary_info": ["Is it?"]} for one, what in asked.items()]
    (tmp_path / "list.json").write_text(json.dumps(listed))
    (tmp_path / "answers.csv").write_text(
        "video,question,answer\n"
        "It melts.-0,vbench2_thermotics.0,yes\n"
        "It falls.-0,vbench2_mechanics.0,no\n"
        "A man walks.-0,vbench2_human_clothes.one,yes\n"
        "A man walks.-0,vbench2_human_clothes.same,yes\n"
        "A man walks.-0,vbench2_human_clothes.clothes,yes\n"
    )
    metrics = [PREFIX + name for name in ("thermotics", "mechanics", "human_clothes", "material")]
    command = ["score", f"a={tmp_path / 'a'}", f"b={tmp_path / 'b'}", "--workers", "1", "--store", str(tmp_path / "s")]
    command += ["--prompts", str(tmp_path / "list.json"), "--judge", str(tmp_path / "answers.csv"), "--json"]
    every = ",".join([*metrics, "temporal_flickering"])
    assert app()([*command, "--metrics", every], result_action="return_value") == 0
    results = Store(tmp_path / "s").results()
    pairs = {(row["case"], row["metric"]) for row in results.planned.to_pylist() if row["metric"].startswith(PREFIX)}
    told = {("It melts.-0", metrics[0]), ("It falls.-0", metrics[1]), ("A man walks.-0", metrics[2])}
    unknown = {("Nobody asked-0", name) for name in metrics}  # perhaps a wrong file name: it fails and says so
    assert pairs == told | unknown
    scored = {(row["case"], row["metric"]): row["value"] for row in results.scores.to_pylist()}
    assert {pair: scored[pair] for pair in told} == dict(zip(sorted(told), (1.0, 0.0, 1.0), strict=True))
    assert {(row["case"], row["metric"]) for row in results.failures.to_pylist()} == unknown
    assert sum(metric == "temporal_flickering" for _, metric in scored) == 5
    with pytest.raises(UsageError, match="asks nothing of these videos for vbench2_material"):
        app()([*command[:1], *command[2:], "--metrics", metrics[3]], result_action="return_value")
    capfd.readouterr()
    code = app()([*command, "--metrics", ",".join(metrics)], result_action="return_value")
    assert code == 0  # though nothing is asked of the videos of b


def test_a_list_that_asks_something_else_of_a_video_is_told_from_no_list() -> None:
    clip = Clip(Path("a.mp4"), "", Fraction(4), Size(8, 8), (0.0,), 0.25)
    with pytest.raises(KeepframeError, match="asks mechanics of a, not material"):
        Evidence(clip, questions={"mechanics": ["Does it fall?"]}).question("material")
    with pytest.raises(KeepframeError, match="No prompt list says what material asks"):
        Evidence(clip).question("material")
