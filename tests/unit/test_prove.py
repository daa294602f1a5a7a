"""Proofs without weights: random files that both programs read, and the published package where its box is built."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from bench import weights
from bench.cli import app
from bench.errors import KeepframeError, UnavailableError, UsageError
from bench.types import Prompt, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from runners import official, proof_weights
from runners import prove as prove_verb
from runners.boxes import vbench_box
from runners.isolate import RECIPES
from suites.dynamics import raft
from suites.features import clip as clip_towers
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.features.published import read_state

BOX = pytest.mark.skipif(RECIPES["vbench"].missing() is not None, reason="needs: keepframe isolate vbench")


def prove(*words: str) -> Any:
    return app()(["prove", "vbench", *words], result_action="return_value")


def test_random_files_are_the_same_each_time_and_readable(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first, second = (read_state(proof_weights.write("laion-aesthetic", tmp_path / folder)) for folder in "ab")
    assert torch.equal(first["weight"], second["weight"]) and first["weight"].std() > 0.01
    tiny = tmp_path / "clip"
    proof_weights._clip(channels=16, layers=1, width=64, patch=56, text=64, heads=1)(tiny)
    model = clip_towers.loaded(tiny)
    with torch.inference_mode():
        seen = torch.rand(2, 3, 224, 224)
        embedding = model.encode_image(seen)
        assert embedding.shape == (2, 16)
        assert torch.equal(clip_towers.pictures(tiny)(seen), embedding)
    assert clip_towers.text_embedding(model, "a cat").shape == (16,)


def test_flow_weights_are_laid_under_the_authors_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "_link", lambda source, target: None)
    monkeypatch.setattr(official.Path, "glob", lambda self, pattern: iter([tmp_path]))
    file = proof_weights.write("raft", tmp_path)
    with weights.stand_ins({"raft": file}):
        official.lay(tmp_path / "cache", "dynamic_degree")
    theirs = torch.load(tmp_path / "cache" / official.RAFT_PLACE, weights_only=True)
    ours = read_state(file)
    assert len(theirs) == 179 and all(name.startswith("module.") for name in theirs)
    back = raft.converted(theirs)
    assert set(back) == set(ours) and all(torch.equal(back[name], ours[name]) for name in ours)


def test_a_prompt_as_a_file_name_leads_nowhere_else(tmp_path: Path) -> None:
    video = {"path": "/v.mov", "prompt": "../../etc/a person is " + "ü" * 300, "about": None}
    link = Path(vbench_box._linked(str(tmp_path), 0, video))
    assert link.parent == tmp_path / "0" and link.suffix == ".mp4" and link.is_symlink()


def test_tag2text_begins_with_any_numbers_and_all_are_replaced() -> None:
    class Bert(torch.nn.Linear):
        def __init__(self, width: int) -> None:
            super().__init__(width, width)

        @staticmethod
        def from_pretrained(place: str, **named: Any) -> Any:
            raise OSError("no model.safetensors")

    class Captioner(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vision_multi = Bert.from_pretrained("bert-base-uncased", config=2)
            self.tag_encoder = torch.nn.Linear(2, 2)
            self.tag_encoder.weight = self.vision_multi.weight  # Tag2Text ties them

    module: Any = ModuleType("tag2text")
    module.BertModel = Bert
    module.load_checkpoint_swinbase = lambda model, state, sizes: (model, model.load_state_dict(state, strict=False))
    for _ in range(2):  # once a request
        vbench_box._begin_anyhow(module)
    whole = {"vision_multi.bias": torch.ones(2), "tag_encoder.weight": torch.ones(2, 2)}
    model, _ = module.load_checkpoint_swinbase(Captioner(), whole, {})
    assert all((value == 1).all() for value in model.vision_multi.parameters())
    del whole["tag_encoder.weight"]
    with pytest.raises(RuntimeError, match=r"nothing for vision_multi\.weight"):
        module.load_checkpoint_swinbase(Captioner(), whole, {})


def test_without_its_box_nothing_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFRAME_BOXES", str(tmp_path))
    with pytest.raises(UnavailableError, match="keepframe isolate vbench"):
        prove()
    with pytest.raises(UsageError, match="Nothing is known"):
        app()(["prove", "vbenhc"], result_action="return_value")


def test_every_dimension_of_the_package_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(type(official.VBENCH), "missing", lambda self: None)
    for dimension in official.PLACES:
        missing = official.missing(dimension)
        assert (missing is None) == (dimension == "temporal_flickering")
        assert missing is None or "\n  " in missing


def test_a_dimension_with_a_prompt_list_needs_it(tmp_path: Path) -> None:
    clip = probe(write_clip("static", 0, tmp_path, size=Size(64, 64), fps=8, seconds=1))
    told = Evidence(clip, storyboard=(Prompt(0.0, "a red car"),), questions={"color": {"color": {"color": "red"}}})
    assert official.OfficialColor().about(told) == {"color": "red"}
    metric = official.OfficialOverall()
    metric.available = lambda: None  # type: ignore[method-assign]
    assert "no prompt" in str(judge([metric], Evidence(clip)).failures[metric.name])


@BOX
@pytest.mark.box
def test_flickering_is_proved(capfd: pytest.CaptureFixture[str]) -> None:
    assert prove("--dimensions", "temporal_flickering", "--json") == 0
    (found,) = json.loads(capfd.readouterr().out.strip().splitlines()[-1])["findings"]
    assert found["agree"] and len(found["published"]) == 3 and len(set(found["published"])) == 3


@BOX
@pytest.mark.box
def test_a_dimension_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'dynamic_degree'\?"):
        prove("--dimensions", "dynamic_degre")


def test_all_that_a_dimension_lacks_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(type(official.VBENCH), "missing", lambda self: None)
    assert (official.missing("scene") or "").endswith("\n  keepframe weights fetch tag2text bert-words")
    with weights.stand_ins({"dino-vitb16": tmp_path}):
        said = official.missing("subject_consistency") or ""
    assert said.endswith("\n  keepframe weights fetch dino-hubconf dino-transformer dino-utils")


class Nothing:
    """In the place of the package: it is asked nothing here."""

    def __enter__(self) -> "Nothing":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("flickering", "code"), [("agrees", 4), ("differs", 1), ("breaks", 1)])
def test_what_could_not_be_tried_is_told_from_what_failed(
    flickering: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(type(official.VBENCH), "missing", lambda self: None)
    monkeypatch.setattr(prove_verb, "borrow", lambda box: None)
    monkeypatch.setattr(prove_verb, "_videos", lambda folder: [])
    monkeypatch.setattr(prove_verb, "Package", Nothing)

    def theirs(*_: object) -> tuple[list[float], float]:
        if flickering == "breaks":
            raise KeepframeError("In its box: ValueError: no.")
        return [0.9 if flickering == "agrees" else 0.8], 0.9

    monkeypatch.setattr(prove_verb, "_theirs", theirs)
    monkeypatch.setattr(prove_verb, "_ours", lambda *_: ([0.9], 0.9))
    assert prove("--dimensions", "temporal_flickering,subject_consistency", "--json") == code
    said = capfd.readouterr()
    assert "keepframe weights fetch dino-hubconf dino-transformer dino-utils" in said.err
    assert "not tried: subject_consistency." in said.out
    unproved = json.loads(said.out.strip().splitlines()[-1])["not_proved"]
    assert [one["dimension"] for one in unproved if one["lacks"]] == ["subject_consistency"]
    assert any(not one["lacks"] for one in unproved) == (flickering == "breaks")
