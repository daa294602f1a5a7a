"""`keepframe doctor`: is this machine fit to make numbers that can be trusted?

The heart of it is the stamped-clip check: small videos whose pixels say which frame they are, written and read
here, with the codecs of this machine. A reader that is off by one frame shows up as wrong, not as a bit worse.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from pathlib import Path
from typing import Literal, NamedTuple

Verdict = Literal["good", "note", "bad"]

PACKAGES = ("numpy", "av", "opencv-python-headless", "pyarrow", "duckdb", "pydantic", "altair")
OPTIONAL = {"streamlit": "board", "imageio-ffmpeg": "vmaf", "lpips": "lpips", "torch": "lpips", "decord": "decord"}
ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "ffv1")
ROOM_BYTES = 2 << 30  # a quickstart needs about a tenth of this
STAMPED = ("h264-bframes", "hevc-open-gop", "vp9", "av1", "vfr")


class Finding(NamedTuple):
    verdict: Verdict
    what: str
    detail: str


def examine(store: Path) -> Iterator[Finding]:
    """The findings one by one; the slow ones come last."""
    yield _python()
    yield _whose_bench()
    yield from _packages()
    yield _codecs()
    yield _disk(store)
    yield from _stamped()


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("good" if sys.version_info >= (3, 11) else "bad", "python", found)


def _whose_bench() -> Finding:
    """`bench` is a common name: another distribution may install a package of it over ours."""
    import bench

    owners = set(packages_distributions().get("bench", [])) - {"keepframe"}
    place = str(Path(bench.__file__).parent)
    if owners:
        return Finding(
            "bad",
            "bench",
            f"{place} may belong to {', '.join(sorted(owners))}: "
            "pip uninstall it, then pip install --force-reinstall keepframe",
        )
    if not hasattr(bench, "__version__") or not (Path(place) / "digest.py").exists():
        return Finding("bad", "bench", f"{place} is not Keepframe's: pip install --force-reinstall keepframe")
    try:
        installed = distribution("keepframe").version
    except PackageNotFoundError:
        return Finding("note", "bench", f"{place}, not installed: pip install -e .")
    return Finding("good", "bench", f"keepframe {installed}, {place}")


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        yield Finding("good", name, version(name))
    for name, extra in OPTIONAL.items():
        try:
            yield Finding("good", name, version(name))
        except PackageNotFoundError:
            yield Finding("note", name, f"not installed; pip install 'keepframe[{extra}]' if you want it")
    both = [name for name in ("decord", "decord2") if _installed(name)]
    if len(both) == 2:
        yield Finding("bad", "decord", "decord and decord2 overwrite each other: pip uninstall decord2")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _codecs() -> Finding:
    import av

    missing = []
    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            missing.append(name)
    if missing:
        return Finding(
            "note", "encoders", f"this PyAV lacks {', '.join(missing)}; the codec memories that need them will fail"
        )
    return Finding("good", "encoders", ", ".join(ENCODERS))


def _disk(store: Path) -> Finding:
    place = store.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return Finding("good" if free > ROOM_BYTES else "note", "disk", f"{free / 1e9:.0f} GB free for {store}")


def _stamped() -> Iterator[Finding]:
    from bench.video.stamped import check_exactness

    with tempfile.TemporaryDirectory() as folder:
        for row in check_exactness(Path(folder), kinds=STAMPED):
            exact = (
                "every frame is the one asked for"
                if not row.wrong
                else "READ WRONG: results of this machine cannot be trusted"
            )
            yield Finding(
                "bad" if row.wrong else "good",
                f"reads {row.kind}",
                f"{row.looked_up - row.wrong} of {row.looked_up}: {exact}",
            )
