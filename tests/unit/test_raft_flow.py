"""RAFT with shared encoders against torchvision's own forward, and VBench's rules against their text."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import weights
from bench.errors import KeepframeError
from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.write import VideoWriter
from suites.dynamics.degree import DynamicDegree, FlowSpeed, StaticFilter, is_moving, is_static
from suites.dynamics.flow import SampledFlow
from suites.dynamics.raft import converted, empty, encode, flow, load, top_speed
from suites.dynamics.raft_steps import Steps
from suites.features.judge import judge
from suites.features.protocols import Evidence
from tests.unit.opencv_frames import opencv_frames

SMALL = Size(136, 128)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(5)
    found = empty()
    for module in found.modules():  # a fresh batch norm is the identity and would prove little
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return found


def picture(shift: int) -> np.ndarray:
    y, x = np.mgrid[:133, :150]
    waves = 128 + 100 * np.sin((x[..., None] - shift) / np.array([5.0, 7.0, 9.0]) + y[..., None] / 6.0)
    return waves.astype(np.uint8)


def test_flows_are_those_of_torchvisions_own_forward(model: Any) -> None:
    frames = [picture(shift) for shift in (0, 3)]
    steps = Steps(model)
    encoded = [encode(steps, frame) for frame in frames]
    ours = flow(steps, encoded[0], encoded[1], updates=3)
    # independent of our padding: 133 pads by 1 and 2 rows, 150 by 1 column on both sides
    padded = [np.pad(frame, ((1, 2), (1, 1), (0, 0)), mode="edge") for frame in frames]
    batch = [torch.from_numpy(frame).permute(2, 0, 1)[None] / 255.0 * 2 - 1 for frame in padded]
    with torch.no_grad():
        theirs = model(*batch, num_flow_updates=3)[-1][0].numpy()
    assert ours.shape == theirs.shape == (2, 136, 152)
    assert np.abs(theirs).max() > 0.01
    assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


def test_the_longest_vectors_are_those_of_a_full_sort() -> None:
    field = np.random.default_rng(3).normal(size=(2, 17, 23)).astype(np.float32)
    lengths = np.sort(np.hypot(field[0], field[1]).ravel())[::-1]
    assert top_speed(field, 0.05) == pytest.approx(lengths[: int(17 * 23 * 0.05)].mean(), rel=1e-6)


def test_vbenchs_threshold_and_count() -> None:
    size = Size(1280, 720)  # threshold 16.875
    for frames, count in ((16, 4), (40, 10), (10, 2), (14, 4)):  # 2.5 rounds to 2, 3.5 to 4
        below = np.full(frames - 1, 16.8)
        enough = below.copy()
        enough[:count] = 16.9
        assert is_moving(enough, size, frames)
        enough[0] = 16.8
        assert not is_moving(enough, size, frames)
    assert is_moving(np.zeros(1), size, 2)  # VBench's own edge
    assert not is_moving(np.zeros(0), size, 1)


def test_the_static_filters_rule() -> None:
    size, quiet = Size(512, 256), np.zeros(2)  # threshold 3, count 2 of 16 frames
    fast = np.array([3.1, 3.1, 0.0, 0.0])
    assert is_static(fast, quiet, size, 16)
    assert not is_static(np.array([3.1, 3.1, 3.1]), quiet, size, 16)
    assert is_static(fast, np.array([12.0, 12.0]), size, 16) and not is_static(fast, np.array([0.0, 12.1]), size, 16)


@pytest.fixture
def installed(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The random model lies where published weights would."""
    path = tmp_path / "raft.pth"
    torch.save(model.state_dict(), path)
    monkeypatch.setattr(weights, "path", lambda name: path)
    monkeypatch.setattr(weights, "digest", lambda name: "random")
    return path


def moving(path: Path, size: Size = SMALL, frames: int = 7) -> Clip:
    y, x = np.mgrid[: size.height, : size.width]
    with VideoWriter(path, Fraction(16), size) as out:
        for t in range(frames):
            frame = 128 + 100 * np.sin((x[..., None] - 3 * t) / np.array([5.0, 7.0, 9.0]) + y[..., None] / 6.0)
            out.write(frame.astype(np.uint8)[None])
    return probe(path)


def test_a_video_pair_by_pair(installed: Path, model: Any, tmp_path: Path) -> None:
    clip = moving(tmp_path / "m.mp4")
    found = judge([DynamicDegree(), FlowSpeed(), StaticFilter()], Evidence(clip))
    assert not found.failures and found.frames_decoded == clip.frames
    frames = opencv_frames(clip.path)[[0, 2, 4, 6]]  # 16 fps, every second frame
    batch = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255.0 * 2 - 1
    with torch.no_grad():
        flows = [model(batch[k : k + 1], batch[k + 1 : k + 2], num_flow_updates=20)[-1][0] for k in range(1)]
    lengths = torch.sort(flows[0].norm(dim=0).flatten(), descending=True).values
    expected = lengths[: int(lengths.numel() * 0.05)].mean().item() * 256 / 128
    speed = found.series["flow_speed"]
    assert speed.frames.tolist() == [0, 2, 4]
    assert speed.values[0] == pytest.approx(expected, rel=1e-4)


def test_tiny_videos_and_lone_frames_are_refused(installed: Path, tmp_path: Path) -> None:
    found = judge([DynamicDegree()], Evidence(moving(tmp_path / "s.mp4", Size(96, 96))))
    assert "121 pixels" in str(found.failures["dynamic_degree"])
    with pytest.raises(KeepframeError, match="one frame"):
        SampledFlow().frames(moving(tmp_path / "one.mp4", frames=1))


def test_without_weights_there_is_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    for metric in (DynamicDegree(), FlowSpeed(), StaticFilter()):
        missing = metric.available()
        assert missing is not None and missing.endswith("keepframe weights fetch raft")


def test_the_authors_names_become_torchvisions(model: Any) -> None:
    wanted = set(model.state_dict())
    names = {
        "fnet.layer2.0.downsample.0.weight": "feature_encoder.layer2.0.downsample.0.weight",
        "cnet.layer2.0.downsample.1.weight": "context_encoder.layer2.0.downsample.1.weight",
        "cnet.layer3.1.norm2.running_var": "context_encoder.layer3.1.convnormrelu2.1.running_var",
        "fnet.conv2.bias": "feature_encoder.conv.bias",
        "update_block.encoder.convf2.weight": "update_block.motion_encoder.convflow2.0.weight",
        "update_block.mask.2.bias": "mask_predictor.conv.bias",
    }
    found = converted({f"module.{name}": name for name in [*names, "cnet.layer2.0.norm3.weight"]})
    assert found == {new: old for old, new in names.items()} and set(found) <= wanted


def test_another_file_is_not_raft(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(KeepframeError, match="not RAFT-large"):
        load(tmp_path / "a.pth")
