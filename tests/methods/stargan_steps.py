"""Recorded iterations of StarGAN v2, and of SRC + hDCE on it, complete but for what tests/golden/README.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MULTIDOMAIN = Path(__file__).parents[1] / "golden" / "multidomain"
TINY: dict[str, Any] = {
    "crop_size": 64, "num_domains": 2, "batch_size": 2, "latent_dim": 4, "style_dim": 6, "base_dim": 4, "hidden_dim": 16,
    "ds_iter": 100,
}  # fmt: skip
RECORDED: dict[str, dict[str, Any]] = {
    "stargan_v2": TINY | {"max_conv_dim": 10},
    "stargan_src_released": TINY | {"max_conv_dim": 8, "variant": "released", "num_patches": 48, "netF_nc": 8},
}
TOTAL_STEPS = 4  # total_iters of the recorded runs, of which two iterations are recorded
UPDATES = {"D": ("_d_latent", "_d_reference"), "G": ("_g_latent", "_g_reference")}  # of what is updated twice


def stargan_steps(name: str) -> dict[str, Tensor]:
    """The two recorded iterations, with the weights that Adam and the averages make of the recorded gradients."""
    with np.load(MULTIDOMAIN / f"trainstep_{name}.npz") as arrays:
        found = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    record = {key: _value(value) for key, value in found.items()}
    return record | weights_after(record)


def _value(stored: Tensor) -> Tensor:
    """Images are stored as bytes k of k / 128 - 1, other real numbers in the least precision that holds them."""
    if stored.dtype == torch.uint8:
        return stored.double() / 128 - 1
    return stored.double() if stored.is_floating_point() else stored


def weights_after(record: dict[str, Tensor]) -> dict[str, Tensor]:
    """`after_stepS/...` of both iterations, of the networks whose gradients are there."""
    after = {}
    for key in [key for key in record if key.startswith("init/") and "_ema." not in key]:
        place = key.removeprefix("init/")
        network, _, rest = place.partition(".")
        updates = UPDATES.get(network, ("",))
        if f"grad_step0{updates[0]}/{place}" not in record:
            continue
        weight = nn.Parameter(record[key].clone())
        lr = 1e-6 if network == "M" else 1e-4
        optimizer = torch.optim.Adam([weight], lr=lr, betas=(0.0, 0.99), weight_decay=1e-4)
        average = record.get(f"init/{network}_ema.{rest}")
        for step in range(2):
            for update in updates:
                weight.grad = record[f"grad_step{step}{update}/{place}"]
                optimizer.step()
            after[f"after_step{step}/{place}"] = weight.detach().clone()
            if average is not None:
                average = 0.999 * average + 0.001 * weight.detach()
                after[f"after_step{step}/{network}_ema.{rest}"] = average
    return after
