"""Instance normalisation: this project's form against torch's, forward and backward, in turns on one thread."""

import statistics
import time

import torch
from torch.nn import functional as F

from methods.networks.instance_norm import InstanceNorm

SHAPES = ((1, 64, 64, 64), (1, 256, 16, 16), (1, 64, 256, 256), (1, 256, 64, 64))


def run(shapes: tuple[tuple[int, ...], ...] = SHAPES, repeats: int = 20) -> list[dict[str, object]]:
    """One row per shape: median milliseconds of both and the largest difference of outputs and of gradients.

    The difference is that of a contiguous incoming gradient; torch's own backward is wrong for a channels-last one.

    Args:
        shapes: (batch, C, H, W).
        repeats: of each.
    """
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for shape in shapes:
        generator = torch.Generator().manual_seed(0)
        features, gradient = (torch.randn(shape, generator=generator) for _ in range(2))
        functions = {"ours": InstanceNorm(shape[1]), "torch": F.instance_norm}
        seconds: dict[str, list[float]] = {name: [] for name in functions}
        results: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for _ in range(repeats + 1):
            for name, function in functions.items():
                leaf = features.clone().requires_grad_()
                started = time.perf_counter()
                output = function(leaf)
                output.backward(gradient)
                seconds[name].append(time.perf_counter() - started)
                assert leaf.grad is not None
                results[name] = output.detach(), leaf.grad
        ours, theirs = (1000 * statistics.median(seconds[name][1:]) for name in functions)
        difference = max(float((a - b).abs().max()) for a, b in zip(*results.values(), strict=True))
        rows.append(
            {
                "shape": "x".join(map(str, shape)),
                "milliseconds": ours,
                "milliseconds_torch": theirs,
                "times_faster": theirs / ours,
                "largest_difference": difference,
            }
        )
    return rows
