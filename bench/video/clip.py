"""From a path to a `Clip`: what a file is, down to the exact time of every frame, without keeping a picture."""

from pathlib import Path

from bench.digest import digest_file
from bench.types import Clip, Size
from bench.video.timeline import timeline


def probe(path: Path) -> Clip:
    """Read a video file from end to end once, and describe it.

    MP4, MOV, Matroska and WebM are not decoded for it (except their first frame); other containers are, since
    their timestamps cannot be trusted. The size is the displayed one: rotation is applied. Pixels are taken
    as stored: a sample aspect ratio other than 1:1 is ignored, as OpenCV and decord do.

    Raises `VideoError`, naming the file and the way out, if it is missing, unreadable, empty, cut short, not a
    video, sound only, or holds no frame that decodes.

    >>> import tempfile
    >>> from bench.video.stamped import write_stamped
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = probe(write_stamped(Path(folder) / "a.mp4", "ntsc"))
    >>> clip.frames, str(clip.fps), str(clip.size), clip.times_s[30]
    (96, '30000/1001', '320x240', 1.001)
    """
    line = timeline(path)
    width, height = (line.height, line.width) if line.rotation % 180 else (line.width, line.height)
    return Clip(
        path=path,
        digest=digest_file(path),
        fps=line.fps,
        size=Size(width, height),
        times_s=line.times_s,
        duration_s=line.duration_s,
    )
