"""The networks and their preprocessing against torchvision, timm and open_clip, with the same random weights."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms import CenterCrop, InterpolationMode, Normalize, Resize

from bench.errors import KeepframeError
from suites.features import dino, views
from suites.features.networks import FrameByFrame
from suites.features.published import read_state
from suites.viclip import model as viclip

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import open_clip
    import timm
    from open_clip.transformer import TextTransformer, VisionTransformer

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (2, 90, 143, 3), np.uint8)
CLIP_NORM = Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET_NORM = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> bool:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return ours.shape == theirs.shape and bool(np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max())


def random_weights(module: nn.Module, seed: int = 1) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.06, generator=generator)
    return module.eval()


@pytest.mark.parametrize("frames", [FRAMES, FRAMES.transpose(0, 2, 1, 3), FRAMES[:, :, :90]])
def test_preparation_is_torchvisions(frames: np.ndarray) -> None:
    plain = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    crop = CenterCrop(224)
    bicubic = Resize(224, InterpolationMode.BICUBIC, antialias=False)
    assert close(views.clip_crop(frames), CLIP_NORM(crop(bicubic(plain.float())).div(255)))
    assert close(views.clip_crop_bytes(frames), CLIP_NORM(crop(bicubic(plain)).float().div(255)))
    assert close(views.imagenet_short_side(frames), IMAGENET_NORM(Resize(224, antialias=False)(plain.float()).div(255)))
    squash = Resize((224, 224), antialias=False)
    assert close(views.clip_squash(frames), CLIP_NORM(squash(plain.float()).div(255)))
    from PIL import Image

    pictures = [crop(Resize(224, InterpolationMode.BICUBIC)(Image.fromarray(one))) for one in frames]
    stack = torch.from_numpy(np.stack([np.asarray(one) for one in pictures])).permute(0, 3, 1, 2)
    assert close(views.clip_crop_pictures(frames), CLIP_NORM(stack.float().div(255)))


def test_floats_leave_the_range_and_bytes_do_not() -> None:
    sharp = np.zeros((1, 60, 60, 3), np.uint8)
    sharp[:, :, 30:] = 255
    assert views.clip_crop(sharp).max() > views.clip_crop_bytes(sharp).max() + 0.1


def test_the_demos_preparation_is_what_it_says() -> None:
    import cv2

    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = np.stack([(cv2.resize(one, (224, 224)) / 255.0 - mean) / deviation for one in FRAMES])
    assert close(views.imagenet_squash(FRAMES), expected.transpose(0, 3, 1, 2))


def test_batches_do_not_depend_on_the_chunks() -> None:
    sizes: list[int] = []

    def network(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        return batch.mean(dim=(2, 3))

    frames = torch.rand(37, 3, 4, 4)
    outcomes = []
    for cuts in ((37,), (5, 30, 2), (1,) * 37):
        reading = FrameByFrame(network, "cpu")
        for part in frames.split(cuts):
            reading.write(part)
        outcomes.append(reading.finish()["embedding"])
    assert sizes == [16, 16, 5] * 3
    assert all(np.array_equal(one, outcomes[0]) for one in outcomes) and outcomes[0].shape == (37, 3)


def timm_vit(width: int = 224) -> Any:
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=(224, width), patch_size=32, embed_dim=128, depth=2, num_heads=2, num_classes=0, global_pool="token"
    )
    return random_weights(model)


def test_dino_on_squares_is_timms_vision_transformer() -> None:
    theirs = timm_vit()
    ours = dino.from_state(theirs.state_dict())
    frames = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert close(ours(frames), theirs(frames))


def test_dino_beside_squares_stretches_its_positions() -> None:
    """A table that is the same everywhere is the same however it is stretched, and timm can be given that."""
    square = timm_vit()
    with torch.no_grad():
        square.pos_embed[:, 1:] = square.pos_embed[:, 1:2]
    ours = dino.from_state(square.state_dict())
    wide = timm_vit(384)
    state = square.state_dict()
    state["pos_embed"] = torch.cat([state["pos_embed"][:, :1], state["pos_embed"][:, 1:2].repeat(1, 7 * 12, 1)], dim=1)
    wide.load_state_dict(state)
    with torch.no_grad():
        frames = torch.randn(1, 3, 224, 384)
        assert close(ours(frames), wide(frames))
    # the published code's own words, where the table is not the same everywhere
    table = torch.randn(1, 1 + 49, 128)
    ours.pos_embed = nn.Parameter(table)
    grid = table[:, 1:].reshape(1, 7, 7, 128).permute(0, 3, 1, 2)
    stretched = nn.functional.interpolate(grid, scale_factor=(7.1 / 7, 12.1 / 7), mode="bicubic")
    assert stretched.shape[-2:] == (7, 12)
    with torch.no_grad():
        assert torch.equal(ours._positions(7, 12, False)[0, 1:], stretched[0].flatten(1).T)


def viclip_state(frames: int, *, width: int = 128, patch: int = 56, channels: int = 32) -> dict[str, torch.Tensor]:
    vision = viclip.VisionTower(
        width=width, depth=2, patch=patch, places=1 + (224 // patch) ** 2, frames=frames, channels=channels
    )
    text = viclip.TextTower(width=64, depth=2, words=49408, length=32, channels=channels)
    both = random_weights(viclip.ViCLIP(vision, text))
    return dict(both.state_dict()) | {"temp": torch.ones([])}


@pytest.mark.parametrize("frames", [1, 3])
def test_viclips_video_tower_is_clips_on_frames_put_below_each_other(frames: int) -> None:
    """Joint attention over frames is attention over one tall picture whose places are placed in space and time."""
    state = viclip_state(frames)
    ours = viclip.from_state(state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = VisionTransformer(
            image_size=(224 * frames, 224), patch_size=56, width=128, layers=2, heads=2, mlp_ratio=4.0, output_dim=32,
            act_layer=open_clip.transformer.QuickGELU,
        )  # fmt: skip
    own = {n.removeprefix("vision_encoder."): v for n, v in state.items() if n.startswith("vision_encoder.")}
    time = own.pop("temporal_positional_embedding")[0]
    space = own["positional_embedding"]
    own["positional_embedding"] = torch.cat([space[:1], *(space[1:] + one for one in time)])
    own["conv1.weight"] = own["conv1.weight"][:, :, 0]
    theirs.load_state_dict(own)
    video = torch.randn(2, frames, 3, 224, 224)
    with torch.no_grad():
        tall = video.permute(0, 2, 1, 3, 4).reshape(2, 3, 224 * frames, 224)
        expected = nn.functional.normalize(theirs.eval()(tall), dim=-1)
        assert close(ours.video(video), expected)
    assert ours.frames == frames


def test_viclips_text_tower_is_clips() -> None:
    from suites.viclip.text import tokens

    state = viclip_state(1)
    ours = viclip.from_state(state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = TextTransformer(
            context_length=32, vocab_size=49408, width=64, heads=1, layers=2, output_dim=32,
            act_layer=open_clip.transformer.QuickGELU,
        )  # fmt: skip
    own = {n.removeprefix("text_encoder."): v for n, v in state.items() if n.startswith("text_encoder.")}
    theirs.load_state_dict(own, strict=False)
    prompts = ["A cat.", "a tall man &amp; his dog " * 12]
    ids = torch.tensor([tokens(prompt).ids for prompt in prompts])
    assert torch.equal(ids, open_clip.tokenize(prompts, context_length=32))
    assert [tokens(prompt).cut > 0 for prompt in prompts] == [False, True]
    with torch.no_grad():
        assert close(ours.text(ids), nn.functional.normalize(theirs.eval()(ids), dim=-1))
    with pytest.raises(KeepframeError, match="empty"):
        tokens(" ")


class EasyDict(dict[str, Any]):
    """Stands for the class in the published file: it need not be installed to read it."""


EasyDict.__module__ = "easydict"


def test_both_published_formats_and_nothing_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    from safetensors.torch import save_file

    state = {"a": torch.randn(3), "temp": torch.ones([])}
    save_file(state, tmp_path / "a.safetensors")
    module = ModuleType("easydict")
    module.EasyDict = EasyDict  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "easydict", module)
        config = EasyDict(lr=1.0, model=EasyDict(name="x"))
        config.note = "attributes too"  # type: ignore[attr-defined]
        torch.save({"model": state, "config": config}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        found = read_state(tmp_path / name, within="model")
        assert torch.equal(found["a"], state["a"]) and set(found) == {"a", "temp"}
    torch.save({"model": state, "config": Path("x")}, tmp_path / "b.pth")
    with pytest.raises(KeepframeError, match="wants to run pathlib"):
        read_state(tmp_path / "b.pth")
    (tmp_path / "c.pth").write_bytes(b"nothing")
    with pytest.raises(KeepframeError, match="cannot be read"):
        read_state(tmp_path / "c.pth")


def test_other_weights_are_refused() -> None:
    with pytest.raises(KeepframeError, match="not ViCLIP"):
        viclip.from_state({"a": torch.zeros(1)})
    with pytest.raises(KeepframeError, match="not DINO"):
        dino.from_state({"a": torch.zeros(1)})
    broken = viclip_state(1)
    del broken["text_encoder.ln_final.bias"]
    with pytest.raises(KeepframeError, match="not ViCLIP"):
        viclip.from_state(broken)
