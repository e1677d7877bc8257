"""CUT: the patch-wise framework with PatchNCE, an identity pair and 200 + 200 epochs."""

from __future__ import annotations

from typing import Any, ClassVar

from bench.method import Task
from methods.patchwise import PatchwiseTranslation


class CUT(PatchwiseTranslation):
    """Contrastive Unpaired Translation: L = GAN + (PatchNCE(real_A, fake_B) + PatchNCE(real_B, idt_B)) / 2.

    The paper weighs both PatchNCE terms 1 (eq. 6); the released code averages them, and so does this.
    """

    name = "cut"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020"
    revision = 1
    hosts_losses = True
    source = "taesungp/contrastive-unpaired-translation b3ac297"
    # one command for every data set: --CUT_mode CUT
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"horse2zebra": {}, "cat2dog": {}, "cityscapes": {}}
