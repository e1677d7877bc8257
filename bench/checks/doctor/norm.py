"""Is the gradient of instance normalisation right on this machine: this project's, and torch's own?

torch's CPU backward (seen in 2.13 and 2.15) returns an unrelated gradient at batch 1 when the incoming gradient is
channels-last, which is what CUT's patch sampling sends; losses look normal meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.checks.doctor.errors import EXACT, amount, relative_error
from bench.checks.doctor.finding import Finding
from bench.checks.doctor.numbers import SECTION

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-5


def norm_findings(devices: list[str]) -> Iterator[Finding]:
    """Compare both with the written-out formula, on every device.

    Args:
        devices: torch's names: `cpu`, `cuda:0`.
    """
    import torch
    from torch.nn.functional import instance_norm

    from methods.networks.instance_norm import InstanceNorm

    for device in devices:
        where = "" if device == "cpu" else f" on {device}"
        ours = gradient_error(InstanceNorm(8, EPS), device)
        if ours <= EXACT:
            yield Finding(
                SECTION, "instance norm", "ok", f"{amount(ours)}  its gradient{where}, channels-last at batch 1"
            )
        else:
            way_out = f"more than {EXACT:g}: training here goes wrong silently; use another version of torch"
            yield Finding(SECTION, "instance norm", "FAIL", f"{amount(ours)}  its gradient{where}, {way_out}")
        torchs = gradient_error(lambda features: instance_norm(features, eps=EPS), device)
        if torchs > EXACT:
            yield Finding(
                SECTION,
                "torch's own norm",
                "note",
                f"{amount(torchs)}  torch {torch.__version__} itself is WRONG{where} here; contrastbench does not use it; "
                "in your plugins use methods.networks.instance_norm",
            )
        else:
            yield Finding(SECTION, "torch's own norm", "ok", f"{amount(torchs)}  torch itself is right{where}, too")


def gradient_error(norm: Callable[[Tensor], Tensor], device: str = "cpu") -> float:
    """How far a normalisation's gradient is from the formula's, batch 1, float64, incoming gradient channels-last.

    Args:
        norm: (1, 8, 6, 5) -> the same shape.
        device: torch's name of the device.

    Returns:
        |difference| / |gradient|; about 1 if they are unrelated.
    """
    import torch

    rng = np.random.default_rng(0)
    shape = (1, 8, 6, 5)
    features = torch.tensor(rng.normal(size=shape), device=device, requires_grad=True)
    incoming = torch.tensor(rng.normal(size=shape), device=device).to(memory_format=torch.channels_last)

    def gradient(normalise: Callable[[Tensor], Tensor]) -> np.ndarray:
        (found,) = torch.autograd.grad(normalise(features), features, incoming)
        return np.asarray(found.cpu().numpy())

    return relative_error(gradient(norm), gradient(_formula))


def _formula(features: Tensor) -> Tensor:
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return centred / (centred.square().mean(dim=(2, 3), keepdim=True) + EPS).sqrt()
