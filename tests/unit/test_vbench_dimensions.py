"""VBench's dimensions over real clips with random weights, against their formulas written out frame by frame."""

import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench import weights
from bench.errors import KeepframeError
from bench.types import Clip, Prompt, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from suites.consistency.distance import FarSubjectSimilarity
from suites.consistency.drift import AestheticDrift, BackgroundDrift, SubjectDrift
from suites.features import views
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.vbench.aesthetic import AestheticQuality
from suites.vbench.consistency import BackgroundConsistency, SubjectConsistency, consistency
from suites.vbench.flickering import TemporalFlickering
from suites.vbench.style import AppearanceStyle, phrase
from suites.viclip.alignment import OverallConsistency, SegmentConsistency, WindowSimilarity
from suites.viclip.windows import ViclipWindows, segments, sliding, whole
from tests.unit.opencv_frames import opencv_frames

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from open_clip import tokenize
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

import itertools
import re

from suites.features import clip as clip_towers
from suites.features import dino
from suites.viclip import model as viclip
from suites.viclip.text import tokens


def random_weights(module: torch.nn.Module, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim:
                parameter.normal_(std=0.06, generator=generator)
                parameter.copy_(parameter.half().float())  # OpenAI's archives hold half precision
    return module.eval()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return probe(write_clip("rapid-cuts", 0, tmp_path_factory.mktemp("c"), size=Size(128, 96), fps=8, seconds=2.5))


@pytest.fixture(scope="module")
def towers() -> dict[str, Any]:
    """Small networks of the published kinds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        published = CLIP(
            32,
            CLIPVisionCfg(layers=2, width=128, patch_size=56, image_size=224),
            CLIPTextCfg(context_length=77, vocab_size=49408, width=64, heads=1, layers=1),
            quick_gelu=True,
        )
    vision = viclip.VisionTower(width=64, depth=1, patch=56, places=17, frames=8, channels=16)
    text = viclip.TextTower(width=64, depth=1, words=49408, length=32, channels=16)
    return {
        "clip": random_weights(published, 1),
        "dino": random_weights(dino.Dino(dino.Build(width=64, depth=1, patch=16, positions=197)), 2),
        "viclip": random_weights(viclip.ViCLIP(vision, text), 3),
    }


@pytest.fixture
def installed(towers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The small networks lie where the published weights would."""
    clip_state = {name: value for name, value in towers["clip"].state_dict().items() if name != "attn_mask"}
    ours = clip_towers.from_state(clip_state)
    monkeypatch.setattr(clip_towers, "loaded", lambda path: ours)
    monkeypatch.setattr(clip_towers, "pictures", lambda path: ours.visual)
    torch.save(towers["dino"].state_dict(), tmp_path / "dino-vitb16")
    torch.save({"model": towers["viclip"].state_dict()}, tmp_path / "viclip-l14")
    head = {"weight": torch.linspace(-1, 1, 32)[None], "bias": torch.tensor([0.5])}
    torch.save(head, tmp_path / "laion-aesthetic")
    monkeypatch.setattr(weights, "path", lambda name: tmp_path / name)
    monkeypatch.setattr(weights, "digest", lambda name: "random")
    return towers | head


def published_consistency(features: torch.Tensor) -> float:
    """VBench's loop."""
    total = 0.0
    for now in range(1, len(features)):
        before = max(0.0, F.cosine_similarity(features[now - 1 : now], features[now : now + 1]).item())
        first = max(0.0, F.cosine_similarity(features[:1], features[now : now + 1]).item())
        total += (before + first) / 2
    return total / (len(features) - 1)


def test_all_dimensions_in_one_decode(clip: Clip, installed: dict[str, Any]) -> None:
    prompt = "A car in the rain, Van Gogh style"
    metrics = [
        SubjectConsistency(), BackgroundConsistency(), AestheticQuality(), AppearanceStyle(), OverallConsistency(),
        TemporalFlickering(),
    ]  # fmt: skip
    found = judge(metrics, Evidence(clip, storyboard=(Prompt(0.0, prompt),)))
    assert not found.failures and found.frames_decoded == clip.frames
    scores = {name: series.values.mean() for name, series in found.series.items()}
    frames = opencv_frames(clip.path)
    network = installed["clip"]
    with torch.no_grad():
        seen = F.normalize(installed["dino"](views.imagenet_short_side(frames)), dim=-1)
        assert scores["subject_consistency"] == pytest.approx(published_consistency(seen), rel=1e-5)
        crops = F.normalize(network.encode_image(views.clip_crop(frames)), dim=-1)
        assert scores["background_consistency"] == pytest.approx(published_consistency(crops), rel=1e-5)
        head = F.linear(crops, installed["weight"], installed["bias"]) / 10
        assert scores["aesthetic_quality"] == pytest.approx(head.mean().item(), rel=1e-5)
        text = F.normalize(network.encode_text(tokenize(["Van Gogh style"])), dim=-1)
        pictures = F.normalize(network.encode_image(views.clip_crop_pictures(frames)), dim=-1)
        assert scores["appearance_style"] == pytest.approx((pictures @ text.T).mean().item(), rel=1e-4)
        middle = [1, 3, 6, 8, 11, 13, 16, 18]  # of 20 frames
        video = installed["viclip"].video(views.clip_crop_bytes(frames[middle])[None])
        said = installed["viclip"].text(torch.tensor([tokens(prompt).ids]))
        assert scores["overall_consistency"] == pytest.approx((video @ said.T).item(), rel=1e-4)


def test_a_score_does_not_depend_on_what_else_is_asked(clip: Clip, installed: dict[str, Any]) -> None:
    alone = judge([BackgroundConsistency()], Evidence(clip)).series["background_consistency"]
    together = judge([SubjectConsistency(), BackgroundConsistency(), TemporalFlickering()], Evidence(clip))
    assert np.array_equal(alone.values, together.series["background_consistency"].values)


def test_cosines_below_zero_count_as_zero() -> None:
    features = np.array([[1.0, 0.0], [-1.0, 0.1], [-1.0, 0.0]])
    assert consistency(features).tolist() == [0.0, pytest.approx(0.5 * 1 / np.hypot(1, 0.1))]
    with pytest.raises(KeepframeError, match="two frames"):
        consistency(features[:1])


def test_segments_are_scored_line_by_line(clip: Clip, installed: dict[str, Any]) -> None:
    lines = (Prompt(0.0, "a red car"), Prompt(1.0, "a blue boat"))
    found = judge([SegmentConsistency(), OverallConsistency()], Evidence(clip, storyboard=lines))
    assert "several prompts" in str(found.failures["overall_consistency"])
    series = found.series["segment_consistency"]
    assert series.frames.tolist() == [0, 8]
    frames = opencv_frames(clip.path)
    with torch.no_grad():
        for value, (first, end), line in zip(series.values, [(0, 8), (8, 20)], lines, strict=True):
            edges = np.linspace(first, end, 9).astype(int)
            looks = [(low + high - 1) // 2 for low, high in itertools.pairwise(edges)]
            video = installed["viclip"].video(views.clip_crop_bytes(frames[looks])[None])
            said = installed["viclip"].text(torch.tensor([tokens(line.text).ids]))
            assert value == pytest.approx((video @ said.T).item(), rel=1e-4)


def test_windows_slide_to_the_end_and_overlap(clip: Clip, installed: dict[str, Any]) -> None:
    assert whole(clip) == [(0, 20)]
    assert sliding(clip, 1.0) == [(0, 8), (8, 16), (12, 20)]
    assert sliding(clip, 1.0, 0.5) == [(0, 8), (4, 12), (8, 16), (12, 20)]
    assert sliding(clip, 9.0) == [(0, 20)]
    feature = ViclipWindows(sliding(clip, 1.0, 0.5), preparation="mteb")
    from suites.features.one_pass import extract

    embedding = extract(clip, [feature]).arrays[feature.name]["embedding"]
    frames = opencv_frames(clip.path)[4:12]
    with torch.no_grad():
        expected = installed["viclip"].video(views.clip_squash(frames)[None])[0].numpy()
    assert np.allclose(embedding[1], expected, atol=1e-6)


def test_lines_after_the_end_are_left_out() -> None:
    clip = Clip(Path("a"), "", Fraction(2), Size(8, 8), (0.0, 0.5), 1.0)
    assert segments(clip, [Prompt(0.0, "a"), Prompt(2.0, "b")]) == [(Prompt(0.0, "a"), (0, 2))]


def test_a_prompt_without_a_style_and_no_prompt_are_failures(clip: Clip, installed: dict[str, Any]) -> None:
    found = judge([AppearanceStyle(), OverallConsistency(), SegmentConsistency()], Evidence(clip))
    assert set(found.failures) == {"appearance_style", "overall_consistency", "segment_consistency"}
    with pytest.raises(KeepframeError, match="no style"):
        phrase("a dog")


def test_an_empty_prompt_is_refused_before_the_video_is_looked_at(clip: Clip, installed: dict[str, Any]) -> None:
    lines = (Prompt(0.0, "a red car"), Prompt(1.0, " "))
    for storyboard, whole_said in (((Prompt(0.0, "  "),), "has no prompt"), (lines, "has several prompts")):
        found = judge([OverallConsistency(), SegmentConsistency()], Evidence(clip, storyboard=storyboard))
        assert found.frames_decoded == 0 and not found.series
        assert whole_said in str(found.failures["overall_consistency"])
        empty = re.escape(f"the prompt at {storyboard[-1].at_s:g} s is empty")
        assert re.search(empty, str(found.failures["segment_consistency"]))


def test_the_end_of_a_long_prompt_does_not_count(clip: Clip, installed: dict[str, Any]) -> None:
    long = "one two three " * 12
    metric, values = OverallConsistency(), []
    for prompt in (long, long + "and a cat", long.replace("one", "six", 1)):
        values.append(judge([metric], Evidence(clip, storyboard=(Prompt(0.0, prompt),))).series[metric.name].values[0])
    assert values[0] == values[1] != values[2]


def test_without_weights_every_dimension_names_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    wanted = {
        SubjectConsistency: "dino-vitb16",
        BackgroundConsistency: "clip-b32",
        AestheticQuality: "clip-l14 laion-aesthetic",
        AppearanceStyle: "clip-b32",
        OverallConsistency: "viclip-l14",
    }
    for metric, name in wanted.items():
        missing = metric().available()
        assert missing is not None and missing.endswith(f"keepframe weights fetch {name}")


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ViT-B-32.pt").write_bytes(b"nothing")
    with pytest.raises(KeepframeError, match="not a CLIP archive"):
        clip_towers.loaded(tmp_path / "ViT-B-32.pt")
    with pytest.raises(KeepframeError, match="not CLIP"):
        clip_towers.from_state({"a": torch.zeros(1)})


def test_drift_and_distance_by_learned_features(clip: Clip, installed: dict[str, Any]) -> None:
    drifts = [(AestheticDrift, AestheticQuality), (SubjectDrift, SubjectConsistency)]
    drifts += [(BackgroundDrift, BackgroundConsistency)]
    metrics = [FarSubjectSimilarity(), WindowSimilarity(), *(one() for pair in drifts for one in pair)]
    found = judge(metrics, Evidence(clip))
    assert not found.failures and found.frames_decoded == clip.frames
    for drifting, of in drifts:
        values = found.series[of.name].values  # 20, or 19 that are about two frames
        assert found.series[drifting.name].values[0] == pytest.approx(abs(values[:3].mean() - values[-3:].mean()))
    with torch.no_grad():
        frames = opencv_frames(clip.path)
        seen = F.normalize(installed["dino"](views.imagenet_short_side(frames)), dim=-1).numpy().astype(float)
        apart = [seen[a] @ seen[b] for a in range(20) for b in range(a + 10, 20)]  # half of 20 frames or more
        assert found.series["far_subject_similarity"].values[0] == pytest.approx(np.mean(apart), rel=1e-5)
        looks = [[0, 2, 4, 6, 8, 10, 12, 14], [4, 6, 8, 10, 12, 14, 16, 18]]  # 16 frames from 0, and to the end
        first, last = (installed["viclip"].video(views.clip_crop_bytes(frames[look])[None])[0] for look in looks)
        assert found.series["window_similarity"].values == pytest.approx([(first @ last).item()], rel=1e-4)
    assert found.series["window_similarity"].frames.tolist() == [4]


def test_long_prompts_are_told_and_short_ones_are_not(installed: dict[str, Any]) -> None:
    caution = OverallConsistency().caution(["a cat", "a very long story " * 20])
    assert caution is not None and "longer ones do not count: 1 of 2 here" in caution
    assert OverallConsistency().caution(["a cat", ""]) is None
