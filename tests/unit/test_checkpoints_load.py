"""From checkpoint files to models: what is folded in, what is shared, and the options of the reader."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import TINY, TINY_SIZE, write_backbone, write_history

from bench.backbones.dit import VideoDiT
from bench.backbones.lora import add_lora, fold_lora
from bench.checkpoints.about import digest
from bench.checkpoints.files import load
from bench.checkpoints.history_args import HistoryArgs
from bench.checkpoints.load import backbone, history, space
from bench.errors import KeepframeError, UnavailableError
from bench.generation.reference import Reference
from bench.memories.tiny_history import TinyHistory
from bench.types import Frames, Recall
from runners.trial import synthetic_history

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "nano"
    parents = write_backbone(folder)
    one = write_history(folder, "history-2x2x2", HistoryArgs("2x2x2", lora_alpha=4.0), parents)
    two = HistoryArgs("2x2x2", stage=2, lora_alpha=6.0)
    write_history(folder, "history-2x2x2-ar", two, {**parents, "stage-one": one}, seed=2)
    lost = {**parents, "stage-one": "f" * 64}
    write_history(folder, "history-2x2x2-ar-lost", two, lost, seed=2)
    write_history(folder, "history-1x1x1", HistoryArgs("1x1x1", cross_attention=True), parents)
    write_history(folder, "history-2x1x1", HistoryArgs("2x1x1", isolated_memory=True), parents)
    both = HistoryArgs("1x2x1", isolated_memory=True, cross_attention=True)
    write_history(folder, "history-1x2x1", both, parents)
    return folder


def adapted(dit: VideoDiT, path: Path, alpha: float) -> None:
    """The same as the loader does, by the module that training uses."""
    add_lora(dit, rank=2, alpha=alpha)
    weights = {name.removeprefix("lora."): weight for name, weight in load(path)[0].items() if name[:5] == "lora."}
    assert not dit.load_state_dict(weights, strict=False).unexpected_keys
    fold_lora(dit)


def test_adapters_are_folded_in_stage_one_first_and_the_backbone_is_left_alone(folder: Path) -> None:
    base = backbone(folder)
    before = {name: weight.clone() for name, weight in base.dit.state_dict().items()}
    expected = VideoDiT(TINY)
    expected.load_state_dict(before)
    for name, alpha in (("history-2x2x2", 4.0), ("history-2x2x2-ar", 6.0)):
        adapted(expected, folder / f"{name}.safetensors", alpha)
        found = history(name, base).dit.state_dict()
        for key, weight in expected.state_dict().items():
            torch.testing.assert_close(found[key], weight, rtol=0, atol=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in base.dit.state_dict().items())
    assert not any(weight.requires_grad for weight in history("history-2x2x2", base).dit.parameters())


def test_a_backbone_serves_encoders_of_other_widths(folder: Path) -> None:
    base = backbone(folder)
    narrow = replace(TINY, history_channels=(4, 8, 8, 8))
    write_history(folder, "history-narrow", HistoryArgs("2x2x2", lora_alpha=4.0), dict(base.digests), shapes=narrow)
    wide, other = (history(name, base).encoders[0] for name in ("history-2x2x2", "history-narrow"))
    assert [encoder.shapes.history_channels[-1] for encoder in (wide, other)] == [16, 8]
    memory = other(torch.randn(1, 3, 4, 4, 8), torch.randn(1, 3, 2, 2, 4), base.dit.first_layer)
    assert memory.tokens.shape == (1, 4, TINY.width)


def test_models_are_loaded_once_and_anew_when_a_file_changes(folder: Path, tmp_path: Path) -> None:
    base = backbone(folder)
    assert backbone(folder) is base
    assert base.space is space(folder)
    assert history("history-2x2x2", base) is history(folder / "history-2x2x2.safetensors", base)
    assert base.digests == {part: digest(folder / f"{part}.safetensors") for part in ("vae", "dit")}
    write_backbone(tmp_path)
    first = backbone(tmp_path)
    write_backbone(tmp_path, seed=5)
    assert backbone(tmp_path) is not first


def test_the_facts_of_the_video_come_with_the_vae(folder: Path) -> None:
    latent = space(folder)
    assert (latent.fps, latent.size) == (8, TINY_SIZE)
    frames = synthetic_history(9, TINY_SIZE)
    assert np.array_equal(latent.to_frames(latent.to_pixels(frames)), frames)
    latents = latent.encode(latent.to_pixels(frames))
    raw = latent.vae.encode(latent.to_pixels(frames)).mean
    for channel in range(3):
        normal = (raw[:, channel] - 0.1 * channel) / (1 + 0.1 * channel)
        torch.testing.assert_close(latents[:, channel], normal, rtol=0, atol=0.05)  # may be bfloat16
    off = (latent.decode(latents) - latent.vae.decode(raw)).abs()
    assert off.mean() < 0.01 and off.max() < 0.2


@pytest.mark.parametrize(("capability", "exact"), [("AVX2", True), ("AVX512", False)])
def test_bfloat16_is_left_to_processors_that_are_fast_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capability: str, exact: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    latent = space(folder)
    pixels = latent.to_pixels(synthetic_history(9, TINY_SIZE))
    single = (latent.vae.encode(pixels).mean - latent.mean) / latent.std
    assert torch.equal(latent.encode(pixels), single) is exact


def test_what_does_not_belong_together_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeepframeError, match=r"goes on from a stage-one file .sha256 ffffffffffff"):
        history("history-2x2x2-ar-lost", backbone(folder))
    with pytest.raises(UnavailableError, match="keepframe train dit"):
        write_backbone(tmp_path)
        (tmp_path / "dit.safetensors").unlink()
        backbone(tmp_path)
    assert space(tmp_path).fps == 8, "the VAE alone is enough for the ceiling"
    (tmp_path / "dit.safetensors").write_bytes((folder / "vae.safetensors").read_bytes())
    with pytest.raises(KeepframeError, match="holds a vae, not a dit"):
        backbone(tmp_path)


@pytest.mark.parametrize("rate", ["1x1x1", "2x1x1", "1x2x1"])
def test_readers_of_every_kind_recall_from_files(folder: Path, rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(folder.parent))
    reader = history(f"history-{rate}", backbone(folder))
    crossed = [block.read_memory is not None for block in reader.dit.blocks]
    assert (reader.dit.isolated_memory, all(crossed)) == (rate != "1x1x1", rate != "2x1x1")

    def recalled(frames: Frames) -> Frames:
        encoder = TinyHistory(rate=rate)
        encoder.begin(8.0, TINY_SIZE)
        encoder.write(frames)
        return np.concatenate(list(Reference(steps=2).generate(encoder.finish(), Recall((0.5, 1.0)), seed=0)))

    frames = synthetic_history(12, TINY_SIZE)
    assert np.array_equal(recalled(frames), recalled(frames))
    assert not np.array_equal(recalled(frames), recalled(255 - frames))
