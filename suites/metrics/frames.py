"""What every metric asks of its input, said once.

A metric compares the true frames with the recalled ones, position by position. The recalled frames come from a
plug-in that we did not write, so a wrong shape is the user's to mend and not a crash of ours.
"""

import numpy as np

from bench.errors import KeepframeError


def check_pair(reference: object, recalled: object, *, minimum_side: int = 1, metric: str = "this metric") -> None:
    """Refuse what cannot be compared frame by frame.

    Args:
        reference: the true frames, uint8 `[time, height, width, 3]`.
        recalled: the remembered frames, of the same type and shape.
        minimum_side: the smallest height or width, in pixels, that `metric` can score.
        metric: the name that the message uses.

    Raises:
        KeepframeError: one of the two is not such an array, their shapes differ, or the frames are too small.

    >>> frames = np.zeros((2, 8, 8, 3), np.uint8)
    >>> check_pair(frames, frames[:1])
    Traceback (most recent call last):
    bench.errors.KeepframeError: The recalled frames have shape (1, 8, 8, 3), the reference (2, 8, 8, 3).
      Return one frame for each moment asked, in the size of the clip.
    """
    for role, frames in (("reference", reference), ("recalled", recalled)):
        if not isinstance(frames, np.ndarray):
            raise KeepframeError(f"The {role} frames are a {type(frames).__name__}.", _WANTED)
        if frames.dtype != np.uint8:
            raise KeepframeError(f"The {role} frames have dtype {frames.dtype}.", _WANTED)
        if frames.ndim != 4 or frames.shape[3] != 3:
            raise KeepframeError(f"The {role} frames have shape {frames.shape}.", _WANTED)
    assert isinstance(reference, np.ndarray) and isinstance(recalled, np.ndarray)
    if reference.shape != recalled.shape:
        raise KeepframeError(
            f"The recalled frames have shape {recalled.shape}, the reference {reference.shape}.",
            "Return one frame for each moment asked, in the size of the clip.",
        )
    height, width = reference.shape[1:3]
    if min(height, width) < minimum_side:
        raise KeepframeError(
            f"Frames of {width}x{height} are too small for {metric}: it needs at least {minimum_side} pixels a side.",
            f"Score larger frames, or leave {metric} out of the metrics.",
        )


_WANTED = "Metrics take uint8 numpy arrays [time, height, width, 3], RGB, 0 to 255."
