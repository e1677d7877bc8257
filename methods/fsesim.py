"""FSeSim: the spatially-correlative loss between fixed features of VGG16, as F-LSeSim's training script sets it."""

from __future__ import annotations

from typing import Any, ClassVar

from bench.method import Task
from methods.spatial_correlation import SpatialCorrelation


class FSeSim(SpatialCorrelation):
    """Fixed self-similarity: L = GAN + 10 S(real_A, fake_B); the window of 64 is the whole map of a 256 px image."""

    name = "fsesim"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Zheng et al., The Spatially-Correlative Loss for Various Image Translation Tasks, CVPR 2021"
    revision = 1
    source = "lyndonzheng/F-LSeSim 6ca7883"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"*": {}}  # scripts/train_sc.sh: one command for every data set
