import pytest
import torch
from torch import Tensor

from methods.networks.instance_norm import AffineInstanceNorm, InstanceNorm


def explicit_gradient(x: Tensor, grad: Tensor, eps: float) -> Tensor:
    """d/dx of (x - mean) / sqrt(var + eps), by hand."""
    mean = x.mean((2, 3), keepdim=True)
    scale = (x.var((2, 3), keepdim=True, unbiased=False) + eps).rsqrt()
    normed = (x - mean) * scale
    along = (grad * normed).mean((2, 3), keepdim=True)
    return scale * (grad - grad.mean((2, 3), keepdim=True) - normed * along)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_gradient_is_right_in_every_memory_format(
    batch: int, channels_last: bool, dtype: torch.dtype, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 6, 9, 7, generator=generator, dtype=torch.float64)
    grad = torch.randn(batch, 6, 9, 7, generator=generator, dtype=torch.float64)
    expected = explicit_gradient(x, grad, 1e-5)
    given = grad.to(dtype)
    if channels_last:
        given = given.to(memory_format=torch.channels_last)
    leaf = x.to(dtype).requires_grad_()
    InstanceNorm(6)(leaf).backward(given)
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad.double(), expected, rtol=tolerance, atol=tolerance)


def test_gradient_through_patch_sampling_is_right() -> None:
    # CUT's own sampling (NHWC, flatten, index) is what makes the gradient channels-last
    x = torch.randn(1, 4, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([3, 8, 30])
    weight = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    leaf = x.clone().requires_grad_()
    (InstanceNorm(4)(leaf).permute(0, 2, 3, 1).flatten(1, 2)[0, ids] * weight).sum().backward()
    grad = torch.zeros(1, 4, 36, dtype=torch.float64)
    grad[0, :, ids] = weight.T
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, explicit_gradient(x, grad.view(1, 4, 6, 6), 1e-5), rtol=1e-12, atol=1e-12)


def test_affine_is_the_same_scaled_and_shifted() -> None:
    norm = AffineInstanceNorm(3).double()
    x = torch.randn(1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    grad = torch.randn(1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -1.0, 0.5]))
        norm.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    leaf = x.clone().requires_grad_()
    out = norm(leaf)
    torch.testing.assert_close(out, InstanceNorm(3)(x) * norm.weight.view(3, 1, 1) + norm.bias.view(3, 1, 1))
    out.backward(grad.to(memory_format=torch.channels_last))
    expected = explicit_gradient(x, grad * norm.weight.detach().view(3, 1, 1), 1e-5)
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, expected, rtol=1e-12, atol=1e-12)
