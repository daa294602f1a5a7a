"""Checkpoint files: what is written comes back, and everything that is wrong with a file is said."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.backbones.config import Shapes
from bench.checkpoints.about import About, digest, read_about
from bench.checkpoints.files import fill, load, require, save
from bench.digest import digest_file
from bench.errors import KeepframeError, UnavailableError

SHAPES = Shapes("test", 32, 2, 1, 64, 32, vae_width=4, history_channels=(4, 8, 8, 16), latent_channels=3)
ABOUT = About("history", SHAPES, {"vae": "a" * 64}, {"rate": "4x4x2", "rank": 8}, {"steps": 10})


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"encoder.weight": torch.randn(3, 4), "encoder.bias": torch.randn(3), "index": torch.arange(5)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "history-4x4x2.safetensors"
    save(path, tensors(), ABOUT)
    return path


def test_what_is_written_comes_back_in_single_precision(path: Path) -> None:
    loaded, about = load(path)
    assert about == ABOUT
    for name, tensor in tensors().items():
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(loaded[name], expected)
    assert loaded["encoder.weight"].dtype == torch.float32


def test_the_file_is_in_half_precision_and_its_digest_is_that_of_its_bytes(path: Path, tmp_path: Path) -> None:
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    header = json.loads(path.read_bytes()[8 : 8 + length])
    assert header["encoder.weight"]["dtype"] == "F16"
    again = tmp_path / "again.safetensors"
    assert save(again, dict(reversed(tensors().items())), ABOUT) == digest_file(path) == digest(path)
    assert again.read_bytes() == path.read_bytes()


def test_everybody_may_read_a_checkpoint(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeepframeError, match=r"'bad' is not finite in float16 \(largest: 1e\+06\)"):
        save(path, {"bad": torch.tensor([1e6])}, ABOUT)
    with pytest.raises(KeepframeError, match="not finite"):
        save(path, {"bad": torch.tensor([float("nan")])}, ABOUT)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "recipe"), [("vae", "vae"), ("history-4x4x2", "stage1"), ("history-4x4x2-ar", "stage2")]
)
def test_a_missing_file_says_which_training_makes_it(tmp_path: Path, name: str, recipe: str) -> None:
    for read in (load, read_about, digest):
        with pytest.raises(UnavailableError, match=f"no weights at .*{name}[^`]*`keepframe train {recipe}`"):
            read(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_truncated_file_is_said(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(KeepframeError, match="cut short"):
        load(path)


def test_a_file_that_is_not_ours_is_said(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(KeepframeError, match="not a checkpoint of Keepframe"):
        load(path)
    path.write_text("hello " * 20)
    with pytest.raises(KeepframeError, match="not a safetensors file"):
        load(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "has format 2, and this Keepframe reads format 1"),
        ({"kind": "gan"}, "holds a 'gan'"),
        ({"shapes": {"name": "x", "wings": 2}}, "shapes that have wings"),
        ({"shapes": {"name": "x"}}, "cannot be read"),
        ({"args": 7}, "cannot be read"),
    ],
)
def test_what_cannot_be_understood_is_said(change: dict[str, object], says: str) -> None:
    text = json.dumps(json.loads(ABOUT.dumps()) | change)
    with pytest.raises(KeepframeError, match=says):
        About.loads(text, Path("x.safetensors"))


def test_weights_of_another_config_are_named(path: Path) -> None:
    loaded, _ = load(path)
    linear = nn.Linear(4, 3)
    fill(linear, loaded, "encoder.", path)
    assert torch.equal(linear.weight, loaded["encoder.weight"])
    with pytest.raises(KeepframeError, match=r"another config than the Linear .*weight is \(3, 4\) and should be"):
        fill(nn.Linear(4, 5), loaded, "encoder.", path)
    with pytest.raises(KeepframeError, match="bias is left over"):
        fill(nn.Linear(4, 3, bias=False), loaded, "encoder.", path)
    with pytest.raises(
        KeepframeError, match=r"0.weight is missing; 0.bias is missing; 2.weight is missing; and 3 more"
    ):
        fill(nn.Sequential(linear, nn.ReLU(), linear), loaded, "encoder.", path)


def test_another_kind_shape_or_parent_is_named(path: Path) -> None:
    about, parents = read_about(path), {"vae": "a" * 64}
    require(about, path, kind="history", shapes=SHAPES, parents=parents)
    require(about, path, kind="history", shapes=replace(SHAPES, name="renamed"), parents=parents)
    require(about, path, kind="history", shapes=replace(SHAPES, history_channels=(4, 8, 8, 12)), parents=parents)
    with pytest.raises(KeepframeError, match="holds a history, not a vae"):
        require(about, path, kind="vae", shapes=SHAPES, parents={})
    with pytest.raises(KeepframeError, match="heads: 2 in the file, 4 wanted; layers: 1 in the file, 3 wanted"):
        require(about, path, kind="history", shapes=replace(SHAPES, heads=4, layers=3), parents=parents)
    with pytest.raises(
        KeepframeError, match=r"other weights .vae: aaaaaaaaaaaa in the file, bbbbbbbbbbbb here; dit: none"
    ):
        require(about, path, kind="history", shapes=SHAPES, parents={"vae": "b" * 64, "dit": "c" * 64})
