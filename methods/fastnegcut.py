"""FastNEGCUT: NEGCUT with FastCUT's settings."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from bench.method import MethodConfig, Task
from methods.fastcut import FastCUTConfig
from methods.negcut import NEGCUT


class FastNEGCUTConfig(FastCUTConfig):
    """FastCUT's options with another loss."""

    loss: str = Field("negcut", description="the patch-wise loss: a name, or FILE.py:Class")
    # in the released code lambda_NCE, here 10, also weighs the NCE in N's objective
    loss_options: dict[str, Any] = Field(
        {"lambda_N": 10.0}, validate_default=True, description="the loss's own options"
    )


class FastNEGCUT(NEGCUT):
    """The lighter NEGCUT: weight 10, flip equivariance, no identity pair, 150 + 50 epochs."""

    name = "fastnegcut"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Wang et al., Instance-wise Hard Negative Example Generation for Contrastive Learning, ICCV 2021"
    revision = 1
    source = "WeilunWang/NEGCUT c7dbe3d"
    Config: ClassVar[type[MethodConfig]] = FastNEGCUTConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"horse2zebra": {}, "cityscapes": {}}
