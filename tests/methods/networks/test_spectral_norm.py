import pytest
import torch
from torch import nn

from methods.networks.spectral_norm import SpectralConv2d


@pytest.mark.parametrize("bias", [True, False])
def test_equals_torchs_spectral_norm_over_several_passes(bias):
    ours = SpectralConv2d(3, 5, 4, stride=2, padding=2, bias=bias).double()
    theirs = nn.utils.spectral_norm(nn.Conv2d(3, 5, 4, stride=2, padding=2, bias=bias)).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for module in (ours, theirs):  # two passes before one backward, as a GAN's discriminator makes
        (module(x).square().mean() + module(x.flip(-1)).abs().mean()).backward()
    for (name, one), two in zip(ours.named_parameters(), dict(theirs.named_parameters()).values(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-12, atol=1e-14, msg=name)
    for name, buffer in ours.named_buffers():
        torch.testing.assert_close(buffer, theirs.get_buffer(name), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-14)


def test_sigma_converges_to_the_largest_singular_value():
    convolution = SpectralConv2d(3, 5, 3)
    for _ in range(200):
        sigma = convolution.sigma()
    assert float(sigma.detach()) == pytest.approx(
        float(torch.linalg.matrix_norm(convolution.weight_orig.detach().flatten(1), 2))
    )


def test_the_generator_decides_the_initial_values():
    def built(seed: int) -> dict[str, torch.Tensor]:
        convolution = SpectralConv2d(3, 5, 3)
        convolution.reset(torch.Generator().manual_seed(seed))
        return convolution.state_dict()

    one, same, other = built(0), built(0), built(1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one if name != "bias")
