r"""A loss that learns: PatchNCE whose temperature is a parameter, trained in the step of G and F.

As in CLIP (Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2.5): the logarithm of its inverse is learnt and kept at or below log 100. Try it:

    contrastbench compare --loss examples/learned_temperature.py:LearnedTemperature --against cut \
        --protocol earth-land2sat --scale smoke --seeds 3
"""

from math import log

import torch
from torch import Tensor, nn

from bench.loss import LossConfig, LossContext, PatchLoss
from methods.losses.patchnce import patchnce


class LearnedTemperature(PatchLoss):
    """PatchNCE at the temperature exp(-log_scale)."""

    name = "learned_temperature"
    citation = "after Radford et al., CLIP, ICML 2021, section 2.5, here on patches"
    revision = 1

    def __init__(self, config: LossConfig | None = None) -> None:
        super().__init__(config)
        # a parameter of a loss is trained with G and F; requires_grad_(False) would freeze it
        self.log_scale = nn.Parameter(torch.tensor(log(1 / 0.07)))

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        """(batch, patches) losses of (batch, patches, dim) queries and keys."""
        scale = self.log_scale.clamp(max=log(100)).exp()
        return patchnce(query * scale, key, 1.0)
