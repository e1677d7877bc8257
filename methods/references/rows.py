"""The rows of one image that the records of three losses share."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.plugin.reference import Numbers


def rows(numbers: Numbers, name: str, device: str = "cpu") -> Tensor:
    """Rows of one image, with gradient.

    Args:
        numbers: holds `name`, (patches, dim).
        name: `rows/q`, `rows/k`, ...
        device: torch's name of the device.

    Returns:
        (1, patches, dim), float64.
    """
    return torch.tensor(numbers[name][None], device=device, requires_grad=True)
