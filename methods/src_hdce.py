"""SRC + hDCE: the patch-wise framework with semantic relation consistency and a decoupled hard-negative loss."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.method import MethodConfig, Task
from methods.patchwise import PatchwiseConfig, PatchwiseTranslation


class SRCConfig(PatchwiseConfig):
    """CUT's options with another loss."""

    loss: str = Field("src_hdce", description="the patch-wise loss: a name, or FILE.py:Class")


class SRCHDCETranslation(PatchwiseTranslation):
    """L = GAN + 0.1 (hDCE(real_A, fake_B) + hDCE(real_B, idt_B)) / 2 + 0.05 SRC(real_A, fake_B)."""

    name = "src_hdce"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Jung et al., Exploring Patch-wise Semantic Relation for Contrastive Learning, CVPR 2022"
    revision = 1
    source = "jcy132/Hneg_SRC 9a9647d"
    Config: ClassVar[type[MethodConfig]] = SRCConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "horse2zebra": {},
        # --lambda_SRC 0.1 and gamma 1 after epoch 200 of 400
        "cityscapes": {"loss_options": {"lambda_SRC": 0.1, "step_at": 0.5}},
    }

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the released code logs: hDCE, and with it G, hold a cross entropy that is not what it optimises."""
        pairs = [suffix for suffix in ("", "_Y") if f"hDCE_reported{suffix}" in losses]
        if not pairs:
            return losses
        reported = {suffix: losses[f"hDCE_reported{suffix}"] for suffix in pairs}
        excess = torch.stack([reported[suffix] - losses[f"hDCE{suffix}"] for suffix in pairs]).mean()
        named = {f"{name}{suffix}": value for suffix, value in reported.items() for name in ("hDCE", "HDCE")}
        return losses | named | {"G": losses["G"] + excess}
