import pytest
from torch import nn

from methods.references.instance_norm import InstanceNormReference, TorchNormReference, formula, gradient_error


def test_a_gradient_error_is_measured() -> None:
    assert gradient_error(formula) == 0
    assert gradient_error(lambda x: nn.functional.group_norm(x, 8)) < 1e-14
    assert gradient_error(lambda x: 2 * nn.functional.group_norm(x, 8)) == pytest.approx(1)
    centred = gradient_error(lambda x: (x - x.mean((2, 3), keepdim=True)) / x.detach().std((2, 3), keepdim=True))
    assert 0.01 < centred < 1  # the term through the variance forgotten


def test_ours_is_right_on_this_torch() -> None:
    assert InstanceNormReference().error({}) < InstanceNormReference.tolerance


def test_whose_norm_is_wrong_is_said() -> None:
    ours, torchs = InstanceNormReference(), TorchNormReference()
    assert (ours.if_wrong, torchs.if_wrong) == ("FAIL", "note")
    assert ours.line(False).endswith("training here goes wrong silently; use another version of torch")
    assert torchs.line(True, ", on cuda:0") == "torch itself is right, on cuda:0, too"
    assert "itself is WRONG here; contrastbench does not use it" in torchs.line(False)
