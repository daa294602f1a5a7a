"""Codecs: the bytes are a real bitstream at about the rate that was asked, and every frame is the right one."""

import io
import os
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest

from bench.errors import KeepframeError, UsageError
from bench.memories.bitstream import CODECS, RECIPES, CodecName, decode
from bench.memories.codec import Codec, CodecMemory
from bench.types import Size

FPS = 24.0
FRAMES = 72


def scene(frames: int = FRAMES, width: int = 208, height: int = 120) -> np.ndarray:
    """Soft clouds that change as they go: never the same picture twice, so there is always something to pay for."""
    draw = np.random.default_rng(0)
    clouds = draw.normal(0, 45, (height // 4, width // 4, 3))
    history = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        clouds = 0.95 * np.roll(clouds, 1, axis=1) + draw.normal(0, 14, clouds.shape)
        history[t] = np.clip(128 + cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)
    return history


def encoded(codec: CodecName, kbps: float, history: np.ndarray, fps: float = FPS) -> CodecMemory:
    encoder = Codec(codec=codec, bitrate_kbps=kbps)
    encoder.begin(fps, Size(history.shape[2], history.shape[1]))
    for start in range(0, len(history), 10):
        encoder.write(history[start : start + 10])
    return encoder.finish()


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


@pytest.mark.parametrize("codec", CODECS)
def test_bytes_are_near_the_rate_and_more_bytes_are_better(codec: CodecName) -> None:
    history = scene()
    asked = [i / FPS for i in range(0, FRAMES, 9)]
    scores = []
    for kbps in (80.0, 640.0):
        memory = encoded(codec, kbps, history)
        measured = len(memory.to_bytes()) * 8 / (FRAMES / FPS) / 1000
        assert 0.75 * kbps < measured < 1.35 * kbps
        scores.append(psnr(memory.recall(asked), history[::9]))
    assert scores[1] > scores[0] + 3


@pytest.mark.parametrize("codec", CODECS)
def test_colour_is_put_back_where_it_was(codec: CodecName) -> None:
    """With chroma half a pixel off, no rate lifts this picture above 31 dB."""
    history = scene(6)
    assert psnr(encoded(codec, 5000.0, history).recall([i / FPS for i in range(6)]), history) > 40


@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_is_the_right_one(codec: CodecName) -> None:
    """Each frame names itself by the place of a bright block, so B-frames in the wrong order would show."""
    history = np.full((40, 64, 96, 3), 60, np.uint8)
    for t in range(40):
        row, column = divmod(t, 8)
        history[t, row * 12 : row * 12 + 12, column * 12 : column * 12 + 12] = 230
    order = np.random.default_rng(1).permutation(40).tolist()
    recalled = encoded(codec, 400.0, history).recall([i / FPS for i in order])
    blocks = recalled[:, :60].mean(axis=-1).reshape(40, 5, 12, 8, 12).mean(axis=(2, 4)).reshape(40, 40)
    assert blocks.argmax(axis=1).tolist() == order


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [Size(1, 1), Size(33, 17), Size(17, 40), Size(67, 130)])
def test_any_size_comes_back_in_its_size(codec: CodecName, size: Size) -> None:
    history = np.full((3, size.height, size.width, 3), (200, 90, 30), np.uint8)
    recalled = encoded(codec, 100.0, history, fps=30000 / 1001).recall([0.0, 2 / 29.97])
    assert recalled.shape == (2, size.height, size.width, 3)
    assert np.abs(recalled.astype(int) - (200, 90, 30)).max() <= 6  # the border is picture, not padding


@pytest.mark.parametrize("codec", CODECS)
def test_the_bytes_are_a_stream_that_any_decoder_plays(codec: CodecName) -> None:
    memory = encoded(codec, 100.0, scene(12))
    with av.open(io.BytesIO(memory.stream), format=RECIPES[codec].format) as container:
        assert container.streams.video[0].codec_context.name in {codec, "libdav1d", "libaom-av1"}
        assert sum(1 for _ in container.decode(video=0)) == 12


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_encoder_does_not_sign_its_work(codec: CodecName) -> None:
    stream = encoded(codec, 100.0, scene(12)).stream
    assert b"x26" not in stream
    assert b"options" not in stream


@pytest.mark.parametrize("codec", CODECS)
def test_bytes_do_not_depend_on_what_the_heap_held(codec: CodecName) -> None:
    """glibc fills fresh memory with a byte of our choice: an encoder that reads what it never wrote shows."""
    script = (
        "import hashlib; from bench.memories.codec import Codec; from runners.trial import SIZE, synthetic_history;"
        f"encoder = Codec(codec={codec!r}); encoder.begin(12.0, SIZE); encoder.write(synthetic_history(24, SIZE));"
        "print(hashlib.sha256(encoder.finish().to_bytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"MALLOC_PERTURB_": fill},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for fill in ("1", "165")
    }
    assert len(digests) == 1


def test_nothing_wanted_decodes_nothing() -> None:
    assert decode(b"", "h264", set()) == {}


@pytest.mark.parametrize("codec", CODECS)
def test_a_stream_that_ends_early_is_an_error(codec: CodecName) -> None:
    stream = encoded(codec, 100.0, scene(12)).stream
    with pytest.raises(KeepframeError, match=codec):
        decode(stream[: len(stream) // 4], codec, {11})
    with pytest.raises(KeepframeError, match=codec):
        decode(b"no video here" * 20, codec, {0})


def test_a_codec_does_not_read_another_codecs_bytes() -> None:
    data = encoded("h264", 100.0, scene(3)).to_bytes()
    with pytest.raises(KeepframeError, match="kind '5'"):
        Codec(codec="hevc").from_bytes(data)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UsageError, match="bitrate_kbps = 0"):
        Codec(bitrate_kbps=0.0)
