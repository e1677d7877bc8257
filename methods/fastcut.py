"""FastCUT: the patch-wise framework with PatchNCE at weight 10, flip equivariance, and no identity pair."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from bench.method import MethodConfig, Task
from methods.patchwise import PatchwiseConfig, PatchwiseTranslation


class FastCUTConfig(PatchwiseConfig):
    """What `--CUT_mode FastCUT` changes."""

    n_epochs: int = Field(150, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(50, ge=0, description="epochs over which the learning rate then falls linearly")
    lambda_NCE: float = Field(10.0, ge=0, description="weight of everything the patch-wise loss returns")
    nce_idt: bool = Field(False, description="a second pair: real_B and its translation (identity)")
    flip_equivariance: bool = Field(True, description="translate a mirrored image one half of the time")


class FastCUT(PatchwiseTranslation):
    """The lighter CUT: L = GAN + 10 PatchNCE(real_A, fake_B), the translation mirrored one half of the time."""

    name = "fastcut"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020"
    revision = 1
    source = "taesungp/contrastive-unpaired-translation b3ac297"
    Config: ClassVar[type[MethodConfig]] = FastCUTConfig
    # one command for every data set: --CUT_mode FastCUT
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"horse2zebra": {}, "cat2dog": {}, "cityscapes": {}}
