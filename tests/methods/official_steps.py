"""Recorded training steps of original programs, complete again: what tests/golden/README.md says is left out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.checks.replay.replay import Replay

RIVALS = Path(__file__).parents[1] / "golden" / "rivals"


def official_arrays(name: str) -> dict[str, Tensor]:
    """A file's arrays, in double precision where they are real numbers."""
    with np.load(RIVALS / f"{name}.npz") as arrays:
        found = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    return {key: value.double() if value.is_floating_point() else value for key, value in found.items()}


def official_steps(method: str, **adam: Any) -> dict[str, Tensor]:
    """The two recorded steps of a method, with the weights after the first, which Adam makes of recorded gradients."""
    record = official_arrays(f"trainstep_{method}")
    for key in [key for key in record if key.startswith("grad_step0/")]:
        place = key.removeprefix("grad_step0/")
        weight = nn.Parameter(record[f"init/{place}"].clone())
        weight.grad = record[key]
        torch.optim.Adam([weight], **adam).step()
        record[f"after_step0/{place}"] = weight.detach()
    return record


def largest_errors(result: Replay, record: dict[str, Tensor]) -> tuple[float, float]:
    """(relative, absolute): of losses, images and everything of weights; of biases, whose gradient may be noise."""
    errors = result.compare(record, floor=1e-300)
    relative = max(error for key, error in errors.items() if not key.endswith(".bias"))
    biases = [key for key in errors if key.endswith(".bias")]
    return relative, max(float((result.tensors[key] - record[key]).abs().max()) for key in biases)
