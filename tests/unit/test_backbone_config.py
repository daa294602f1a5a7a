"""Shapes and rates against the numbers that the paper states."""

import subprocess
import sys
from fractions import Fraction

import pytest

from bench.backbones.config import shapes
from bench.backbones.rate import Rate
from bench.errors import UsageError
from bench.types import Size

P480 = Size(832, 480)

# rate, tokens/s at Wan 480p16, tokens of 20 s at Wan (whole blocks), tokens of 20 s at HunyuanVideo 480p24
PAPER = [
    ("1x1x1", 6240, 124_800, 187_200),
    ("4x4x2", 195, 3_640, 5_460),
    ("2x2x2", 780, 15_600, 23_400),
    ("2x2x4", 390, 7_800, 11_700),
    ("2x2x1", 1560, 31_200, 46_800),
    ("2x2x8", 195, 3_900, 5_850),
]


@pytest.mark.parametrize(("text", "per_s", "wan_20s", "hunyuan_20s"), PAPER)
def test_the_token_table_of_the_paper(text: str, per_s: int, wan_20s: int, hunyuan_20s: int) -> None:
    rate = Rate.parse(text)
    assert shapes("wan-14b").tokens_per_s(P480, Fraction(16), rate) == per_s
    assert shapes("wan-14b").memory_tokens(P480, 20 * 16, rate) == wan_20s
    assert shapes("hunyuan").memory_tokens(P480, 20 * 24, rate) == hunyuan_20s


def test_tokens_of_20_s_before_rounding_down() -> None:
    per_s = [shapes("wan-14b").tokens_per_s(P480, Fraction(16), Rate.parse(text)) for text, *_ in PAPER]
    assert [20 * tokens for tokens in per_s] == [124_800, 3_900, 15_600, 7_800, 31_200, 3_900]


def test_a_minute_uncompressed_is_more_than_560k_tokens() -> None:
    assert shapes("hunyuan").memory_tokens(P480, 60 * 24, Rate(1, 1, 1)) == 561_600


def test_grids_round_down() -> None:
    wan = shapes("wan-14b")
    assert wan.latent_grid(P480) == (60, 104)
    assert wan.token_grid(P480) == (30, 52)
    assert wan.memory_grid(P480, Rate(4, 4, 2)) == (7, 13)
    assert wan.token_grid(Size(208, 120)) == (7, 13), "the low-resolution branch, by the DiT's own patchifier"
    assert [wan.latent_frames(frames) for frames in (0, 1, 4, 5, 8, 9)] == [0, 1, 1, 2, 2, 3]


def test_nano_keeps_at_least_12_tokens_per_pair_of_latent_frames() -> None:
    height, width = shapes("nano").memory_grid(Size(320, 192), Rate(4, 4, 2))
    assert height * width == 15


@pytest.mark.parametrize(
    "text",
    ["", "4x4", "4x4x2x1", "0x4x2", "4x4x0", "-4x4x2", "4X4X2", "4*4*2", "fourx4x2", " 4x4x2", "4x4x2.5", "٤x٤x٢"],
)
def test_nonsense_is_no_rate(text: str) -> None:
    with pytest.raises(UsageError, match="4x4x2"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["4x4x2", "1x1x1", "2x2x8", "3x5x7"])
def test_a_rate_is_written_as_it_is_read(text: str) -> None:
    assert str(Rate.parse(text)) == text


def test_a_rate_that_leaves_no_token_is_an_error() -> None:
    nano = shapes("nano")
    for rate in ("13x1x1", "1x21x1"):
        with pytest.raises(UsageError, match="leaves no token"):
            nano.memory_grid(Size(320, 192), Rate.parse(rate))
    with pytest.raises(UsageError, match="only 1 latent frames"):
        nano.memory_tokens(Size(320, 192), 4, Rate(4, 4, 2))
    with pytest.raises(UsageError, match="leaves no token"):
        nano.tokens_per_s(Size(32, 32), Fraction(16), Rate(4, 4, 2))


def test_a_size_that_the_vae_cannot_take_is_an_error() -> None:
    with pytest.raises(UsageError, match="848x480"):
        shapes("nano").latent_grid(Size(854, 480))


def test_an_unknown_backbone_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="Did you mean 'nano'"):
        shapes("nanoo")


def test_shapes_load_no_torch() -> None:
    code = "import sys, bench, bench.cli, bench.backbones.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
