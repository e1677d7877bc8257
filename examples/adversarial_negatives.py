r"""A loss with an opponent: negatives that are trained to be as confusing as they can be, beside the image's own patches.

After AdCo (Hu, Wang, Hu, Qi, "AdCo: Adversarial Contrast for Efficient Learning of Unsupervised Representations from
Self-Trained Negative Adversaries", CVPR 2021), here per encoder layer. Try it:

    contrastbench compare --loss examples/adversarial_negatives.py:AdversarialNegatives --against cut \
        --protocol earth-land2sat --scale smoke --seeds 3
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from bench.loss import LossConfig, LossContext, Pair, PairLoss


class AdversarialNegativesConfig(LossConfig):
    """Options, given as --loss-option KEY=VALUE."""

    negatives: int = Field(64, ge=1, description="trained negatives per layer")


class AdversarialNegatives(PairLoss):
    """InfoNCE whose negatives are the image's other patches and a bank of vectors that maximise the same loss."""

    name = "adversarial_negatives"
    citation = "after Hu et al., AdCo: Adversarial Contrast, CVPR 2021"
    revision = 1
    Config = AdversarialNegativesConfig
    config: AdversarialNegativesConfig

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        """One bank per layer, as wide as the projection head's vectors."""
        width = list(make_head().parameters())[-1].shape[0]  # the last bias of the head
        self.banks = nn.ParameterList(torch.randn(self.config.negatives, width) for _ in channels)

    def forward(self, pair: Pair, context: LossContext) -> Tensor:
        """The loss of one pair: mean over patches, then over layers."""
        means = []
        for layer, bank in zip(pair.layers, self.banks, strict=True):
            patches = layer.query @ layer.key.transpose(1, 2)
            trained = layer.query @ normalize(bank, dim=1).T
            logits = torch.cat([patches, trained], dim=2) / context.temperature
            positive = patches.diagonal(dim1=1, dim2=2) / context.temperature
            means.append((logits.logsumexp(dim=2) - positive).mean())
        return torch.stack(means).mean()

    def adversary_parameters(self) -> list[nn.Parameter]:
        """The banks: the host gives them an optimizer and a step of their own, between D's and G's."""
        return list(self.banks)

    def adversary_loss(self, pairs: Sequence[Pair], context: LossContext) -> Tensor:
        """The same loss with the other sign: the banks want the patches confused."""
        return -torch.stack([self(pair, context) for pair in pairs]).mean()

    def networks(self) -> dict[str, nn.Module]:
        """The banks under a name of their own, for parameter counts."""
        return {"N": self.banks}
