"""`keepframe generate` as it is typed, on tiny random weights: files, exit codes, and what is said of bad input."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from e2e.test_cli import keepframe
from tiny_checkpoints import write_backbone, write_history, write_tiny

from bench.checkpoints.history_args import HistoryArgs
from bench.types import Size
from bench.video.clip import probe
from bench.video.read import read_frames
from bench.video.write import write_video
from runners.trial import synthetic_history

torch.set_num_threads(1)
BOARD = """
[characters]
Mira = "a woman in a green coat"

[[prompt]]
at_s = 0.0
text = "{Mira} walks through a park."

[[prompt]]
at_s = 3.0
text = "{Mira} sits down."

[[prompt]]
at_s = 90.0
text = "Night."
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    folder = write_tiny(root)
    parents = write_backbone(folder)
    one = write_history(folder, "history-2x2x2", HistoryArgs("2x2x2"), parents)
    args = HistoryArgs("2x2x2", stage=2, window=2)
    write_history(folder, "history-2x2x2-ar", args, {**parents, "stage-one": one}, seed=2)
    return root


@pytest.fixture(autouse=True)
def tiny(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(root))
    yield


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(BOARD)
    return path


def clip(folder: Path, frames: int) -> Path:
    return write_video(folder / f"{frames}.mkv", [synthetic_history(frames, Size(65, 39))], 12, codec="ffv1")


def test_a_storyboard_becomes_a_video(board: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    args = ("generate", board, "--memory", "history:2x2x2", "--seconds", 5, "--steps", 1, "-o", path, "--json")
    done = keepframe(*args)
    assert done.returncode == 0, done.stderr
    made = probe(path)
    assert (made.frames, made.fps, made.size) == (40, 8, Size(64, 32))
    assert "1 of 3 prompts begin after 5 s" in done.stdout
    assert "generating: 40/40" in done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["frames"], told["history_tokens"]) == (40, 0)
    first = path.read_bytes()
    assert keepframe(*args).returncode == 0
    assert path.read_bytes() == first, "the same seed gives the same file"
    assert keepframe(*args, "--seed", 1).returncode == 0
    assert path.read_bytes() != first


def test_it_goes_on_from_the_end_of_a_clip(board: Path, tmp_path: Path) -> None:
    def made(frames: int) -> tuple[int, np.ndarray]:
        done = keepframe(
            "generate", board, "--memory", "history:2x2x2", "--seconds", 2, "--steps", 1, "-o", tmp_path / "o.mp4",
            "--history", clip(tmp_path, frames), "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        video = probe(tmp_path / "o.mp4")
        return json.loads(done.stdout.splitlines()[-1])["history_tokens"], read_frames(video, range(video.frames))

    tokens, frames = made(40)  # 27 frames at 8 per second: 7 latents, of which 6 fill 3 blocks of 2 tokens
    assert tokens == 6
    assert frames.shape == (16, 32, 64, 3)
    assert not np.array_equal(frames, made(70)[1])


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (["--memory", "history:9x9x9"], 1, "no weights at"),
        (["--memory", "keyframes"], 2, "Write history:RATE"),
        (["--memory", "history:2x2"], 2, "not a rate"),
        (["--steps", "0"], 2, "Take 1 step or more"),
        (["--seconds", "0"], 2, "is no video"),
        (["--output", "out.gif"], 2, "unknown video suffix"),
        (["--checkpoint", "history-1x1x1"], 1, "was trained at 1x1x1"),
        (["--history", "nowhere.mp4"], 1, "nowhere.mp4"),
    ],
)
def test_what_is_wrong_is_said(board: Path, tmp_path: Path, change: list[str], code: int, says: str) -> None:
    given = {"--memory": "history:2x2x2", "--seconds": "2", "--output": "out.mp4", "--steps": "1"}
    given |= dict([change])
    flat = [part for pair in given.items() for part in pair]
    done = keepframe("generate", board, *flat, cwd=tmp_path)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert not list(tmp_path.glob("*out*"))


def test_a_storyboard_out_of_order_and_a_clip_too_short_are_said(board: Path, tmp_path: Path) -> None:
    args = ["--memory", "history:2x2x2", "--seconds", 2, "--steps", 1, "-o", tmp_path / "o.mp4"]
    done = keepframe("generate", board, *args, "--history", clip(tmp_path, 15))
    assert done.returncode == 2
    assert "shorter than one section of 13 frames" in done.stderr
    board.write_text(BOARD.replace("90.0", "1.0"))
    done = keepframe("generate", board, *args)
    assert done.returncode == 2
    assert "not after the one before it" in done.stderr


def test_weights_that_are_cut_short_or_of_another_config_are_said(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny(tmp_path)
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(tmp_path))
    path = folder / "history-2x2x2.safetensors"
    args = ["--memory", "history:2x2x2", "--checkpoint", "history-2x2x2", "--seconds", 2, "-o", tmp_path / "o.mp4"]
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert "cut short" in keepframe("generate", board, *args).stderr
    (length,) = struct.unpack("<Q", whole[:8])
    path.write_bytes(
        whole[:8] + whole[8 : 8 + length].replace(b'\\"heads\\":2', b'\\"heads\\":4') + whole[8 + length :]
    )
    assert "heads: 4 in the file, 2 wanted" in keepframe("generate", board, *args).stderr
