"""One still picture as bytes, and what it costs.

WebP, because it is smaller than JPEG at the same quality, has a lossless mode behind the same call, and comes
with OpenCV, which the metrics need anyway.
"""

from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import UInt8

from bench.errors import KeepframeError, UsageError
from bench.types import Size

Picture: TypeAlias = UInt8[np.ndarray, "height width 3"]
LOSSLESS = 100
TOKEN_PIXELS = 16  # a side: the VAE shrinks by 8, patchify by 2


def check_quality(quality: int) -> int:
    """`quality` if it is 1 to 100, else UsageError."""
    if not 1 <= quality <= LOSSLESS:
        raise UsageError(f"quality = {quality} is outside 1 to 100.", "1 to 99 is lossy WebP, 100 is lossless.")
    return quality


def compress(picture: Picture, quality: int) -> bytes:
    """A picture (RGB) as WebP: lossy for quality 1 to 99, lossless for 100.

    >>> picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    >>> bool((decompress(compress(picture, quality=100)) == picture).all())
    True
    """
    setting = 101 if quality == LOSSLESS else quality  # OpenCV means lossless by a quality above 100
    done, data = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, setting])
    if not done:
        raise KeepframeError(f"A picture of shape {picture.shape} cannot be written as WebP.", "Resize the history.")
    return data.tobytes()


def decompress(data: bytes) -> Picture:
    """The picture (RGB) of WebP bytes. Raises KeepframeError for anything else."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise KeepframeError(f"{len(data)} bytes of a memory are not a WebP picture.", "Encode the history again.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def picture_tokens(size: Size) -> int:
    """What one picture costs a DiT: one token per 16x16 pixels (VAE 8x8, patchify 2x2), rounded down.

    Source: PFP (arXiv 2512.23851), where a 480p frame is 30x52 tokens. A picture below 16 pixels costs one.

    >>> picture_tokens(Size(832, 480))
    1560
    """
    return max(1, (size.width // TOKEN_PIXELS) * (size.height // TOKEN_PIXELS))
