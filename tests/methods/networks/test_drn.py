"""The dilated residual network: reference upsampling, published size, what each level does, gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from methods.networks.drn import DRN, BilinearUpsampling


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_upsampling(cfl_golden, dtype, tolerance):
    arrays = cfl_golden("drn_upsample")
    up = BilinearUpsampling(2).to(dtype)
    kernel = arrays["kernel_1d"]
    torch.testing.assert_close(up.weight[1, 0].double(), kernel[:, None] * kernel, rtol=tolerance, atol=tolerance)
    out = up(arrays["x"].to(dtype)).double()
    torch.testing.assert_close(out, arrays["out"], rtol=tolerance, atol=tolerance)


def test_published_parameter_count():
    network = DRN(19)
    assert sum(p.numel() for p in network.parameters()) == 15_890_499  # the upsampling has no parameter
    assert "up.weight" in network.state_dict()  # but is in the original's checkpoints


def test_levels_of_drn_d_22():
    """Resolution, width and dilation of every level (Yu et al. 2017; fyu/drn, drn.py, arch D)."""
    network, x = DRN(19).eval(), torch.zeros(1, 3, 128, 256)
    shapes = []
    with torch.no_grad():
        for level in network.base:
            x = level(x)
            shapes.append((x.shape[1], 128 // x.shape[2]))
    assert shapes == [(16, 1), (16, 1), (32, 2), (64, 4), (128, 8), (256, 8), (512, 8), (512, 8), (512, 8)]
    dilations = [
        {m.dilation[0] for m in level.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)}
        for level in network.base
    ]
    assert dilations == [{1}, {1}, {1}, {1}, {1}, {2}, {4}, {2}, {1}]
    blocks = [sum(hasattr(m, "conv2") for m in level.modules()) for level in network.base]
    assert blocks == [0, 0, 0, 2, 2, 2, 2, 0, 0]


def test_drn_d_105_has_bottlenecks():
    network = DRN(19, "drn-d-105")
    blocks = [sum(hasattr(m, "conv3") for m in level.modules()) for level in network.base]
    assert blocks == [0, 0, 0, 3, 4, 23, 3, 0, 0]
    assert network.base[6][-1].conv3.out_channels == 2048


def test_scores_are_log_probabilities_of_the_images_size():
    network = DRN(5, width=0.125).eval()
    with torch.no_grad():
        scores = network(torch.randn(2, 3, 32, 64))
    assert scores.shape == (2, 5, 32, 64)
    torch.testing.assert_close(scores.exp().sum(dim=1), torch.ones(2, 32, 64))


def test_initial_weights():
    network = DRN(19)
    network.initialise(torch.Generator().manual_seed(0))
    convolution = network.base[7][0]
    assert convolution.weight.std().item() == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.01)
    assert not network.seg.bias.any()
    assert network.base[7][1].weight.min().item() == 1


def test_imagenet_weights_are_taken_by_the_originals_names():
    source, network = DRN(19, width=0.125), DRN(5, width=0.125)
    official = {f"layer{name}": tensor for name, tensor in source.base.state_dict().items()}
    assert {"layer0.0.weight", "layer3.0.conv1.weight", "layer3.0.downsample.0.weight", "layer8.1.bias"} <= set(
        official
    )
    without_counters = {k: v for k, v in official.items() if not k.endswith("num_batches_tracked")}
    classifier = network.seg.weight.clone()
    network.load_imagenet(without_counters | {"fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)})
    for name, tensor in network.base.state_dict().items():
        torch.testing.assert_close(tensor, source.base.state_dict()[name], rtol=0, atol=0)
    torch.testing.assert_close(network.seg.weight, classifier, rtol=0, atol=0)
    del without_counters["layer5.1.bn2.bias"]
    with pytest.raises(RuntimeError, match=r"5\.1\.bn2\.bias"):
        network.load_imagenet(without_counters)


@pytest.mark.parametrize("batch", [1, 2])
def test_gradient_against_finite_differences(batch):
    """torch's CPU backwards of norms were wrong before for gradients of unusual strides."""
    torch.manual_seed(0)
    network = DRN(3, width=0.125).double()
    network.initialise(torch.Generator().manual_seed(0))
    images = torch.randn(batch, 3, 32, 32, dtype=torch.float64)
    classes = torch.randint(3, (batch, 32, 32))

    def loss() -> torch.Tensor:
        return F.nll_loss(network(images), classes)

    loss().backward()
    for name in ("base.0.0.weight", "base.4.0.downsample.0.weight", "base.6.1.conv1.weight", "seg.bias"):
        parameter = network.get_parameter(name)
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            step, values = 1e-7, []
            for sign in (1, -2):
                parameter += sign * step * direction
                values.append(float(loss()))
            parameter += step * direction
        expected = (values[0] - values[1]) / (2 * step)
        assert float((parameter.grad * direction).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-8), name
