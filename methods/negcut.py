"""NEGCUT: the patch-wise framework with generated hard negatives; everything else as CUT."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.method import MethodConfig, Task
from methods.patchwise import PatchwiseConfig, PatchwiseTranslation


class NEGCUTConfig(PatchwiseConfig):
    """CUT's options with another loss."""

    loss: str = Field("negcut", description="the patch-wise loss: a name, or FILE.py:Class")


class NEGCUT(PatchwiseTranslation):
    """CUT against a generator of negatives N: update D, then N, then G and F, then the average F_ of F."""

    name = "negcut"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Wang et al., Instance-wise Hard Negative Example Generation for Contrastive Learning, ICCV 2021"
    revision = 1
    source = "WeilunWang/NEGCUT c7dbe3d"
    Config: ClassVar[type[MethodConfig]] = NEGCUTConfig
    # one command for both. For cat2dog the authors edited the discriminator in the source (6 layers, last
    # convolution unpadded); no option does that, so it has no recipe
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"horse2zebra": {}, "cityscapes": {}}

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adds `N`, the whole objective of the negative generator, which is not logged."""
        parts = [losses[name] for name in ("N_NCE", "N_div") if name in losses]
        return losses | {"N": torch.stack(parts).sum()} if parts else losses
