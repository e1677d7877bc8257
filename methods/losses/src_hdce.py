"""SRC + hDCE: the semantic relation of patches is kept, and steers how much each negative counts.

Jung, Kwon, Ye, "Exploring Patch-wise Semantic Relation for Contrastive Learning in Image-to-Image Translation Tasks",
CVPR 2022, section 3; jcy132/Hneg_SRC 9a9647d, Single-modal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from bench.loss import LayerPair, LayerShape, LossConfig, LossContext, Pair, PairLoss
from bench.method import StepContext
from methods.losses.hdce import coupled, hardness_divisor, hardness_weights, hdce_paper, hdce_released
from methods.losses.semantic_relation import semantic_relation


class SRCHDCEConfig(LossConfig):
    """The options of the released code; defaults are its horse2zebra command."""

    variant: Literal["released", "paper"] = Field(
        "released", description="hardness weights multiply similarities (released code) or exponentials (paper, eq. 5)"
    )
    contrast: Literal["DCE", "InfoNCE"] = Field("DCE", description="without or with the positive in the denominator")
    lambda_hDCE: float = Field(0.1, ge=0, description="weight of the contrastive term")
    # 0.1 for cityscapes
    lambda_SRC: float = Field(0.05, ge=0, description="weight of the semantic relation; 0 leaves it out")
    Hneg: bool = Field(True, description="weight negatives by hardness (without it: the released option no_Hneg)")
    curriculum: bool = Field(True, description="let the hardness grow with the epochs; otherwise gamma stays")
    # the released code divides by gamma. The paper's gamma multiplies; it prints no value, and here it is 1 / gamma
    gamma: float = Field(50.0, gt=0, description="divisor of similarities in the hardness, at the beginning")
    gamma_min: float = Field(10.0, gt=0, description="the divisor at the end")
    # cityscapes: epoch 200 of 400, so 0.5; a share, so that shorter runs make the same step
    step_at: float | None = Field(None, gt=0, le=1, description="share of the epochs after which the divisor is 1")


class SRCHDCE(PairLoss):
    """lambda_hDCE mean over pairs of hDCE + lambda_SRC SRC(translation), each averaged over layers.

    Examples:
        >>> SRCHDCE().depends_on_epoch
        True
        >>> SRCHDCE(SRCHDCEConfig(curriculum=False)).depends_on_epoch
        False
    """

    name = "src_hdce"
    citation = "Jung et al., Exploring Patch-wise Semantic Relation for Contrastive Learning, CVPR 2022"
    revision = 1
    Config: ClassVar[type[LossConfig]] = SRCHDCEConfig
    config: SRCHDCEConfig
    share_ids = True  # drawn once on the translation and used for the identity pair too

    @property
    def depends_on_epoch(self) -> bool:
        """Whether the hardness has its curriculum."""
        return self.config.Hneg and self.config.curriculum

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        """The divisor g of this epoch, if negatives are weighted."""
        c = self.config
        if not c.Hneg:
            return {}
        divisor = c.gamma
        if c.curriculum:
            divisor = hardness_divisor(context.epoch, context.total_epochs, c.gamma, c.gamma_min, c.step_at)
        return {"divisor": torch.tensor(divisor, dtype=torch.float64)}

    def contrast(self, layer: LayerPair, context: LossContext) -> Tensor:
        """(batch, patches) decoupled losses of one layer."""
        divisor = context.drawn["divisor"] if self.config.Hneg else None
        if self.config.variant == "paper":
            gamma = None if divisor is None else 1 / divisor
            return hdce_paper(layer.query, layer.key, gamma, context.temperature)
        weights = None if divisor is None else hardness_weights(layer.key, divisor)
        return hdce_released(layer.query, layer.key, weights, context.temperature)

    def forward(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        """The terms of one pair, weighted.

        Returns:
            `hDCE`, or `NCE` if the contrast is InfoNCE; `SRC` for the translation; and with hDCE `hDCE_reported`,
            without gradient: the cross entropy that the released code logs in the place of what it optimises.
        """
        decoupled = [self.contrast(layer, context) for layer in pair.layers]
        cross_entropy = self._mean([coupled(losses) for losses in decoupled])
        if self.config.contrast == "InfoNCE":
            terms = {"NCE": cross_entropy}
        else:
            terms = {"hDCE": self._mean(decoupled), "hDCE_reported": cross_entropy.detach()}
        if pair.kind == "translation" and self.config.lambda_SRC > 0:
            relations = [semantic_relation(layer.query, layer.key).mean() for layer in pair.layers]
            terms["SRC"] = self.config.lambda_SRC * torch.stack(relations).mean()
        return terms

    def _mean(self, layers: list[Tensor]) -> Tensor:
        return self.config.lambda_hDCE * torch.stack([losses.mean() for losses in layers]).mean()
