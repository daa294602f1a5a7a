"""What has to be told to x264 and x265, wherever we use them (measured with PyAV 18.1.0).

x264's AVX-512 code reads memory that nobody wrote: 24 frames of 416x240 became 14,712 or 15,860 bytes depending on
what the heap held. So it is asked for AVX2, and equal frames give equal bytes.

Our conversion puts chroma in the middle of its four pixels. Unless the stream says so, decoders assume the left edge
for H.264 and HEVC, which costs up to 11 dB on colourful detail; AV1 decoders assume nothing.

SVT-AV1, run by root, makes itself and the thread that opens it real-time (SCHED_FIFO, 99): from then on this process
and every process that it starts run before everything else on the machine.
"""

import os
from contextlib import suppress
from pathlib import Path

import cv2

CHROMA_IN_THE_MIDDLE = "chromaloc=1"
_CPU_AVX2 = 11  # OpenCV's number for it (CV_CPU_AVX2)
# asked for only where it exists: x264 runs what it is told to run, and knows the name on x86 only
WITHOUT_AVX512 = ":asm=avx2" if cv2.checkHardwareSupport(_CPU_AVX2) else ""

X264_PARAMS = CHROMA_IN_THE_MIDDLE + WITHOUT_AVX512
X265_PARAMS = f"{CHROMA_IN_THE_MIDDLE}:log-level=none"


def ordinary_priority() -> None:
    """Take back what SVT-AV1 does to this process; to be called once its encoder is open."""
    if not hasattr(os, "sched_setscheduler") or os.geteuid() != 0:
        return
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has just ended
            if os.sched_getscheduler(int(thread.name)) == os.SCHED_FIFO:
                os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
