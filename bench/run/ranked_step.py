"""The step of a run on several ranks: everyone draws the same, takes its part of batch and draws, and steps together.

The step is the method's own, made eagerly: a CUDA graph is not recorded across ranks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.base import collective
from bench.base.errors import BenchError
from bench.base.precision import Precision, arithmetic
from bench.plugin.method import Method, StepContext, on_device

CHECK_STEPS = 1000  # between two looks at whether all ranks still hold the same weights; it waits for the device


class RankedStep:
    """Makes the steps of a method on this rank.

    Args:
        method: on the device; the same on every rank.
        precision: of the steps.
    """

    def __init__(self, method: Method, precision: Precision = "fp32") -> None:
        self.method, self.precision = method, precision
        self.device = next(method.parameters()).device
        self._made = 0

    def __call__(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        """Draw a step and make it.

        Args:
            batch: the whole of it; see `Method.step`.
            context: the moment.

        Returns:
            The losses of the whole batch, on every rank the same; see `Method.step`.

        Raises:
            BenchError: something drawn does not divide among the ranks, or they hold different weights.
        """
        with collective.together(), arithmetic(self.precision, self.device.type):
            if self._made % CHECK_STEPS == 0 and not collective.are_equal(self.method.parameters()):
                raise BenchError(
                    f"the ranks hold different weights before step {context.step}; run the same command again"
                )
            self._made += 1
            context = context.with_shapes(batch)
            drawn = self.method.draw(context)
            phase = self.method.phase(context, drawn)
            try:
                part = self.method.own_draws(drawn, collective.own)
                own = {stream: collective.own(tensor) for stream, tensor in batch.items()}
            except ValueError as error:
                raise BenchError(f"--ranks {collective.count()}: {error}; change --ranks or the batch") from None
            losses = self.method.step(own, on_device(part, self.device), phase)
            means = collective.mean(torch.stack([loss.detach().reshape(()).double() for loss in losses.values()]))
            return dict(zip(losses, means.unbind(), strict=True))
