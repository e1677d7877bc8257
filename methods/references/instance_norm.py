"""Is the gradient of instance normalisation right on this machine: this project's, and torch's own?

torch's CPU backward (seen in 2.13 and 2.15) returns an unrelated gradient at batch 1 when the incoming gradient is
channels-last, which is what CUT's patch sampling sends; losses look normal meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import instance_norm

from bench.plugin.reference import Numbers, ReferenceCheck, relative_error
from methods.networks.instance_norm import InstanceNorm

EPS = 1e-5


class InstanceNormReference(ReferenceCheck):
    """This project's normalisation against the written-out formula; no stored numbers are needed."""

    name = "instance_norm"
    part = "instance norm"
    what = "its gradient, channels-last at batch 1"
    way_out = "training here goes wrong silently; use another version of torch"
    every_device = True

    def numbers(self) -> Numbers:
        """No stored numbers."""
        return {}

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The relative error of the gradient."""
        return gradient_error(InstanceNorm(8, EPS), device)


class TorchNormReference(InstanceNormReference):
    """Torch's own normalisation: good to know for whoever writes a plugin, since this project does not use it."""

    name = "torch_instance_norm"
    part = "torch's own norm"
    what = "torch itself is right"
    if_wrong = "note"

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The relative error of the gradient."""
        return gradient_error(lambda features: instance_norm(features, eps=EPS), device)

    def line(self, fine: bool, where: str = "") -> str:
        """Whether plugins may use torch's."""
        if fine:
            return f"torch itself is right{where}, too"
        return (
            f"torch {torch.__version__} itself is WRONG here{where}; contrastbench does not use it; "
            "in your plugins use methods.networks.instance_norm"
        )


def gradient_error(norm: Callable[[Tensor], Tensor], device: str = "cpu") -> float:
    """How far a normalisation's gradient is from the formula's, batch 1, float64, incoming gradient channels-last.

    Args:
        norm: (1, 8, 6, 5) -> the same shape.
        device: torch's name of the device.

    Returns:
        |difference| / |gradient|; about 1 if they are unrelated.
    """
    rng = np.random.default_rng(0)
    shape = (1, 8, 6, 5)
    features = torch.tensor(rng.normal(size=shape), device=device, requires_grad=True)
    incoming = torch.tensor(rng.normal(size=shape), device=device).to(memory_format=torch.channels_last)

    def gradient(normalise: Callable[[Tensor], Tensor]) -> np.ndarray:
        (result,) = torch.autograd.grad(normalise(features), features, incoming)
        return np.asarray(result.cpu().numpy())

    return relative_error(gradient(norm), gradient(formula))


def formula(features: Tensor) -> Tensor:
    """Instance normalisation written out, (batch, channels, H, W)."""
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return centred / (centred.square().mean(dim=(2, 3), keepdim=True) + EPS).sqrt()
