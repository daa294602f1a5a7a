"""LPIPS: our loading of a trunk against the lpips package's own, and no score without published weights.

The published trunks are not needed: the same random trunk goes into both, and the outputs must agree.
"""

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lpips
import numpy as np
import pytest
import torch
import torchvision
from torchvision.models.vgg import cfgs, make_layers

from bench import weights
from bench.errors import KeepframeError, UnavailableError
from bench.weights_catalogue import CATALOGUE
from suites.metrics.lpips import LpipsAlex, LpipsVgg, distances, load

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 256, (3, 64, 72, 3), np.uint8)
SEEN = np.clip(TRUE + RNG.normal(size=TRUE.shape) * 20, 0, 255).astype(np.uint8)


def trunk(net: str) -> torch.nn.Module:
    """The feature layers of a torchvision network, with random weights."""
    torch.manual_seed(7)
    if net == "vgg":
        return make_layers(cfgs["D"])
    return torchvision.models.alexnet(weights=None).features


def saved(features: torch.nn.Module, path: Path) -> Path:
    """A file laid out like the published ones: features and a classifier that LPIPS has no use for."""
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    torch.save(state | {"classifier.6.weight": torch.zeros(2, 2)}, path)
    return path


@pytest.mark.parametrize(("net", "constructor"), [("alex", "alexnet"), ("vgg", "vgg16")])
def test_our_loading_equals_the_packages_own(
    net: Any, constructor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = trunk(net)
    ours = distances(load(net, saved(features, tmp_path / "trunk.pth")), TRUE, SEEN)

    # the package asks torchvision for a pretrained network: it gets one with our trunk
    def pretrained_network(pretrained: bool) -> SimpleNamespace:
        assert pretrained
        return SimpleNamespace(features=features)

    monkeypatch.setattr(lpips.pretrained_networks.tv, constructor, pretrained_network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net=net, verbose=False)
    batch = [torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1 for frames in (TRUE, SEEN)]
    with torch.no_grad():
        expected = theirs(*batch).flatten().numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    assert (ours > 0).all()


def test_properties(tmp_path: Path) -> None:
    model = load("alex", saved(trunk("alex"), tmp_path / "trunk.pth"))
    together = distances(model, TRUE, SEEN)
    np.testing.assert_array_equal(distances(model, TRUE, TRUE), np.zeros(3))
    np.testing.assert_array_equal(distances(model, TRUE[::-1], SEEN[::-1])[::-1], together)
    np.testing.assert_array_equal(distances(model, TRUE[1:2], SEEN[1:2]), together[1:2])
    with pytest.raises(KeepframeError, match="too small for lpips"):
        distances(model, TRUE[:, :63], SEEN[:, :63])


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    path = saved(torch.nn.Sequential(torch.nn.Conv2d(3, 64, 11)), tmp_path / "trunk.pth")
    with pytest.raises(KeepframeError, match=r"trunk\.pth is not the alexnet trunk"):
        load("alex", path)
    path.write_bytes(b"<html>sign in</html>")
    with pytest.raises(KeepframeError, match=r"trunk\.pth is not the vgg16 trunk"):
        load("vgg", path)


def test_loading_leaves_the_random_numbers_of_others_alone(tmp_path: Path) -> None:
    path = saved(trunk("alex"), tmp_path / "trunk.pth")
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    load("alex", path)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("metric", "name"), [(LpipsAlex(), "alexnet"), (LpipsVgg(), "vgg16")])
def test_without_the_published_trunk_there_is_no_score(
    metric: LpipsAlex | LpipsVgg, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    assert (metric.available() or "").endswith(f"keepframe weights fetch {name}")
    with pytest.raises(UnavailableError):
        metric(TRUE, SEEN)
    # a file of that name that is not the published one is no better than none
    file = next(file for file in CATALOGUE if file.name == name)
    (tmp_path / file.filename).write_bytes(b"random")
    assert "damaged" in (metric.available() or "")
    with pytest.raises(UnavailableError, match="damaged"):
        metric(TRUE, SEEN)
