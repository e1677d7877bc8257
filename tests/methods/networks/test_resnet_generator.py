import pytest
import torch
from torch import nn

from bench.base.errors import UsageError
from bench.checks.replay.recording import load_weights
from methods.networks.resnet_generator import ResnetGenerator

LAYERS = (0, 4, 8, 12, 16)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def of_kind(arrays: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    """The record of one kind of generator: what both kinds share, and its own."""
    return {key.removeprefix(f"{kind}/"): value for key, value in arrays.items()}


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [(32, 32), (64, 48), (68, 36), (36, 100)])
def test_sizes_of_features_are_known_without_running_the_network(antialias: bool, size: tuple[int, int]) -> None:
    network = ResnetGenerator(ngf=2, n_blocks=5, antialias=antialias)
    layers = range(len(network.model))
    place = torch.get_rng_state()
    sizes = network.feature_sizes(layers, size)
    assert torch.equal(torch.get_rng_state(), place)
    with torch.no_grad():
        maps = network.features(torch.rand(2, 3, *size), layers)
    assert sizes == [tuple(features.shape[2:]) for features in maps]
    assert all(parameter.device.type == "cpu" for parameter in network.parameters())


@pytest.mark.parametrize("antialias", [True, False])
def test_published_parameter_counts(antialias: bool) -> None:
    assert parameters(ResnetGenerator(antialias=antialias)) == 11_378_179
    assert parameters(ResnetGenerator(n_blocks=6, antialias=antialias)) == 7_837_699


@pytest.mark.parametrize(("kind", "antialias"), [("aa", True), ("stride", False)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_output(golden, kind: str, antialias: bool, dtype: torch.dtype, tolerance: float) -> None:
    arrays = of_kind(golden("generator_resnet9_ngf8.npz"), kind)
    network = ResnetGenerator(ngf=8, antialias=antialias).to(dtype)
    load_weights({"G": network}, {key: value for key, value in arrays.items() if key.startswith("G.")}, "")
    with torch.no_grad():
        output = network(arrays["input"].to(dtype)).double()
    torch.testing.assert_close(output, arrays["output"], rtol=tolerance, atol=tolerance)


def test_reference_features_are_taken_where_the_originals_take_them(golden) -> None:
    arrays = of_kind(golden("generator_resnet9_ngf8.npz"), "aa")
    network = ResnetGenerator(ngf=8).double()
    load_weights({"G": network}, {key: value for key, value in arrays.items() if key.startswith("G.")}, "")
    with torch.no_grad():
        image, tapped = network.forward_with_features(arrays["input"], LAYERS)
        alone = network.features(arrays["input"], LAYERS)
    torch.testing.assert_close(image, arrays["output"], rtol=1e-8, atol=1e-12)
    for layer, features, again in zip(LAYERS, tapped, alone, strict=True):
        torch.testing.assert_close(features, arrays[f"feat_{layer:02d}"], rtol=1e-8, atol=1e-12)
        assert torch.equal(features, again)
    assert alone[0].shape[-1] == 64 + 6  # the padded image
    assert (alone[1] < 0).any()  # before ReLU and blur
    assert (alone[2] < 0).any()


def test_features_stop_at_the_last_layer() -> None:
    network = ResnetGenerator(ngf=2, n_blocks=5)
    network.model[17] = nn.Identity()
    network.model[17].forward = lambda x: pytest.fail("ran past the last layer")
    network.features(torch.zeros(1, 3, 16, 16), LAYERS)


@pytest.mark.parametrize("antialias", [True, False])
def test_feature_channels_are_known_without_running(antialias: bool) -> None:
    network = ResnetGenerator(ngf=4, n_blocks=3, antialias=antialias)
    layers = range(len(network.model))
    with torch.no_grad():
        _, features = network.forward_with_features(torch.zeros(1, 3, 16, 16), layers)
    assert network.feature_channels(layers) == [feature.shape[1] for feature in features]


@pytest.mark.parametrize("layers", [(0, 99), (4, 0), (4, 4), (), (-1, 4)])
def test_impossible_layers_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="nce_layers"):
        ResnetGenerator(ngf=2).feature_channels(layers)


def test_official_checkpoint_keys() -> None:
    keys = ResnetGenerator(ngf=2).state_dict().keys()
    assert {"model.1.weight", "model.7.filt", "model.12.conv_block.5.bias", "model.21.filt", "model.30.weight"} <= keys
    assert len(keys) == 48 + 4
    assert "model.19.weight" in ResnetGenerator(ngf=2, antialias=False).state_dict()  # first transposed convolution
