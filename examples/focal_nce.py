"""FocalNCE: PatchNCE that looks away from patches it has already matched."""

from torch import Tensor

from bench.loss import LossContext, PatchLoss
from methods.losses.patchnce import patchnce


class FocalNCE(PatchLoss):
    """(1 - p)^2 PatchNCE, p being the probability that the right patch is picked."""

    name = "focal_nce"
    citation = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4, here on patches"
    revision = 1

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        """(batch, patches) losses of (batch, patches, dim) queries and keys."""
        loss = patchnce(query, key, context.temperature)
        return (1 - (-loss).exp()) ** 2 * loss
