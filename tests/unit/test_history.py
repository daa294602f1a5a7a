"""The history encoder: sizes of the paper, and that section by section equals at once."""

from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.backbones.causal import Stream
from bench.backbones.config import Shapes, shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.rate import Rate
from bench.backbones.rope import frame_coordinates, rotate, rotation
from bench.backbones.tokens import MemoryTokens, TextTokens, joined
from bench.backbones.vae import VideoVAE
from bench.errors import UsageError
from bench.memories.history import HistoryEncoder, LargePatchifier, Variant
from bench.memories.history_gate import NoiseGate
from bench.memories.history_high import HighBranch
from bench.memories.history_low import low_video
from bench.types import Size

torch.set_num_threads(1)
Part = TypeVar("Part", bound=nn.Module)
# six by ten latents are three by five tokens: odd on both axes
SHAPES = Shapes(
    "test", 32, 2, 1, 64, 32, vae_width=4, history_channels=(4, 8, 8, 16), latent_channels=3, history_heads=2,
    history_window=3, history_gate=True,
)  # fmt: skip
SIZE = Size(width=80, height=48)
RATES = ["2x2x2", "1x1x1", "2x1x4", "3x5x2"]


@torch.no_grad()
def awake(module: Part) -> Part:
    """With weights in place of the zeros that some parts begin with: as after training, everything says something."""
    for weight in module.parameters():
        if not weight.any():
            weight.normal_(std=0.3)
    return module


@pytest.fixture(scope="module")
def vae() -> VideoVAE:
    torch.manual_seed(0)
    return VideoVAE(SHAPES).eval()


@pytest.fixture(scope="module")
def first_layer() -> nn.Conv3d:
    torch.manual_seed(1)
    return VideoDiT(SHAPES).first_layer


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.rand(1, 3, 46, SIZE.height, SIZE.width, generator=torch.Generator().manual_seed(2)) * 2 - 1


def encode(
    encoder: HistoryEncoder, vae: VideoVAE, first_layer: nn.Module, sections: list[torch.Tensor]
) -> MemoryTokens:
    """As a run would do it: every section through the VAE, small and large, and through the encoder."""
    full: Stream = {}
    small: Stream = {}
    history: Stream = {}
    parts, first = [], 0
    for section in sections:
        low = low_video(section, first, encoder.shapes, encoder.rate)
        first += section.shape[2]
        latents = vae.encode(section, full).mean
        parts.append(encoder(latents, vae.encode(low, small).mean, first_layer, history))
    return joined(parts)


@torch.no_grad()
@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("rate", RATES)
def test_section_by_section_equals_at_once(
    vae: VideoVAE, first_layer: nn.Conv3d, frames: torch.Tensor, variant: Variant, rate: str
) -> None:
    torch.manual_seed(3)
    encoder = awake(HistoryEncoder(SHAPES, Rate.parse(rate), variant)).eval()
    once = encode(encoder, vae, first_layer, [frames])
    assert once.tokens.shape == (1, SHAPES.memory_tokens(SIZE, 46, encoder.rate), SHAPES.width)
    assert once.tokens.std() > 1e-3
    for sections in ([17, 16, 13], [1, 7, 30, 8], [3] * 15 + [1]):
        parts = encode(encoder, vae, first_layer, list(frames.split(sections, dim=2)))
        torch.testing.assert_close(parts.tokens, once.tokens, rtol=0, atol=1e-5)
        assert torch.equal(parts.coordinates, once.coordinates)


@torch.no_grad()
def test_latents_one_by_one_equal_at_once_in_a_batch() -> None:
    torch.manual_seed(3)
    branch = awake(HighBranch(SHAPES, Rate(1, 2, 2))).eval()
    latents = torch.randn(2, 3, 15, 6, 10)
    stream: Stream = {}
    parts = torch.cat([branch(latent, stream) for latent in latents.split(1, dim=2)], dim=2)
    torch.testing.assert_close(parts, branch(latents), rtol=0, atol=1e-5)
    torch.testing.assert_close(branch(latents[1:]), branch(latents)[1:], rtol=0, atol=1e-5)


def test_a_block_sees_all_its_latents_and_none_after() -> None:
    torch.manual_seed(3)
    branch = awake(HighBranch(SHAPES, Rate(2, 2, 4))).eval()
    latents = torch.randn(1, 3, 12, 6, 10, requires_grad=True)
    blocks = branch(latents)
    for index in range(3):
        (seen,) = torch.autograd.grad(blocks[:, :, index].sum(), latents, retain_graph=True)
        by_latent = seen.abs().sum(dim=(0, 1, 3, 4))
        assert (by_latent[4 * index : 4 * index + 4] > 0).all()
        assert (by_latent[4 * index + 4 :] == 0).all()


def test_attention_reaches_back_as_far_as_its_window_and_no_further() -> None:
    torch.manual_seed(3)
    attention = awake(HighBranch(SHAPES, Rate(1, 1, 1)).attention)
    x = torch.randn(1, 16, 6, 2, 3, requires_grad=True)
    (seen,) = torch.autograd.grad(attention(x)[:, :, 5].square().sum(), x)
    assert (seen.abs().sum(dim=(0, 1, 3, 4)) > 0).tolist() == [False, False, False, True, True, True]


@torch.no_grad()
def test_the_window_equals_attention_over_the_whole_video_with_a_mask() -> None:
    torch.manual_seed(3)
    attention = awake(HighBranch(SHAPES, Rate(1, 1, 1)).attention)
    x = torch.randn(2, 16, 7, 2, 3)
    tokens = x.flatten(2).transpose(1, 2)
    parts = attention.to_parts(attention.norm(tokens)).unflatten(-1, (3, 2, 8))
    at = frame_coordinates(torch.arange(7.0), 2, 3)
    query, key = (rotate(parts[:, :, index], rotation(at, 8)) for index in (0, 1))
    age = at[:, None, 0] - at[None, :, 0]
    scores = torch.einsum("bqhc,bkhc->bhqk", query, key) / 8**0.5
    scores = scores.masked_fill((age < 0) | (age >= SHAPES.history_window), -torch.inf)
    seen = torch.einsum("bhqk,bkhc->bqhc", scores.softmax(-1), parts[:, :, 2]).flatten(2)
    expected = (tokens + attention.out(seen)).transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(attention(x), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "rate", "grid"),
    [
        ("hunyuan", "4x4x2", (60, 7, 13)),
        ("wan-14b", "2x2x2", (60, 15, 26)),
        ("wan-14b", "2x2x4", (30, 15, 26)),
        ("wan-14b", "2x2x1", (120, 15, 26)),
        ("wan-14b", "2x2x8", (15, 15, 26)),
    ],
)
def test_at_the_widths_of_the_paper(backbone: str, rate: str, grid: tuple[int, int, int]) -> None:
    """The real modules on 120 latent frames of 60x104, with shapes but without numbers."""
    sizes, parsed = shapes(backbone), Rate.parse(rate)
    low_size = 60 // parsed.height, 104 // parsed.width
    with torch.device("meta"):
        encoder = HistoryEncoder(sizes, parsed)
        first_layer = nn.Conv3d(16, sizes.width, sizes.patch, sizes.patch)
        memory = encoder(torch.zeros(1, 16, 120, 60, 104), torch.zeros(1, 16, grid[0], *low_size), first_layer)
    assert memory.tokens.shape == (1, grid[0] * grid[1] * grid[2], sizes.width)
    assert 7e6 < sum(weight.numel() for weight in encoder.parameters()) < 17e6


def test_the_paper_widths_stand_in_the_branch() -> None:
    with torch.device("meta"):
        branch = HighBranch(shapes("hunyuan"), Rate(4, 4, 2))
    outputs = [module.conv.out_channels for module in branch.convolutions]
    strides = [module.conv.stride for module in branch.convolutions]
    assert sorted(set(outputs)) == [64, 128, 256, 512]
    assert all(one <= other for one, other in pairwise(outputs))
    in_time = [index for index, stride in enumerate(strides) if stride[0] > 1]
    in_space = [index for index, stride in enumerate(strides) if stride[1:] != (1, 1)]
    assert max(in_time) < min(in_space), "time first, then space"
    assert branch.attention.out.in_features == 512
    assert branch.project.conv.out_channels == 3072


@torch.no_grad()
def test_the_proposed_memory_is_the_sum_of_the_ablations(first_layer: nn.Conv3d) -> None:
    torch.manual_seed(3)
    rate = Rate(2, 2, 2)
    proposed, without, only = (
        HistoryEncoder(SHAPES, rate, variant) for variant in (Variant.PROPOSED, Variant.WITHOUT_LOW, Variant.ONLY_LOW)
    )
    assert proposed.small_gain is not None and proposed.small_gain.eq(1).all()  # all of it, as in the paper
    awake(proposed)
    without.load_state_dict({name: weight for name, weight in proposed.state_dict().items() if name != "small_gain"})
    assert not list(only.parameters())
    latents, low = torch.randn(1, 3, 4, 6, 10), torch.randn(1, 3, 2, 3, 5)
    both, high, small = (encoder(latents, low, first_layer).tokens for encoder in (proposed, without, only))
    torch.testing.assert_close(both, high + small)
    torch.testing.assert_close(small, first_layer(low).flatten(2).transpose(1, 2))
    full = HistoryEncoder(replace(SHAPES, history_channels=(4, 8, 16, 32)), rate)  # as wide as a token
    assert not full(latents, low, first_layer).tokens.any()  # neither says anything yet, and takes in what helps


@torch.no_grad()
def test_the_large_patchifier_begins_as_the_first_layer_on_means(first_layer: nn.Conv3d) -> None:
    large = LargePatchifier(SHAPES, Rate(2, 3, 4))
    large.start_from(first_layer)
    latents = torch.randn(1, 3, 8, 8, 12)
    expected = first_layer(F.avg_pool3d(latents, (4, 2, 3)))
    torch.testing.assert_close(large(latents), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", ["1x1x1", "2x2x2", "2x2x3", "1x2x8"])
def test_low_latents_and_blocks_cover_the_same_moments(rate: str) -> None:
    """Frames that hold their own index: latent `j` of the low video is made of frames of block `j`, to its last one."""
    parsed, step = Rate.parse(rate), Rate.parse(rate).time
    for count in (1, 4, 5, 29, 30, 64, 65):
        video = torch.arange(float(count)).reshape(1, 1, -1, 1, 1).expand(1, 3, -1, 48, 80)
        kept = low_video(video, 0, SHAPES, parsed)[0, 0, :, 0, 0].tolist()
        blocks = SHAPES.latent_frames(count) // step
        assert SHAPES.latent_frames(len(kept)) == blocks
        for block in range(blocks):
            own = kept[max(0, 4 * block - 3) : 4 * block + 1]
            last = 4 * ((block + 1) * step - 1)
            assert own[-1] == last
            assert own[0] >= max(0, last - 4 * step + 1)


def test_low_pixels_are_means_of_what_blocks_cover() -> None:
    video = torch.rand(1, 3, 5, 64, 80)
    low = low_video(video, 0, SHAPES, Rate(3, 4, 1))  # 8x10 latents: two rows of 3, two columns of 4
    assert low.shape == (1, 3, 5, 16, 16)
    torch.testing.assert_close(low[0, 1, 2, 15, 14], video[0, 1, 2, 45:48, 56:60].mean())


def test_what_leaves_no_token_or_does_not_fit_is_said(first_layer: nn.Conv3d) -> None:
    with pytest.raises(UsageError, match="leaves no token"):
        low_video(torch.zeros(1, 3, 5, 48, 80), 0, SHAPES, Rate(4, 4, 2))
    with pytest.raises(UsageError, match="cannot encode frames of 82x48"):
        low_video(torch.zeros(1, 3, 5, 48, 82), 0, SHAPES, Rate(2, 2, 2))
    encoder = HistoryEncoder(SHAPES, Rate(2, 2, 2))
    with pytest.raises(ValueError, match="the same frames"):
        encoder(torch.zeros(1, 3, 4, 6, 10), torch.zeros(1, 3, 1, 3, 5), first_layer)


def test_the_network_alone_cannot_be_run_as_a_memory() -> None:
    """Without trained weights it must not produce a number: it has nothing of a `MemoryEncoder`."""
    assert not {"begin", "write", "finish"} & set(dir(HistoryEncoder))


def test_the_loss_on_a_queried_frame_reaches_every_weight_of_the_encoder() -> None:
    torch.manual_seed(3)
    dit, encoder = VideoDiT(SHAPES), awake(HistoryEncoder(SHAPES, Rate(2, 2, 2)))
    memory = encoder(torch.randn(2, 3, 4, 6, 10), torch.randn(2, 3, 2, 3, 5), dit.first_layer)
    text = TextTokens(torch.randn(2, 3, 32), torch.ones(2, 3, dtype=torch.bool))
    target = torch.randn(2, 3, 1, 6, 10)
    velocity = dit(torch.randn_like(target), torch.ones(2, 1), torch.tensor([2.0]), text, memory)
    (velocity - target).square().mean().backward()
    silent = [name for name, weight in encoder.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []


def test_what_is_clean_is_coded_otherwise_where_noise_is_beside_it() -> None:
    """Which no linear layer can: it errs by half of what is wanted, and the gate by less than a quarter of that."""
    torch.manual_seed(0)
    one, other = torch.randn(2, 2000, 8)
    masked = torch.arange(2000)[:, None] % 2 == 0
    wanted = torch.where(masked, one.roll(1, dims=1), one)
    seen = torch.cat([one, torch.where(masked, 5 * torch.randn(2000, 8), other)], dim=1)
    linear = torch.linalg.lstsq(seen, wanted).solution
    model = nn.Sequential(NoiseGate(16), nn.Conv3d(32, 8, 1))
    optimizer = torch.optim.Adam(model.parameters(), 3e-2)
    for _ in range(300):
        error = (model(seen[:, :, None, None, None])[..., 0, 0, 0] - wanted).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert float(error.detach()) < 0.25 * float((seen @ linear - wanted).square().mean())


@pytest.mark.parametrize("rate", ["4x4x2", "2x2x1"])
def test_a_branch_begins_as_one_linear_layer_per_block(rate: str) -> None:
    torch.manual_seed(0)
    nano, compression = shapes("nano"), Rate.parse(rate)
    branch = HighBranch(nano, compression)
    latents = torch.randn(2, 16, 2 * compression.time, 16, 24, requires_grad=True)
    assert not branch(latents).any()  # it adds nothing yet
    torch.nn.init.normal_(branch.convolutions[-1].conv.weight)
    tokens = branch(latents)
    torch.testing.assert_close(branch(3 * latents), 3 * tokens, rtol=1e-3, atol=1e-3)
    (seen,) = torch.autograd.grad(tokens[0, 5, 1, 0, 1], latents)
    time, rows, columns = compression.time, 2 * compression.height, 2 * compression.width
    own = seen[0, :, time:, :rows, columns : 2 * columns]
    assert own.all() and int(seen.count_nonzero()) == own.numel()  # every number of the block, and no other
    gains = torch.linspace(2, 1, 16)
    louder = branch(latents * gains[:, None, None, None])
    branch.listen(gains)
    torch.testing.assert_close(branch(latents), louder, rtol=1e-3, atol=1e-3)
