"""VBench-Long's clip-to-clip branch: its networks against timm and DreamSim's own words, its scores against a loop."""

import io
import json
import subprocess
import warnings
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms import CenterCrop, InterpolationMode, Normalize, Resize

from bench import weights
from bench.errors import KeepframeError
from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.procedural import write_clip
from runners import proof_weights
from runners.isolate import RECIPES
from suites.features import dino, dreamsim, views
from suites.features.dino import Build, Dino
from suites.features.judge import judge
from suites.features.protocols import Evidence
from suites.judging.protocol import DroppedOut
from suites.vbench.embeddings import DinoFrames
from suites.vbench.long import clips
from suites.vbench.long_fused import BackgroundClipToClip, DinoV2Starts, SubjectClipToClip, SubjectFused
from tests.unit.test_vbench_dimensions import published_consistency
from tests.unit.test_vbench_networks import close, random_weights

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import timm

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 90, 143, 3), np.uint8)
IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIPS = Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


def test_preparation_is_torchvisions_with_antialiasing() -> None:
    plain = torch.from_numpy(FRAMES).permute(0, 3, 1, 2).float()
    resized = CenterCrop(224)(Resize(256, InterpolationMode.BICUBIC)(plain))
    assert close(views.dinov2_crop(FRAMES), IMAGENET(resized.div(255)))
    assert close(views.dreamsim_squash(FRAMES), Resize((224, 224), InterpolationMode.BICUBIC)(plain).div(255))
    assert not close(views.dreamsim_squash(FRAMES), Resize((224, 224), antialias=False)(plain).div(255), 1e-3)


def dinov2_state(positions: int = 17) -> dict[str, torch.Tensor]:
    """Of a small DINOv2, with the token that only its training uses."""
    model = random_weights(Dino(Build(width=128, depth=2, patch=56, positions=positions, scaled=True)))
    return dict(model.state_dict()) | {"mask_token": torch.zeros(1, 128)}


def test_dinov2_is_timms() -> None:
    state = dinov2_state()
    theirs = timm.models.vision_transformer.VisionTransformer(
        img_size=224, patch_size=56, embed_dim=128, depth=2, num_heads=2, num_classes=0, global_pool="token",
        init_values=1e-5,
    )  # fmt: skip
    theirs.load_state_dict({name: value for name, value in state.items() if name != "mask_token"})
    ours = dino.from_state(state)
    frames = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert close(ours(frames), theirs.eval()(frames))
        for block in ours.blocks:
            block.ls1.gamma.zero_()
        assert not close(ours(frames), theirs(frames), 1e-2)  # the scales count


def tower(seed: int, *, clip: bool, quick: bool = False) -> Dino:
    build = Build(width=64, depth=2, patch=56, positions=17, normed_first=clip, quick=quick, eps=1e-5 if clip else 1e-6)
    return random_weights(Dino(build), seed)


class Networks:
    """The parts of a small DreamSim, and its published files."""

    def __init__(self, folder: Path, lora: str = "adapter_model.safetensors") -> None:
        from safetensors.torch import save

        self.towers = [tower(1, clip=False), tower(2, clip=True, quick=True), tower(3, clip=True)]
        self.heads = [torch.randn(64, 16) / 8, torch.randn(64, 16) / 8]
        self.rank, self.alpha = 4, 2.0
        prefix = "base_model.model.base_model.model.extractor_list"
        self.lora = {
            f"{prefix}.{model}.model.blocks.{block}.attn.qkv.lora_{part}.weight": torch.randn(shape) / 4
            for model in range(3)
            for block in range(2)
            for part, shape in (("A", (self.rank, 64)), ("B", (192, self.rank)))
        }
        self.dino, self.archive = folder / "dino.pth", folder / "dreamsim.zip"
        torch.save(self.towers[0].state_dict(), self.dino)
        with zipfile.ZipFile(self.archive, "w") as archive:
            for name, network, head in zip(
                (dreamsim.CLIP, dreamsim.OPEN_CLIP), self.towers[1:], self.heads, strict=True
            ):
                content = io.BytesIO()
                torch.save({"state_dict": {**network.state_dict(), "proj": head}}, content)
                archive.writestr(name, content.getvalue())
            settings = {"r": self.rank, "lora_alpha": self.alpha, "target_modules": ["qkv"]}
            archive.writestr("ensemble_lora/adapter_config.json", json.dumps(settings))
            archive.writestr(f"ensemble_lora/{lora}", save(self.lora) if lora.endswith("safetensors") else b"")

    def expected(self, pictures: torch.Tensor) -> torch.Tensor:
        """As the package writes it: LoRA beside each matrix, DINO's token from the last block, CLIP's through heads."""
        for number, network in enumerate(self.towers):
            for index, block in enumerate(network.blocks):
                here = f"extractor_list.{number}.model.blocks.{index}."
                a, b = (next(v for n, v in self.lora.items() if here in n and f"lora_{part}" in n) for part in "AB")
                block.attn.qkv = Beside(block.attn.qkv, a, b, self.alpha / self.rank)
        kept: list[torch.Tensor] = []
        hook = self.towers[0].blocks[-1].register_forward_hook(lambda module, given, out: kept.append(out))
        with torch.no_grad():
            self.towers[0](IMAGENET(pictures))
            clips = [net(CLIPS(pictures)) @ head for net, head in zip(self.towers[1:], self.heads, strict=True)]
        hook.remove()
        joint = torch.cat([kept[0][:, 0], *clips], dim=-1)
        joint = (joint.T - torch.mean(joint, dim=1)).T
        return (joint.T / torch.norm(joint, dim=1)).T


class Beside(nn.Module):
    """peft's linear layer: the matrix, and beside it the two of LoRA."""

    def __init__(self, inner: nn.Module, a: torch.Tensor, b: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.inner, self.a, self.b, self.scale = inner, a, b, scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + self.scale * (x @ self.a.T @ self.b.T)


def test_dreamsim_adds_lora_to_three_networks(tmp_path: Path) -> None:
    networks = Networks(tmp_path)
    pictures = torch.rand(3, 3, 224, 224)
    ours = dreamsim.read(networks.archive, networks.dino)
    with torch.no_grad():
        found = ours(pictures)
    assert found.shape == (3, 96) and torch.allclose(found.norm(dim=1), torch.ones(3))
    assert close(found, networks.expected(pictures))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("no lora", "no ensemble_lora"),
        ("a pair", "in pairs"),
        ("another layer", "nothing is known"),
        ("nothing", "zip"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, change: str, says: str) -> None:
    networks = Networks(tmp_path)
    with zipfile.ZipFile(networks.archive) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    lora = "ensemble_lora/adapter_model.safetensors"
    if change == "no lora":
        del members[lora]
    else:
        from safetensors.torch import save

        first = next(iter(networks.lora))
        value = networks.lora.pop(first)
        members[lora] = save(networks.lora | ({"head.weight": value} if change == "another layer" else {}))
    with zipfile.ZipFile(networks.archive, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    if change == "nothing":
        networks.archive.write_bytes(b"nothing")
    with pytest.raises(KeepframeError, match=says):
        dreamsim.read(networks.archive, networks.dino)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Networks:
    """Small networks lie where the published files would."""
    networks = Networks(tmp_path)
    torch.save(dinov2_state(), tmp_path / "dinov2")
    places = {"dino-vitb16": networks.dino, "dreamsim": networks.archive, "dinov2-vitb14": tmp_path / "dinov2"}
    monkeypatch.setattr(weights, "path", lambda name: places[name])
    monkeypatch.setattr(weights, "digest", lambda name: "random")
    return networks


def test_first_frames_of_clips_are_compared(tmp_path: Path, installed: Networks) -> None:
    clip = probe(write_clip("rapid-cuts", 0, tmp_path, size=Size(128, 96), fps=4, seconds=5))
    found = judge([SubjectClipToClip(), BackgroundClipToClip(), SubjectFused()], Evidence(clip))
    assert not found.failures
    from tests.unit.opencv_frames import opencv_frames

    frames = opencv_frames(clip.path)
    firsts = frames[[0, 8, 12]]  # 20 frames: two clips of 8, and one that reaches back
    network = dino.from_state(dinov2_state())
    with torch.no_grad():
        subject = published_consistency(network(views.dinov2_crop(firsts)))
        background = published_consistency(installed.expected(views.dreamsim_squash(firsts)))
    series = found.series["subject_consistency_clip_to_clip"]
    assert series.frames.tolist() == [8, 12] and series.values.mean() == pytest.approx(subject, rel=1e-5)
    assert found.series["background_consistency_clip_to_clip"].values.mean() == pytest.approx(background, rel=1e-5)
    assert 0 < subject < 1 and 0 < background < 1


def test_the_joint_score_is_half_of_each_and_a_single_clip_is_taken_alone() -> None:
    rng = np.random.default_rng(0)
    inside, firsts = rng.random((20, 4)), rng.random((3, 4))
    features = {DinoFrames().name: {"embedding": inside}, DinoV2Starts().name: {"embedding": firsts}}
    clip = Clip(Path("a.mp4"), "", Fraction(4), Size(8, 8), tuple(k / 4 for k in range(20)), 5.0)
    (value,) = SubjectFused()(Evidence(clip, features)).values
    parts = [published_consistency(torch.from_numpy(inside[a:b])) for a, b in ((0, 8), (8, 16), (12, 20))]
    between = published_consistency(torch.from_numpy(firsts))
    table = Path(dreamsim.__file__).parent.parent / "vbench" / "long_tables.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    column = rows[0].index("subject")
    low = int(between * 100)
    here, there = (float(rows[1 + low + step][column]) for step in (0, 1))
    mapped = here + (there - here) * (between * 100 - low)
    assert value == pytest.approx(0.5 * np.mean(parts) + 0.5 * mapped)
    short = Clip(Path("a.mp4"), "", Fraction(4), Size(8, 8), tuple(k / 4 for k in range(5)), 1.25)
    assert clips(short.frames, short.fps) == [(0, 5)]
    alone = Evidence(short, {DinoFrames().name: {"embedding": inside[:5]}})
    assert [feature.name for feature in SubjectFused().features(alone)] == [DinoFrames().name]
    assert SubjectFused()(alone).values.tolist() == [pytest.approx(published_consistency(torch.from_numpy(inside[:5])))]
    with pytest.raises(DroppedOut, match="one clip of 2 seconds"):
        SubjectClipToClip().features(alone)


def test_without_weights_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    said: dict[str, Any] = {kind.name: kind().available() for kind in (SubjectClipToClip, BackgroundClipToClip)}
    assert str(said["subject_consistency_clip_to_clip"]).endswith("keepframe weights fetch dinov2-vitb14")
    assert str(said["background_consistency_clip_to_clip"]).endswith("keepframe weights fetch dreamsim dino-vitb16")


@pytest.mark.skipif(RECIPES["vbench"].missing() is not None, reason="needs: keepframe isolate vbench")
@pytest.mark.box
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_dreamsim_is_the_published_package(tmp_path: Path) -> None:
    """Full size, random numbers: the package writes and reads the LoRA file, ours reads the same files from a zip."""
    full = {"width": 768, "depth": 12, "patch": 16, "positions": 197}
    torch.save(proof_weights._numbers(Dino(Build(**full)), 1), tmp_path / "dino.pth")
    for seed, name in enumerate((dreamsim.CLIP, dreamsim.OPEN_CLIP), 2):
        state = proof_weights._numbers(Dino(Build(**full, eps=1e-5, normed_first=True)), seed)
        head = torch.randn(768, 512, generator=torch.Generator().manual_seed(seed)) / 28
        torch.save({"state_dict": state | {"proj": head}}, tmp_path / name)
    pictures = torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    torch.save(pictures, tmp_path / "pictures.pt")
    program = Path(__file__).with_name("published_dreamsim.py")
    done = subprocess.run([RECIPES["vbench"].python, program, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with zipfile.ZipFile(tmp_path / "dreamsim.zip", "w") as archive:
        for path in (tmp_path / dreamsim.CLIP, tmp_path / dreamsim.OPEN_CLIP, *(tmp_path / "ensemble_lora").iterdir()):
            archive.write(path, path.relative_to(tmp_path))
    theirs = torch.load(tmp_path / "embeddings.pt", weights_only=True)
    with torch.no_grad():
        ours = dreamsim.read(tmp_path / "dreamsim.zip", tmp_path / "dino.pth")(pictures)
    difference = ((ours - theirs).norm(dim=1) / theirs.norm(dim=1)).max().item()
    print(f"DreamSim: relative difference of the embeddings {difference:.1e}")
    assert ours.shape == (3, 1792) and difference < 1e-5
    assert (theirs[0] - theirs[1]).norm() > 1e-2  # the pictures are told apart
