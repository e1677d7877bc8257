"""SRC + hDCE as its authors put it into StarGAN v2: the hardness follows iterations, the relation is summed.

Jung, Kwon, Ye, "Exploring Patch-wise Semantic Relation for Contrastive Learning in Image-to-Image Translation Tasks",
CVPR 2022, section 4.2; jcy132/Hneg_SRC 9a9647d, Multimodal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.loss import LayerShape, LossConfig, LossContext, Pair, PairLoss
from bench.method import StepContext
from methods.losses.hdce import coupled, hardness_weights, hdce_released
from methods.losses.semantic_relation import semantic_relation


class SRCHDCEMultimodalConfig(LossConfig):
    """The released program's options; defaults are its command for Seasons."""

    lambda_src: float = Field(0.1, ge=0, description="weight of the semantic relation; 0 leaves it out")
    # 0.1 for Weather
    lambda_dce: float = Field(1.0, ge=0, description="weight of the decoupled contrast")
    lambda_nce: float = Field(
        0.0, ge=0, description="above 0: this weight of the contrast with the positive in its denominator, instead"
    )
    use_hard: bool = Field(True, description="weight negatives by hardness")
    use_curriculum: bool = Field(
        True, description="let the hardness grow with the iterations; otherwise gamma_start stays"
    )
    gamma_start: float = Field(50.0, gt=0, description="divisor of similarities in the hardness at the first iteration")
    gamma_end: float = Field(1.0, gt=0, description="the divisor after the last iteration")


class SRCHDCEMultimodal(PairLoss):
    """lambda_src SRC + lambda_dce hDCE, each averaged over layers.

    SRC is the sum over the minibatch, its patches and their neighbours, so its weight grows with batch and patches.

    Examples:
        >>> SRCHDCEMultimodal().depends_on_epoch
        False
    """

    name = "src_hdce_multimodal"
    citation = "Jung et al., Exploring Patch-wise Semantic Relation for Contrastive Learning, CVPR 2022"
    revision = 1
    Config: ClassVar[type[LossConfig]] = SRCHDCEMultimodalConfig
    config: SRCHDCEMultimodalConfig

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        """The divisor of this iteration, if negatives are weighted."""
        c = self.config
        if not c.use_hard:
            return {}
        done = context.step / context.total_steps if c.use_curriculum else 0.0
        return {"divisor": torch.tensor(c.gamma_start + (c.gamma_end - c.gamma_start) * done, dtype=torch.float64)}

    def forward(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        """The terms of one pair, weighted.

        Returns:
            `SRC`; `hDCE`, or `NCE` if lambda_nce is above 0; with hDCE `hDCE_reported`, without gradient: the cross
            entropy that the released program logs in the place of what it optimises.
        """
        c, terms = self.config, {}
        if c.lambda_src > 0:
            relations = [semantic_relation(layer.query, layer.key).sum() for layer in pair.layers]
            terms["SRC"] = c.lambda_src * torch.stack(relations).mean()
        divisor = context.drawn["divisor"] if c.use_hard else None
        decoupled = [
            hdce_released(
                layer.query,
                layer.key,
                None if divisor is None else hardness_weights(layer.key, divisor),
                context.temperature,
            )
            for layer in pair.layers
        ]
        cross_entropy = torch.stack([coupled(losses).mean() for losses in decoupled]).mean()
        if c.lambda_nce > 0:
            terms["NCE"] = c.lambda_nce * cross_entropy
        elif c.lambda_dce > 0:
            terms["hDCE"] = c.lambda_dce * torch.stack([losses.mean() for losses in decoupled]).mean()
            terms["hDCE_reported"] = c.lambda_dce * cross_entropy.detach()
        return terms
