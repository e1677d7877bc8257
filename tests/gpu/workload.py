"""Methods to make steps of: in a small configuration for checks, as published for measurements, with batches of noise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.base.randomness import Draws
from bench.plugin.discovery import load_method
from bench.plugin.method import Method, StepContext

METHODS = (
    "cut", "fastcut", "cyclegan", "negcut", "fastnegcut", "src_hdce", "dual_contrastive", "contrastive_feature",
)  # fmt: skip
# of the first paper's tables; their steps are checked, their speed is not measured
RIVALS = ("munit", "drit", "distancegan", "gcgan", "fsesim", "lsesim", "sincut", "sincut, cycle")
_VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {"sincut, cycle": ("sincut", {"objective": "cycle"})}
_TINY = {
    "n_epochs": 1, "n_epochs_decay": 4, "load_size": 64, "crop_size": 64, "ngf": 8, "ndf": 8, "n_blocks": 5,
    "netF_nc": 16, "num_patches": 32, "pool_size": 2,
}  # fmt: skip
# batch 1 at 256 pixels, width 64, unless the method is of another kind
_PUBLISHED: dict[str, dict[str, Any]] = {
    "dual_contrastive": {"batch_size": 8},
    "contrastive_feature": {"pretrained_F": False},
}


def tiny(method: str, **changes: Any) -> Method:
    """A method, or a variant of one, whose step takes a moment, on the CPU."""
    name, options = _VARIANTS.get(method, (method, {}))
    kind = load_method(name)
    values = {n: v for n, v in _TINY.items() if n in kind.Config.model_fields}
    values |= getattr(kind, "conformance", {}) | {"n_epochs_decay": 4} | options | changes
    return kind(kind.Config(**values), Draws(0))


def published(method: str, **changes: Any) -> Method:
    """A method with its published networks, on the CPU."""
    kind = load_method(method)
    return kind(kind.Config(**_PUBLISHED.get(method, {}) | changes), Draws(0))


def batch(method: Method, step: int, device: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """A batch of noise on a device, the same on every device."""
    config: Any = method.config
    width = config.crop_size
    height = round(width / getattr(config, "aspect_ratio", 1.0))
    random = torch.Generator().manual_seed(step)
    tensors = {}
    for stream in method.streams:
        images = torch.rand(config.batch_size, 3, height, width, generator=random, dtype=torch.float64) * 2 - 1
        if stream == "A" and hasattr(config, "label_nc"):
            channels = 1 if config.no_instance else 2
            images = torch.randint(config.label_nc, (config.batch_size, channels, height, width), generator=random)
        tensors[stream] = images.to(device, dtype)
    return tensors


def moment(step: int, steps_per_epoch: int = 1000) -> StepContext:
    """When a step happens; what is drawn for it is keyed by its number."""
    return StepContext(step, step // steps_per_epoch + 1, 8 * steps_per_epoch, 8, Draws(0).at(step))


def state(method: Method) -> dict[str, Tensor]:
    """Every tensor that training moves: weights, buffers, optimizers' averages."""
    found = {f"state/{name}": tensor for name, tensor in method.state_dict().items()}
    for name, optimizer in method.optimizers().items():
        for index, entries in optimizer.state_dict()["state"].items():
            found |= {f"{name}/{index}/{key}": v for key, v in entries.items() if isinstance(v, Tensor)}
    return found


def difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Any]:
    """How two states differ.

    Returns:
        ok: not at all; the number of tensors that differ; and the largest difference relative to a tensor's largest entry.
    """
    if one.keys() != other.keys():
        return {"ok": False, "problem": f"other tensors: {sorted(one.keys() ^ other.keys())[:3]}"}
    differing, largest = 0, 0.0
    for name, tensor in one.items():
        a, b = tensor.detach().double().cpu(), other[name].detach().double().cpu()
        if a.shape != b.shape or not torch.equal(a, b):
            differing += 1
            largest = max(largest, float((a - b).abs().max() / a.abs().max().clamp_min(1e-30)))
    return {"ok": differing == 0, "tensors": len(one), "differing": differing, "largest_difference": largest}
