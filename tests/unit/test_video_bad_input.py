"""Whatever a folder of videos may hold: a clear error that names the file and the way out, or the right frames."""

import os
import pickle
import wave
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from unit.stamped_files import stamped

from bench.errors import UsageError, VideoError
from bench.types import Size
from bench.video.clip import probe
from bench.video.read import frame_at, read_at, read_frames, stream
from bench.video.stamped import read_stamp, write_stamped
from bench.video.write import write_video

SMALL = Size(160, 120)


def of_stamped(kind: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        source = stamped(kind).path
        target = folder / f"bad{source.suffix}"
        target.write_bytes(change(source.read_bytes()))
        return target

    return make


def of_bytes(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def faststart_cut(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    path = write_video(folder / "whole.mp4", [rng.integers(0, 256, (12, 48, 64, 3), np.uint8)], 24)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    (folder / "bad.mp4").write_bytes(data[: len(data) * 2 // 3])
    return folder / "bad.mp4"


def sound_only(folder: Path) -> Path:
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    return folder / "sound.wav"


def album(folder: Path) -> Path:
    """Sound with a cover picture, which FFmpeg lists as a video stream."""
    path = folder / "album.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        block = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        block.sample_rate = 8000
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


def picture(folder: Path) -> Path:
    cv2.imwrite(str(folder / "still.png"), np.zeros((32, 32, 3), np.uint8))
    return folder / "still.png"


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "none.mp4", "no such file"),
    "folder": (lambda folder: folder, "is a folder"),
    "empty": (of_bytes("empty.mp4", b""), "is empty"),
    "text named mp4": (of_bytes("text.mp4", b"these are words\n" * 99), "is not a video"),
    "text": (of_bytes("text.txt", b"these are words\n" * 99), "is not a video"),
    "noise": (of_bytes("noise.mkv", np.random.default_rng(0).bytes(50_000)), "is not a video"),
    "picture": (picture, "is not a video"),
    "sound": (sound_only, "has sound but no video"),
    "sound with a cover": (album, "has sound but no video"),
    "cut mp4, index first": (faststart_cut, "is cut short"),
    "cut mp4, index last": (of_stamped("h264-bframes", lambda data: data[: len(data) // 2]), "is cut short"),
    "cut mkv": (of_stamped("ntsc-mkv", lambda data: data[: len(data) // 2]), "is cut short"),
    "cut webm": (of_stamped("vp9", lambda data: data[:-100]), "is cut short"),
    "cut avi": (of_stamped("avi", lambda data: data[: len(data) // 2]), "is cut short"),
    "header alone": (of_stamped("h264-bframes", lambda data: data[:32]), "is cut short"),
    "first frames gone": (of_stamped("h264-bframes", lambda data: zeroed(data, 0.0, 0.3)), "damaged"),
}


def zeroed(data: bytes, start: float, end: float) -> bytes:
    """An mp4 with a part of its pictures overwritten by zeros; start and end as shares of the media data."""
    at = data.index(b"mdat") + 4
    length = int.from_bytes(data[at - 8 : at - 4], "big") - 8
    first, last = at + int(length * start), at + int(length * end)
    return data[:first] + bytes(last - first) + data[last:]


@pytest.mark.parametrize("case", BAD)
def test_the_error_names_the_file_the_cause_and_the_way_out(case: str, tmp_path: Path) -> None:
    make, cause = BAD[case]
    path = make(tmp_path)
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert str(path) in caught.value.what
    assert cause in caught.value.what
    assert caught.value.mend
    assert pickle.loads(pickle.dumps(caught.value)).what == caught.value.what


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = of_bytes("secret.mp4", b"x")(tmp_path)
    path.chmod(0)
    with pytest.raises(VideoError, match=r"no permission.*\n.*chmod u\+r"):
        probe(path)


def test_no_permission_as_any_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = of_bytes("secret.mp4", b"x")(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(VideoError, match="no permission"):
        probe(path)


@pytest.mark.parametrize("kind", ["h264-bframes", "h264-long-gop", "hevc-open-gop", "av1", "ntsc-mkv"])
def test_damage_inside_never_gives_a_wrong_frame(kind: str, tmp_path: Path) -> None:
    good = stamped(kind)
    with av.open(str(good.path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    position, size = max(packets[40:56], key=lambda packet: packet[1])
    data = bytearray(good.path.read_bytes())
    data[position + 40 : position + size] = bytes(size - 40)
    path = tmp_path / f"bad{good.path.suffix}"
    path.write_bytes(data)
    clip = probe(path)
    truth = np.concatenate(list(stream(good, size=SMALL)))
    refused = 0
    for index in range(1, clip.frames, 5):  # fewer in Matroska: what does not parse is a hole in its times
        try:
            shown = truth[frame_at(good, clip.times_s[index])]
            assert np.array_equal(read_frames(clip, [index], size=SMALL)[0], shown)
        except VideoError as error:
            assert str(path) in error.what and "frame" in error.what
            refused += 1
    assert 0 < refused < 19  # what lies in other groups of pictures is still readable
    with pytest.raises(VideoError, match="frame"):
        list(stream(clip, size=SMALL))


def test_a_file_that_changes_after_the_probe_is_noticed(tmp_path: Path) -> None:
    path = write_stamped(tmp_path / "a", "h264-bframes")
    clip = probe(path)
    path.write_bytes(stamped("vfr").path.read_bytes())
    with pytest.raises(VideoError, match="changed"):
        read_frames(clip, [0])


def test_a_name_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / 'file: it\'s a "clip" %03d #1 ?*[é 漢字].mp4'
    path.write_bytes(stamped("h264-bframes").path.read_bytes())
    assert read_stamp(read_frames(probe(path), [50])[0]) == 50


def test_a_colon_in_a_relative_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("http:a.mp4").write_bytes(stamped("h264-bframes").path.read_bytes())
    assert probe(Path("http:a.mp4")).frames == 96


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_one_frame_is_a_video(suffix: str, tmp_path: Path) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    path = write_video(tmp_path / f"one{suffix}", [np.full((1, 48, 64, 3), 99, np.uint8)], 24, codec=codec)
    clip = probe(path)
    assert (clip.frames, clip.times_s, clip.fps) == (1, (0.0,), 24)
    assert clip.duration_s == pytest.approx(1 / 24)
    assert abs(int(read_at(clip, [0.0, 0.02]).mean()) - 99) <= 1


@pytest.mark.parametrize("at_s", [-0.01, 4.0, 1e9, float("nan")])
def test_moments_outside_are_refused(at_s: float) -> None:
    with pytest.raises(VideoError, match="no frame at"):
        frame_at(stamped("h264-bframes"), at_s)


@pytest.mark.parametrize("index", [-1, 96])
def test_numbers_outside_are_refused(index: int) -> None:
    clip = stamped("h264-bframes")
    with pytest.raises(VideoError, match=f"no frame {index}"):
        read_frames(clip, [index])
    with pytest.raises(VideoError, match=f"no frame {index}"):
        stream(clip, [index])


def test_a_stream_goes_forward_only() -> None:
    with pytest.raises(UsageError, match="ascending"):
        stream(stamped("h264-bframes"), [1, 0])
