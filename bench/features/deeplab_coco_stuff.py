"""Shares of COCO-Stuff's classes in images, by DeepLab v2 with its released weights: what CUT measures zebras with.

Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, supplement, 1.4: an
off-the-shelf model of kazuto1011/deeplab-pytorch. Which of its files is not said; taken is that of all 164k images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.base.weight_files import WeightFile
from bench.features.extractor import Extractor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

_NAME = "deeplabv2_resnet101_msc-cocostuff164k-100000.pth"
WEIGHTS = WeightFile(
    name=_NAME,
    sha256="",  # none is published
    purpose="the share of zebra pixels",
    origin="https://github.com/kazuto1011/deeplab-pytorch/releases/download/v1.0/" + _NAME,
)
CLASSES = 182
HORSE, ZEBRA = 18, 23  # from 0, in the numbering of all 182 classes
SIDE = 513  # to which the longer side is resized
MEAN_BGR = (104.008, 116.669, 122.675)


class DeepLabCOCOStuff(Extractor):
    """The share of an image's pixels that each of 182 classes has."""

    id = "deeplab-v2-coco-stuff-164k@1"
    dimension = CLASSES
    source = f"network: DeepLab v2, ResNet-101, three sizes; weights: {_NAME} (kazuto1011/deeplab-pytorch 4219467, MIT)"
    preprocessing = "longer side to 513, bilinear, no antialias, rounded; BGR minus (104.008, 116.669, 122.675)"
    batch_size = 1  # images need not have one shape
    cuda_batch_size = 1

    def check(self) -> None:
        """See `Extractor.check`."""
        WEIGHTS.find(self.weights)

    def network(self) -> nn.Module:
        """See `Extractor.network`."""
        from bench.features.deeplab_v2 import ClassShares, DeepLabV2

        deeplab = DeepLabV2(CLASSES)

        def take(state: Mapping[str, Tensor]) -> None:
            # counters of batches, which files of torch before 0.4.1 lack and no forward pass reads
            counters = {name: value for name, value in deeplab.state_dict().items() if name.endswith("_tracked")}
            deeplab.load_state_dict({**counters, **state})

        WEIGHTS.load(self.weights, take)
        return ClassShares(deeplab)

    def preprocess(self, pixels: np.ndarray) -> Tensor:
        """See `Extractor.preprocess`."""
        import torch
        import torch.nn.functional as F

        image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
        scale = SIDE / max(image.shape[2:])
        size = [round(side * scale) for side in image.shape[2:]]
        resized = F.interpolate(image, size=size, mode="bilinear", align_corners=False).round()[0]
        return resized.flip(0) - torch.tensor(MEAN_BGR)[:, None, None]
