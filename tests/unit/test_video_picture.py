"""Colours, shapes and filters against formulas and OpenCV; memory against the size of a chunk."""

import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from unit.stamped_files import stamped

from bench.types import Clip, Size
from bench.video.clip import probe
from bench.video.picture import crop_window, letterbox
from bench.video.read import read_frames, stream
from bench.video.write import write_video

# AVColorSpace and AVColorRange, as in the H.273 standard, with the luma weights of red and blue.
MATRICES = {"bt601": (6, 0.299, 0.114), "bt709": (1, 0.2126, 0.0722), "bt2020": (9, 0.2627, 0.0593)}
RANGES = {"limited": 1, "full": 2}


def lossless(path: Path, planes: Callable[[int], np.ndarray], pixels: str, space: int, colour_range: int) -> Clip:
    """Three frames of given YUV planes, exactly as given, with colour tags."""
    with av.open(str(path), "w") as container:
        stream_ = container.add_stream("ffv1", rate=24)
        first = planes(0)
        stream_.height, stream_.width = first.shape[-2:]
        stream_.pix_fmt = pixels
        stream_.codec_context.colorspace, stream_.codec_context.color_range = space, colour_range
        for k in range(3):
            frame = av.VideoFrame.from_ndarray(planes(k), format=pixels)
            frame.colorspace, frame.color_range, frame.pts = space, colour_range, k
            container.mux(stream_.encode(frame))
        container.mux(stream_.encode(None))
    return probe(path)


def to_rgb(yuv: np.ndarray, red: float, blue: float, full: bool) -> np.ndarray:
    """The standards' equations (ITU-R BT.601, BT.709, BT.2020) in floats."""
    y, u, v = yuv.astype(float)
    y, u, v = (
        (y / 255, (u - 128) / 255, (v - 128) / 255) if full else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    )
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.clip(np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], -1) * 255, 0, 255)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("colour_range", RANGES)
def test_colours_follow_the_streams_tags(matrix: str, colour_range: str, tmp_path: Path) -> None:
    space, red, blue = MATRICES[matrix]
    rng = np.random.default_rng(1)
    blocks = rng.integers(60, 190, (3, 3, 6, 8), np.uint8)
    planes = blocks.repeat(16, 2).repeat(16, 3)
    clip = lossless(tmp_path / "a.mkv", lambda k: planes[k], "yuv444p", space, RANGES[colour_range])
    for k, frame in enumerate(read_frames(clip, [0, 1, 2])):
        assert np.abs(frame - to_rgb(planes[k], red, blue, colour_range == "full")).max() <= 1.0
    cropped = read_frames(clip, [2], size=Size(48, 48))[0]
    assert np.abs(cropped[3, 3] - to_rgb(planes[2], red, blue, colour_range == "full")[6, 22]).max() <= 1.0


def test_ten_bits_round_to_eight(tmp_path: Path) -> None:
    planes = [np.full((96, 64), value, np.uint16) for value in (64, 500, 940)]
    for plane in planes:
        plane[64:] = 512
    clip = lossless(tmp_path / "a.mkv", lambda k: planes[k], "yuv420p10le", 1, 1)
    assert [int(frame.mean() + 0.5) for frame in read_frames(clip, [0, 1, 2])] == [0, 127, 255]


def ramp(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards: every shift and turn shows."""
    picture = np.full((height, width, 3), 80, np.uint8)
    picture[..., 0] = np.linspace(20, 235, width).astype(np.uint8)
    picture[..., 1] = np.linspace(20, 235, height).astype(np.uint8)[:, None]
    return picture


@pytest.fixture(scope="module")
def ramp_clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("ramp") / "ramp.mkv"
    return probe(write_video(path, [ramp(320, 180)[None]], 24, codec="ffv1"))


@pytest.mark.parametrize("size", [Size(90, 90), Size(64, 100), Size(160, 40), Size(480, 480), Size(33, 57)])
def test_crop_covers_and_keeps_the_centre(ramp_clip: Clip, size: Size) -> None:
    x, y, width, height = crop_window(ramp_clip.size, size)
    assert (width == 320 or height == 180) and abs(width / height - size.width / size.height) < 0.05
    assert abs(2 * x + width - 320) <= 2 and abs(2 * y + height - 180) <= 2
    window = ramp(320, 180)[y : y + height, x : x + width]
    shrinks = size.width < width
    expected = cv2.resize(window, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    got = read_frames(ramp_clip, [0], size=size)[0]
    assert np.abs(got.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("size", [Size(90, 90), Size(160, 40), Size(33, 57)])
def test_pad_shows_everything_between_black_bars(ramp_clip: Clip, size: Size) -> None:
    inner = letterbox(ramp_clip.size, size)
    left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    expected = np.zeros((size.height, size.width, 3), np.uint8)
    expected[top : top + inner.height, left : left + inner.width] = cv2.resize(
        ramp(320, 180), inner, interpolation=cv2.INTER_AREA
    )
    got = read_frames(ramp_clip, [0], size=size, fit="pad")[0]
    assert np.abs(got.astype(int) - expected).max() <= 2
    assert np.array_equal(got == 0, expected == 0)


@pytest.mark.parametrize("rotation", ["rotated", "rotated-180", "rotated-270"])
@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_rotated_films_come_out_like_upright_ones(rotation: str, fit: str) -> None:
    upright = "h264-bframes" if rotation == "rotated-180" else "portrait"
    size = Size(100, 160)
    turned = read_frames(stamped(rotation), [7], size=size, fit=fit)[0].astype(int)
    straight = read_frames(stamped(upright), [7], size=size, fit=fit)[0].astype(int)
    assert np.abs(turned - straight).mean() < 4  # two encodings of one picture
    assert np.abs(turned[::-1, ::-1] - straight).mean() > 20


def test_shrinking_does_not_alias(tmp_path: Path) -> None:
    stripes = np.zeros((1, 240, 640, 3), np.uint8)
    stripes[:, :, ::2] = 255
    clip = probe(write_video(tmp_path / "stripes.mkv", [stripes], 24, codec="ffv1"))
    small = read_frames(clip, [0], size=Size(200, 75), fit="stretch")[0].astype(float)
    assert abs(small.mean() - 127.5) < 1
    assert small.std() < 25  # what area averaging over 3.2 pixels leaves; taking every third pixel gives 127
    assert small[:, :, 0].mean(0).reshape(-1, 5).mean(1).std() < 8  # and no slow beat


def test_pictures_are_what_ffmpeg_gives_with_accurate_settings() -> None:
    """Another build of FFmpeg, through its command line, gives the same bytes."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    clip = stamped("h264-bframes")
    flags = "area+full_chroma_int+accurate_rnd+bitexact"
    for size, fit, crop in (
        (clip.size, "stretch", ""),
        (Size(100, 74), "stretch", ""),
        (Size(80, 80), "crop", "crop=240:240:40:0,"),
        (Size(160, 90), "crop", "crop=320:180:0:30,"),
    ):
        filters = f"{crop}scale={size.width}:{size.height}:flags={flags},format=gbrp"
        command = [ffmpeg, "-v", "error", "-i", str(clip.path), "-vf", filters, "-f", "rawvideo", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        theirs = np.frombuffer(raw, np.uint8).reshape(clip.frames, 3, size.height, size.width)[:, [2, 0, 1]]
        ours = np.concatenate(list(stream(clip, size=size, fit=fit)))
        assert np.array_equal(ours, theirs.transpose(0, 2, 3, 1))


def test_streaming_holds_two_chunks_whatever_the_length() -> None:
    clip = stamped("h264-bframes")
    list(stream(clip, [0]))  # what is imported and cached once
    peaks = {}
    for frames in (16, 96):
        tracemalloc.start()
        for chunk in stream(clip, range(frames), chunk=4):
            size_bytes = chunk.nbytes
        peaks[frames] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[96] < peaks[16] + 100_000
    assert peaks[96] < 3 * size_bytes
