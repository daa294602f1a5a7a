"""The VAE: its strides, its causality, and that a stream equals encoding and decoding at once."""

import pytest
import torch
from torch.nn import functional as F

from bench.backbones.causal import CausalConv3d, Stream
from bench.backbones.config import Shapes
from bench.backbones.vae import VideoVAE, depth_to_space, space_to_depth
from bench.errors import UsageError

torch.set_num_threads(1)
SHAPES = Shapes("test", 32, 2, 1, 64, 32, vae_width=4, history_channels=(4, 8, 8, 16), latent_channels=3)


@pytest.fixture(scope="module")
def vae() -> VideoVAE:
    torch.manual_seed(0)
    return VideoVAE(SHAPES).eval()


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.rand(2, 3, 17, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_first_frame_is_alone_and_then_come_groups_of_four(vae: VideoVAE, frames: torch.Tensor) -> None:
    for count in range(1, 18):
        latents = vae.encode(frames[:, :, :count]).mean
        assert latents.shape == (2, 3, 1 + (count - 1) // 4, 2, 3)
        assert latents.shape[2] == SHAPES.latent_frames(count)
        assert vae.decode(latents).shape == (2, 3, 1 + 4 * (latents.shape[2] - 1), 16, 24)


def test_a_latent_sees_its_own_frames_and_none_after(vae: VideoVAE, frames: torch.Tensor) -> None:
    frames = frames.clone().requires_grad_()
    latents = vae.encode(frames).mean
    for index in range(5):
        (seen,) = torch.autograd.grad(latents[:, :, index].sum(), frames, retain_graph=True)
        last = 4 * index
        by_frame = seen.abs().sum(dim=(0, 1, 3, 4))
        assert (by_frame[max(0, last - 3) : last + 1] > 0).all()
        assert (by_frame[last + 1 :] == 0).all()


def test_a_frame_is_decoded_from_its_latent_and_none_after(vae: VideoVAE) -> None:
    latents = torch.randn(1, 3, 4, 2, 3, generator=torch.Generator().manual_seed(2)).requires_grad_()
    decoded = vae.decode(latents)
    for frame in range(13):
        (seen,) = torch.autograd.grad(decoded[:, :, frame].sum(), latents, retain_graph=True)
        by_latent = seen.abs().sum(dim=(0, 1, 3, 4))
        own = (frame + 3) // 4
        assert by_latent[own] > 0
        assert (by_latent[own + 1 :] == 0).all()


@pytest.mark.parametrize("chunks", [[17], [1] * 17, [1, 4, 4, 4, 4], [5, 7, 2, 3], [16, 1]])
def test_encoding_in_chunks_equals_encoding_at_once(vae: VideoVAE, frames: torch.Tensor, chunks: list[int]) -> None:
    stream: Stream = {}
    with torch.no_grad():
        once = vae.encode(frames)
        parts = [vae.encode(chunk, stream) for chunk in frames.split(chunks, dim=2)]
    torch.testing.assert_close(torch.cat([part.mean for part in parts], dim=2), once.mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        torch.cat([part.log_variance for part in parts], dim=2), once.log_variance, rtol=0, atol=1e-5
    )


def test_a_video_alone_gives_and_learns_what_it_does_among_others() -> None:
    """oneDNN convolves the one, PyTorch as it sees fit the others."""
    torch.manual_seed(3)
    conv, pair = CausalConv3d(5, 7, (4, 3, 3), (2, 1, 1)), torch.randn(2, 5, 9, 6, 8, requires_grad=True)
    alone = torch.cat([conv(video[None]) for video in pair])
    torch.testing.assert_close(alone, conv(pair), rtol=0, atol=1e-5)
    learned = [pair, *conv.parameters()]
    for got, wanted in zip(
        torch.autograd.grad(alone.square().sum(), learned),
        torch.autograd.grad(conv(pair).square().sum(), learned),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chunks", [[5], [1] * 5, [2, 3]])
def test_decoding_in_chunks_equals_decoding_at_once(vae: VideoVAE, chunks: list[int]) -> None:
    latents = torch.randn(1, 3, 5, 2, 3, generator=torch.Generator().manual_seed(2))
    stream: Stream = {}
    with torch.no_grad():
        parts = torch.cat([vae.decode(chunk, stream) for chunk in latents.split(chunks, dim=2)], dim=2)
        torch.testing.assert_close(parts, vae.decode(latents), rtol=0, atol=1e-5)


def test_a_stream_keeps_no_more_after_a_long_video_than_after_a_short_one(vae: VideoVAE, frames: torch.Tensor) -> None:
    def kept(chunks: int) -> int:
        stream: Stream = {}
        with torch.no_grad():
            for _ in range(chunks):
                vae.encode(frames[:1, :, :4], stream)
        return sum(part.untyped_storage().nbytes() for part in stream.values())

    assert kept(2) == kept(6)


def test_a_sample_is_the_mean_plus_noise_of_the_given_width(vae: VideoVAE, frames: torch.Tensor) -> None:
    with torch.no_grad():
        posterior = vae.encode(frames)
    draws = [posterior.sample(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    noise = (draws[0] - posterior.mean) / (posterior.log_variance / 2).exp()
    assert abs(noise.std().item() - 1) < 0.2


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8])
def test_blocks_are_whole_and_see_their_own_end(stride: int) -> None:
    conv = CausalConv3d(1, 1, (stride + 2,) * 3, (stride,) * 3)
    x = torch.zeros(1, 1, 11, 9, 13, requires_grad=True)
    y = conv(x)
    assert y.shape[2:] == (11 // stride, 9 // stride, 13 // stride)
    for index in range(y.shape[2]):
        (seen,) = torch.autograd.grad(y[:, :, index].sum(), x, retain_graph=True)
        steps = seen.abs().sum(dim=(0, 1, 3, 4)).nonzero().flatten().tolist()
        assert steps == list(range(max(0, index * stride - 2), (index + 1) * stride))


def test_squares_of_pixels_become_channels_and_pixels_again() -> None:
    x = torch.randn(2, 3, 5, 4, 6)
    expected = torch.stack([F.pixel_unshuffle(frame, 2) for frame in x.unbind(2)], dim=2)
    assert torch.equal(space_to_depth(x), expected)
    assert torch.equal(depth_to_space(expected), x)


@pytest.mark.parametrize("size", [(15, 24), (16, 20)])
def test_a_size_that_strides_do_not_divide_is_refused(vae: VideoVAE, size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="cannot encode frames"):
        vae.encode(torch.zeros(1, 3, 1, *size))
