import pytest
import torch

from methods.losses.feature_l1 import feature_l1, layer_weights


def test_reference_weights(cfl_golden):
    arrays = cfl_golden("vgg_feature_l1")
    assert layer_weights("spade") == pytest.approx([0, *arrays["weights_spade"].tolist()], rel=1e-12)
    assert layer_weights("cfl") == pytest.approx([0, *arrays["weights_cfl"].tolist()], rel=1e-12)
    assert layer_weights("crn") == pytest.approx(arrays["weights_cfl_crn_with_input"].tolist(), rel=1e-12)
    assert sum(layer_weights("cfl_image")) == pytest.approx(1)
    assert layer_weights("cfl_image")[1:] == layer_weights("cfl")[1:]


@pytest.mark.parametrize("weighting", ["spade", "cfl"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_losses(cfl_golden, weighting, dtype, tolerance):
    arrays = cfl_golden("vgg_feature_l1")
    image = torch.zeros(1, 3, 4, 4, dtype=dtype)
    fake = [arrays[f"fake_{i}"].to(dtype).requires_grad_() for i in range(5)]
    real = [arrays[f"real_{i}"].to(dtype).requires_grad_() for i in range(5)]
    loss = feature_l1([image, *fake], [image, *real], layer_weights(weighting))
    torch.testing.assert_close(loss.detach().double(), arrays[f"loss_{weighting}"], rtol=tolerance, atol=tolerance)
    loss.backward()
    assert all(feature.grad is None for feature in real)
    weight = float(arrays[f"weights_{weighting}"][2])
    expected = torch.sign(fake[2] - real[2]).detach() * weight / fake[2].numel()
    torch.testing.assert_close(fake[2].grad, expected, rtol=tolerance, atol=0)


def test_reference_layers(cfl_golden):
    arrays = cfl_golden("vgg_feature_l1")
    image = torch.zeros(1)
    fake, real = ([image, *(arrays[f"{kind}_{i}"] for i in range(5))] for kind in ("fake", "real"))
    for i, expected in enumerate(arrays["per_layer_l1"]):
        alone = [float(j == i + 1) for j in range(6)]
        torch.testing.assert_close(feature_l1(fake, real, alone), expected, rtol=1e-8, atol=0)


def test_the_image_counts_only_where_the_weights_say_so():
    maps = [torch.ones(1)] * 5
    one, two = [torch.zeros(1), *maps], [torch.ones(1), *maps]
    assert float(feature_l1(one, two, layer_weights("cfl"))) == 0
    assert float(feature_l1(one, two, layer_weights("cfl_image"))) == pytest.approx(1 / (2 + 15 / 32))
