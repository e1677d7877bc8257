import pytest
import torch
from torch.nn import functional as F

from methods.networks.padding import ReflectionPad2d, pad, summed_slices


@pytest.mark.parametrize("border", ["reflect", "replicate"])
@pytest.mark.parametrize(("width", "size"), [(1, (6, 5)), (3, (4, 9)), (3, (4, 4)), (1, (2, 2))])
def test_values_and_gradients_are_torchs(border: str, width: int, size: tuple[int, int]) -> None:
    features = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    found, expected = summed_slices(features, width, border), F.pad(features, [width] * 4, mode=border)
    assert torch.equal(found, expected)
    for memory in (torch.contiguous_format, torch.channels_last):
        incoming = torch.randn_like(expected).to(memory_format=memory)
        (one,) = torch.autograd.grad(found, features, incoming, retain_graph=True)
        (other,) = torch.autograd.grad(expected, features, incoming, retain_graph=True)
        torch.testing.assert_close(one, other, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("border", ["reflect", "replicate"])
def test_gradients_of_gradients(border: str) -> None:
    features = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: summed_slices(x.square(), 2, border), features)


def test_on_the_cpu_it_is_torchs_own() -> None:
    features = torch.randn(1, 2, 8, 8, requires_grad=True)
    assert "ReflectionPad2D" in type(pad(features, 1, "reflect").grad_fn).__name__
    assert torch.equal(ReflectionPad2d(3)(features), F.pad(features, [3] * 4, mode="reflect"))
    assert not ReflectionPad2d(3).state_dict()
