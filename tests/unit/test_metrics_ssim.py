"""SSIM and MS-SSIM against textbook float64 and three published implementations, and the properties they must have."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import pytorch_msssim
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from bench.errors import KeepframeError
from suites.metrics import ms_ssim, ssim, structural
from suites.metrics.threads import VARIABLE, threads

Frames = np.ndarray


def footage(height: int, width: int, seed: int = 0, frames: int = 1) -> Frames:
    """Smooth shapes with some grain: the autocorrelation of a picture, roughly."""
    rng = np.random.default_rng(seed)
    grain = rng.normal(size=(frames, height, width, 3)).astype(np.float32)
    shapes = [cv2.GaussianBlur(frame, (0, 0), 5) * 700 + 128 for frame in grain]
    return np.clip(np.stack(shapes) + 4 * grain, 0, 255).astype(np.uint8)


def degraded(frames: Frames, sigma: float, seed: int = 1) -> Frames:
    noise = np.random.default_rng(seed).normal(size=frames.shape) * sigma
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


# The textbook, in float64 and with none of our shortcuts: five moments, a two-dimensional window, no strips.


def window() -> np.ndarray:
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    return np.outer(taps, taps) / taps.sum() ** 2


def textbook_maps(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    def mean(z: np.ndarray) -> np.ndarray:
        return fftconvolve(z, window(), mode="valid")

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    contrast = (2 * cov + c2) / (vx + vy + c2)
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    return float((luminance * contrast).mean()), float(contrast.mean())


def halved(z: np.ndarray) -> np.ndarray:
    z = np.pad(z, [(0, side % 2) for side in z.shape], mode="edge")
    return (z[::2, ::2] + z[1::2, ::2] + z[::2, 1::2] + z[1::2, 1::2]) / 4


def textbook(true: Frames, seen: Frames) -> tuple[float, float]:
    """SSIM and MS-SSIM of one frame `[height, width, 3]`."""
    first, products = [], []
    for channel in range(3):
        x, y, product = true[..., channel].astype(float), seen[..., channel].astype(float), 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            full, contrast = textbook_maps(x, y)
            if scale == 0:
                first.append(full)
            product *= max(full if scale == 4 else contrast, 0.0) ** weight
            x, y = halved(x), halved(y)
        products.append(product)
    return float(np.mean(first)), float(np.mean(products))


HARD = {
    "ordinary": lambda x: degraded(x, 8),
    "blurred": lambda x: np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in x]),
    "other": lambda x: footage(x.shape[1], x.shape[2], seed=99, frames=len(x)),
    "negative": lambda x: 255 - x,
    "darker": lambda x: x // 2,
    "one step off": lambda x: np.where(x < 255, x + 1, x).astype(np.uint8),
}


@pytest.mark.parametrize("recall", HARD.values(), ids=HARD)
@pytest.mark.parametrize("size", [(192, 256), (161, 175), (333, 162)])
def test_both_equal_the_textbook_in_float64(size: tuple[int, int], recall: object) -> None:
    true = footage(*size)
    seen = recall(true)  # type: ignore[operator]
    expected = textbook(true[0], seen[0])
    ours = structural(true, seen)
    np.testing.assert_allclose([ours["ssim"][0], ours["ms_ssim"][0]], expected, rtol=0, atol=1e-6)
    assert ssim(true, seen)[0] == ours["ssim"][0], "alone or together, the number is the same"
    assert ms_ssim(true, seen)[0] == ours["ms_ssim"][0]


@pytest.mark.parametrize("level", [0, 3, 128, 250, 255])
def test_flat_frames_lose_no_precision(level: int) -> None:
    """Bright and flat is where E[s^2] - mu^2 cancels in float32."""
    true = degraded(np.full((1, 176, 192, 3), level, np.uint8), 1.0, seed=2)
    seen = degraded(np.full((1, 176, 192, 3), level, np.uint8), 1.0, seed=3)
    ours = structural(true, seen)
    expected = textbook(true[0], seen[0])
    np.testing.assert_allclose([ours["ssim"][0], ours["ms_ssim"][0]], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(11, 11), (12, 40), (64, 91), (300, 33)])
def test_ssim_equals_scikit_image(size: tuple[int, int]) -> None:
    true = footage(*size)
    seen = degraded(true, 12)
    expected = structural_similarity(
        true[0],
        seen[0],
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        data_range=255,
    )
    assert ssim(true, seen)[0] == pytest.approx(expected, abs=1e-6)


def tensor(frames: Frames) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).double()


def test_ssim_is_torchmetrics_without_its_padded_border() -> None:
    true = footage(96, 128)
    seen = degraded(true, 12)
    padded, full = structural_similarity_index_measure(
        tensor(seen), tensor(true), data_range=255.0, return_full_image=True
    )
    assert ssim(true, seen)[0] == pytest.approx(full[..., 5:-5, 5:-5].mean().item(), abs=1e-6)
    assert abs(ssim(true, seen)[0] - padded.item()) > 1e-5, "the border is why torchmetrics' own mean differs"


def test_both_equal_pytorch_msssim() -> None:
    """On sides divisible by 16; on odd ones that package pads with zeros. Its window is float32: hence 1e-5."""
    true = footage(176, 208, frames=2)
    seen = degraded(true, 25)
    ours = structural(true, seen)
    options = {"data_range": 255, "size_average": False}
    np.testing.assert_allclose(
        ours["ssim"], pytorch_msssim.ssim(tensor(true), tensor(seen), **options), rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        ours["ms_ssim"], pytorch_msssim.ms_ssim(tensor(true), tensor(seen), **options), rtol=0, atol=1e-5
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(161, 200), width=st.integers(161, 200))
def test_identity_symmetry_and_range(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (2, 1, height, width, 3), np.uint8)
    assert [values.tolist() for values in structural(x, x).values()] == [[1.0], [1.0]]
    forth, back = structural(x, y), structural(y, x)
    for name in ("ssim", "ms_ssim"):
        assert forth[name] == back[name]
        assert -1 <= forth[name][0] < 1
    assert forth["ms_ssim"][0] >= 0


def test_more_noise_scores_less() -> None:
    true = footage(176, 176)
    scores = [structural(true, degraded(true, sigma)) for sigma in (0, 2, 5, 10, 20, 40)]
    for name in ("ssim", "ms_ssim"):
        values = [score[name][0] for score in scores]
        assert all(a > b for a, b in pairwise(values))


def test_a_score_depends_on_its_frame_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit: in a batch, alone, in another order, and whatever the number of threads."""
    true = footage(170, 181, frames=5)
    seen = degraded(true, 10)
    monkeypatch.setenv(VARIABLE, "1")
    together = structural(true, seen)
    for count in ("2", "3", "16"):
        monkeypatch.setenv(VARIABLE, count)
        for name, values in structural(true[::-1], seen[::-1]).items():
            np.testing.assert_array_equal(values[::-1], together[name])
    alone = [structural(true[i : i + 1], seen[i : i + 1]) for i in range(5)]
    for name, values in together.items():
        np.testing.assert_array_equal(values, [score[name][0] for score in alone])


def test_views_and_an_empty_batch() -> None:
    true = footage(40, 60, frames=2)
    view = true[:, ::-1, ::2, ::-1]
    np.testing.assert_array_equal(ssim(view, view // 2), ssim(view.copy(), view.copy() // 2))
    assert ssim(true[:0], true[:0]).shape == (0,)


def test_frames_too_small_for_the_window_are_refused() -> None:
    ssim(footage(11, 11), footage(11, 11))
    ms_ssim(footage(161, 161), footage(161, 161))
    with pytest.raises(KeepframeError, match=r"20x10 are too small for ssim: it needs at least 11 pixels"):
        ssim(footage(10, 20), footage(10, 20))
    with pytest.raises(KeepframeError, match=r"300x160 are too small for ms_ssim: it needs at least 161 pixels"):
        ms_ssim(footage(160, 300), footage(160, 300))


def test_threads_follow_the_variable_where_it_makes_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    assert threads() == 3
    for nonsense in ("", "0", "-2", "many"):
        monkeypatch.setenv(VARIABLE, nonsense)
        assert threads() >= 1


def test_a_score_is_the_same_to_the_last_bit_wherever_memory_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are compared for equality, and one worker must give what many give."""
    random = np.random.default_rng(5)
    pairs = random.integers(0, 256, (8, 2, 1, 64, 96, 3), dtype=np.uint8)
    allocate = np.empty
    scores: list[set[float]] = [set() for _ in pairs]
    for offset in range(0, 64, 4):

        def shifted(shape: tuple[int, ...], dtype: type = float, offset: int = offset) -> np.ndarray:
            count, item = int(np.prod(shape)), np.dtype(dtype).itemsize
            memory = allocate(count + 64, dtype)
            start = (offset - memory.ctypes.data) % 64 // item
            return memory[start : start + count].reshape(shape)

        monkeypatch.setattr(np, "empty", shifted)
        for seen, (true, recalled) in zip(scores, pairs, strict=True):
            seen.add(float(ssim(true, recalled)[0]))
        monkeypatch.undo()
    assert [len(seen) for seen in scores] == [1] * len(pairs)
