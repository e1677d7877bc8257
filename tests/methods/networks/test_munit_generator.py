import torch
from torch import Tensor

from methods.networks.munit_generator import AdaptiveBlock, MUNITGenerator


def explicit(x: Tensor) -> Tensor:
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) / (x.var((2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()


def test_a_style_is_bias_then_weight_of_each_norm() -> None:
    block = AdaptiveBlock(3).double()
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    style = torch.randn(2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    b1, w1, b2, w2 = (part[:, :, None, None] for part in style.split(3, dim=1))
    pad = torch.nn.ReflectionPad2d(1)
    inner = torch.relu(explicit(block.conv1(pad(x))) * w1 + b1)
    torch.testing.assert_close(block(x, style), x + explicit(block.conv2(pad(inner))) * w2 + b2)


def test_gradients_are_right_at_batch_1() -> None:
    netG = MUNITGenerator(dim=2, style_dim=3, mlp_dim=4, n_downsample=1, n_res=1).double()
    images = torch.rand(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    style = torch.randn(1, 3, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    weight = netG.enc_content.model[1].weight

    def loss() -> Tensor:
        # channels-last is what makes torch's own instance norm lie at batch 1
        made = netG.decode(netG.enc_content(images), style)
        return made.permute(0, 2, 3, 1).contiguous().cos().square().mean()

    (gradient,) = torch.autograd.grad(loss(), weight)
    place, step = (1, 0, 3, 3), 1e-6
    with torch.no_grad():
        weight[place] += step
        after = loss()
        weight[place] -= 2 * step
        slope = (after - loss()) / (2 * step)
    torch.testing.assert_close(gradient[place], slope, rtol=1e-5, atol=1e-9)


def test_sizes_follow_the_halvings() -> None:
    netG = MUNITGenerator(dim=2, mlp_dim=4, n_downsample=3, n_res=2)
    content, style = netG.encode(torch.zeros(2, 3, 32, 24))
    assert content.shape == (2, 16, 4, 3)
    assert style.shape == (2, 8, 1, 1)
    assert netG.decode(content, style).shape == (2, 3, 32, 24)
