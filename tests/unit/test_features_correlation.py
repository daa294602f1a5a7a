"""All correlations of two pictures against torchvision's, and norms of channels that come last against torch's."""

from typing import Any

import pytest
import torch
from torch import nn

from suites.features.correlation import correlations, looked_up, turned
from suites.features.layout import InstanceNorm, channels_last


@pytest.fixture
def features() -> tuple[Any, Any]:
    torch.manual_seed(1)
    return torch.randn(1, 12, 17, 22), torch.randn(1, 12, 17, 22)


def block(first: Any, second: Any, radius: int) -> Any:
    from torchvision.models.optical_flow.raft import CorrBlock

    theirs = CorrBlock(num_levels=4, radius=radius)
    theirs.build_pyramid(first, second)
    return theirs


@pytest.mark.parametrize("radius", [3, 4])
def test_correlations_are_torchvisions_both_ways(features: tuple[Any, Any], radius: int) -> None:
    first, second = features
    at = torch.rand(1, 2, 17, 22) * 24 - 2  # some of it outside
    ours = correlations(first, second, 4)
    for found, theirs in (
        (ours, block(first, second, radius)),
        (turned(ours, first, second), block(*features[::-1], radius)),
    ):
        for one, other in zip(found, theirs.corr_pyramid, strict=True):
            assert torch.allclose(one, other, atol=2e-6)
        seen = theirs.index_pyramid(at)[0].flatten(1).t()
        assert torch.allclose(looked_up(found, at, radius), seen, atol=2e-5)


def test_a_pair_of_another_size_gets_room(features: tuple[Any, Any]) -> None:
    first = correlations(*features, 2)[0].clone()
    larger = torch.randn(1, 12, 20, 30)
    assert correlations(larger, larger, 2)[0].shape == (600, 1, 20, 30)
    assert torch.equal(correlations(*features, 2)[0], first)


@pytest.mark.parametrize("count", [1, 3])
def test_norms_are_torchs_and_no_less_exact(count: int) -> None:
    torch.manual_seed(2)
    seen = torch.randn(count, 8, 40, 50) * 3 + 5
    true = nn.InstanceNorm2d(8)(seen.double())
    ours = InstanceNorm(1e-5)(seen.clone(memory_format=torch.channels_last))
    assert ours.is_contiguous(memory_format=torch.channels_last)
    assert (ours - true).abs().max() < 3e-6


def test_a_network_with_channels_last_is_the_same_network() -> None:
    torch.manual_seed(3)
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Sequential(nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8))
    )
    layers[1].running_mean.uniform_(-0.2, 0.2)
    layers[1].running_var.uniform_(0.5, 1.5)
    layers.eval()
    seen = torch.rand(2, 3, 20, 20)
    with torch.no_grad():
        before = layers(seen)
        after = channels_last(layers)(seen)
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d) for layer in layers.modules())
    assert torch.allclose(before, after, atol=1e-5)
