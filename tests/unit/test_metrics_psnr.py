"""PSNR against scikit-image, against exact integers, and at its cap."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from bench.errors import KeepframeError
from suites.metrics import psnr
from suites.metrics.frames import check_pair

Frames = np.ndarray


def noisy(seed: int, shape: tuple[int, ...] = (3, 37, 53, 3), strength: int = 20) -> tuple[Frames, Frames]:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 256, shape, np.uint8)
    noise = rng.integers(-strength, strength + 1, shape)
    return true, np.clip(true + noise, 0, 255).astype(np.uint8)


def test_equals_scikit_image_frame_by_frame() -> None:
    true, seen = noisy(0)
    expected = [peak_signal_noise_ratio(x, y, data_range=255) for x, y in zip(true, seen, strict=True)]
    np.testing.assert_allclose(psnr(true, seen), expected, rtol=1e-14)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), strength=st.integers(1, 255))
def test_the_sum_of_squares_is_the_exact_integer(seed: int, strength: int) -> None:
    true, seen = noisy(seed, (1, 33, 65, 3), strength)
    squares = int(((true.astype(np.int64) - seen) ** 2).sum())
    expected = 10 * math.log10(255**2 * true.size / squares) if squares else math.inf
    assert psnr(true, seen, cap_db=math.inf)[0] == expected


def test_frames_are_never_pooled() -> None:
    true = np.zeros((2, 8, 8, 3), np.uint8)
    seen = true.copy()
    seen[0] += 1
    seen[1] += 10
    np.testing.assert_allclose(psnr(true, seen), [10 * math.log10(255**2), 10 * math.log10(255**2 / 100)])


def test_an_exact_copy_scores_the_cap_and_no_frame_scores_more() -> None:
    true = np.zeros((2, 100, 100, 3), np.uint8)
    seen = true.copy()
    seen[1, 0, 0, 0] = 1
    assert psnr(true, seen).tolist() == [60.0, 60.0]
    uncapped = psnr(true, seen, cap_db=math.inf)
    assert uncapped[0] == math.inf and uncapped[1] == pytest.approx(10 * math.log10(255**2 * 30_000))


def test_views_and_an_empty_batch() -> None:
    true, seen = noisy(1)
    flipped = np.s_[:, ::-1, ::2, ::-1]
    np.testing.assert_array_equal(psnr(true[flipped], seen[flipped]), psnr(true[flipped].copy(), seen[flipped].copy()))
    assert psnr(true[:0], seen[:0]).shape == (0,)


GOOD = np.zeros((2, 16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("reference", "recalled", "words"),
    [
        (GOOD, GOOD[:1], r"recalled frames have shape \(1, 16, 16, 3\), the reference \(2, 16, 16, 3\)"),
        (GOOD, GOOD[:, :8], "one frame for each moment asked, in the size of the clip"),
        (GOOD.astype(np.float32), GOOD, "reference frames have dtype float32"),
        (GOOD, GOOD.astype(np.int16), "recalled frames have dtype int16"),
        (GOOD[0], GOOD[0], r"shape \(16, 16, 3\)"),
        (GOOD, np.zeros((2, 3, 16, 16), np.uint8), r"shape \(2, 3, 16, 16\)"),
        (GOOD, [1, 2], "are a list"),
        (GOOD, None, "are a NoneType"),
    ],
)
def test_what_cannot_be_compared_is_refused(reference: object, recalled: object, words: str) -> None:
    with pytest.raises(KeepframeError, match=words):
        check_pair(reference, recalled)


def test_the_public_functions_refuse_it_too_and_load_no_torch() -> None:
    """In an interpreter of its own: there the tests' type checker does not speak first."""
    program = """
import sys
import numpy as np
from suites.metrics import ms_ssim, psnr, ssim
assert "torch" not in sys.modules and "cv2" not in sys.modules
from bench.errors import KeepframeError
frames = np.zeros((1, 176, 176, 3), np.uint8)
for metric in (psnr, ssim, ms_ssim):
    metric(frames, frames)
    for wrong in (frames[0], frames / 255, frames[:, :100], frames[:0], None):
        try:
            metric(frames, wrong)
        except KeepframeError:
            continue
        raise SystemExit(f"{metric} took {wrong!r}")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
