import torch

from methods.networks.image_layer_norm import ImageLayerNorm


def test_it_divides_by_the_unbiased_deviation_plus_eps() -> None:
    norm = ImageLayerNorm(2)
    with torch.no_grad():
        norm.gamma.copy_(torch.tensor([1.0, 2.0]))
        norm.beta.copy_(torch.tensor([0.0, 5.0]))
    x = torch.tensor([[[[0.0, 1.0]], [[2.0, 5.0]]]]).expand(3, -1, -1, -1)
    normed = (x[0] - 2) / ((4 + 1 + 0 + 9) / 3) ** 0.5
    expected = torch.stack([normed[0], normed[1] * 2 + 5])
    for made in norm(x):
        torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def test_a_constant_image_stays_finite() -> None:
    assert torch.equal(ImageLayerNorm(2)(torch.ones(1, 2, 3, 3)), torch.zeros(1, 2, 3, 3))


def test_gamma_starts_anywhere_between_0_and_1() -> None:
    norm = ImageLayerNorm(1000)
    norm.initialise(torch.Generator().manual_seed(0))
    assert 0 <= norm.gamma.min() < 0.01
    assert 0.99 < norm.gamma.max() <= 1


def test_gradient() -> None:
    norm = ImageLayerNorm(2).double()
    x = torch.randn(2, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x,))
