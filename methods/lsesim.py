"""LSeSim: the spatially-correlative loss between features that learned selectors choose."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from bench.method import MethodConfig, Task
from methods.spatial_correlation import SpatialCorrelation, SpatialCorrelationConfig


class LSeSimConfig(SpatialCorrelationConfig):
    """What `--learned_attn --augment --patch_size 32` changes."""

    patch_size: int = Field(
        32, ge=1, description="side of the window that a query is compared with; the authors' advice, F-LSeSim issue 1"
    )
    learned_attn: bool = Field(True, description="selectors, trained to find places again, see the features")
    augment: bool = Field(True, description="recoloured images are positives of the selectors too")


class LSeSim(SpatialCorrelation):
    """Learned self-similarity: selectors are trained by contrast in a step of their own, then L = GAN + 10 S."""

    name = "lsesim"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Zheng et al., The Spatially-Correlative Loss for Various Image Translation Tasks, CVPR 2021"
    revision = 1
    source = "lyndonzheng/F-LSeSim 6ca7883"
    Config: ClassVar[type[MethodConfig]] = LSeSimConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"*": {}}  # one command for every data set
