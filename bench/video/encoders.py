"""What has to be told to x264 and x265, wherever we use them (measured with PyAV 18.1.0).

x264's AVX-512 code reads memory that nobody wrote: 24 frames of 416x240 became 14,712 or 15,860 bytes depending on
what the heap held. So it is asked for AVX2, and equal frames give equal bytes.

Our conversion puts chroma in the middle of its four pixels. Unless the stream says so, decoders assume the left edge
for H.264 and HEVC, which costs up to 11 dB on colourful detail; AV1 decoders assume nothing.
"""

import cv2

CHROMA_IN_THE_MIDDLE = "chromaloc=1"
_CPU_AVX2 = 11  # OpenCV's number for it (CV_CPU_AVX2)
# asked for only where it exists: x264 runs what it is told to run, and knows the name on x86 only
WITHOUT_AVX512 = ":asm=avx2" if cv2.checkHardwareSupport(_CPU_AVX2) else ""

X264_PARAMS = CHROMA_IN_THE_MIDDLE + WITHOUT_AVX512
X265_PARAMS = f"{CHROMA_IN_THE_MIDDLE}:log-level=none"
