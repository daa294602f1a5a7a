"""VP8 and VP9 keep reference frames that are never shown. Only a two-pass encoder makes them, so FFmpeg's
command line, from another build than PyAV's, writes these films."""

import subprocess

import av
import numpy as np
import pytest
from unit.stamped_files import stamped

from bench.types import Size
from bench.video.clip import probe
from bench.video.read import read_frames, stream
from bench.video.stamped import FRAMES, read_stamp


@pytest.fixture(scope="module", params=["libvpx", "libvpx-vp9"])
def with_hidden_frames(request, tmp_path_factory):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    folder = tmp_path_factory.mktemp("hidden")
    source, path = stamped("prores").path, folder / f"{request.param}.webm"
    options = f"-c:v {request.param} -b:v 300k -deadline good -cpu-used 4 -auto-alt-ref 1 -lag-in-frames 16 -g 48"
    for number, target in (("1", "-f null -"), ("2", str(path))):
        command = [ffmpeg, "-y", "-v", "error", "-i", str(source), "-pix_fmt", "yuv420p", *options.split()]
        subprocess.run([*command, "-pass", number, *target.split()], check=True, cwd=folder)
    return path


def test_hidden_frames_are_not_counted(with_hidden_frames) -> None:
    clip = probe(with_hidden_frames)
    size = Size(160, 120)
    with av.open(str(with_hidden_frames)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    superframes = [packet for packet in packets if packet[-1] >> 5 == 0b110]  # VP9: a hidden frame and a shown one
    assert len(packets) > FRAMES or superframes, "the encoder made no hidden frame: the test proves nothing"
    assert clip.frames == FRAMES
    assert [read_stamp(f) for f in np.concatenate(list(stream(clip, size=size)))] == list(range(FRAMES))
    wanted = [90, 1, 47, 48, 49, 15, 16]
    assert [read_stamp(f) for f in read_frames(clip, wanted, size=size)] == wanted
