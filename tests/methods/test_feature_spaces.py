from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.base.errors import NotAvailable
from bench.base.weight_files import WEIGHTS_VARIABLE, WeightFile
from methods import feature_spaces
from methods.feature_spaces import SPACES, FeatureSpace


def images(side: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def saved(network: nn.Module, path, monkeypatch, space: str) -> None:
    """Offer a network's weights as the official file of a space."""
    torch.save(network.state_dict(), path)
    old = SPACES[space]
    official = WeightFile(name=path.name, sha256="", purpose=space, origin="here")
    monkeypatch.setitem(SPACES, space, replace(old, weights=official))
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(path.parent))


@pytest.mark.parametrize(
    ("space", "parameters", "sizes"),
    [
        ("vgg19", 12_944_960, [64, 32, 16, 8, 4]),
        ("resnet50", 23_508_032, [16, 16, 8, 4, 2]),
        ("efficientnet-lite0", 2_958_848, [32, 16, 8, 4, 2]),
    ],
)
def test_parameters_and_sizes(space, parameters, sizes):
    network = FeatureSpace(space, range(5), None, None)
    assert sum(p.numel() for p in network.parameters()) == parameters
    with torch.no_grad():
        maps = network(images())
    assert [tuple(m.shape) for m in maps] == [
        (2, c, s, s) for c, s in zip(network.encoder.channels, sizes, strict=True)
    ]


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
@pytest.mark.parametrize(("space", "resize"), [("pixel", None), ("conv_encoder", 40), ("efficientnet-lite0", None)])
def test_sizes_of_maps_are_known_without_running_the_network(space, resize, size):
    network = FeatureSpace(space, range(3), resize, torch.Generator().manual_seed(0), nef=4)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sizes = network.map_sizes(size)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        assert sizes == [tuple(m.shape[2:]) for m in network(torch.rand(2, 3, *size))]


def test_vgg19_maps_are_those_after_the_five_relus(tmp_path, monkeypatch):
    from torchvision.models.vgg import cfgs, make_layers

    official = nn.Module()
    official.features = make_layers(cfgs["E"])
    official.classifier = nn.Linear(2, 2)  # what the file holds besides
    saved(official, tmp_path / "vgg.pth", monkeypatch, "vgg19")
    space = FeatureSpace("vgg19", range(5), None, None)
    space.load_pretrained(tmp_path)
    relus = [1, 6, 11, 20, 29]  # relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
    with torch.no_grad():
        for found, end in zip(space(images()), relus, strict=True):
            assert torch.equal(found, official.features[: end + 1](images()))


def test_resnet50_maps_are_the_max_pool_and_the_four_layers(tmp_path, monkeypatch):
    from torchvision.models import resnet50
    from torchvision.models.feature_extraction import create_feature_extractor

    official = resnet50(weights=None)
    saved(official, tmp_path / "resnet.pth", monkeypatch, "resnet50")
    space = FeatureSpace("resnet50", range(5), None, None)
    space.load_pretrained(tmp_path)
    nodes = ["maxpool", "layer1", "layer2", "layer3", "layer4"]
    # in training mode: the batch's own statistics
    with torch.no_grad():
        expected = create_feature_extractor(official, nodes)(images())
        for found, node in zip(space(images()), nodes, strict=True):
            assert torch.equal(found, expected[node])


def test_the_embedded_network_ends_where_its_package_ends():
    from pathlib import Path

    from bench.features.efficientnet_lite0 import EfficientNetLite0

    space = FeatureSpace("efficientnet-lite0", [4], None, None)
    space.load_pretrained(Path("nowhere"))
    folded = EfficientNetLite0().network()
    with torch.no_grad():
        last = space.eval()(images())[0]
        found = folded._swish(folded._bn1(folded._conv_head(last)))
        torch.testing.assert_close(found, folded.extract_features(images()), rtol=1e-3, atol=1e-4)


def test_a_file_that_is_not_the_official_one_is_refused(tmp_path):
    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(b"something else")
    with pytest.raises(NotAvailable, match=r"needs the official vgg19-dcbb9e9d\.pth"):
        FeatureSpace("vgg19", range(5), None, None).load_pretrained(tmp_path)


def test_chosen_maps_and_resizing():
    space = FeatureSpace("conv_encoder", [0, 2], 48, None, nef=2)
    assert space.channels == [3, 4]
    with torch.no_grad():
        assert [m.shape[2] for m in space(images())] == [48, 12]
    corners = FeatureSpace("resnet50", [0], 32, None)
    assert feature_spaces.SPACES["resnet50"].align_corners
    expected = torch.nn.functional.interpolate(images(), size=(32, 32), mode="bilinear", align_corners=True)
    with torch.no_grad():
        torch.testing.assert_close(corners(images())[0], corners.encoder(expected)[0])


def test_the_generator_alone_decides_the_initial_weights():
    before = torch.get_rng_state()
    one, two, other = (
        FeatureSpace("efficientnet-lite0", range(5), None, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    trained = dict(one.named_parameters())
    assert all(torch.equal(tensor, two.get_parameter(name)) for name, tensor in trained.items())
    assert not torch.equal(trained["encoder._conv_stem.weight"], other.get_parameter("encoder._conv_stem.weight"))
