"""The FID Inception network with the official weights: the only features whose distance may be called FID.

Source: mseitzer/pytorch-fid 0.3.0, `inception.py`: TensorFlow's inception-2015-12-05 graph, ported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.base.weight_files import WeightFile
from bench.features.extractor import Extractor

if TYPE_CHECKING:
    from torch import Tensor, nn

_NAME = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS = WeightFile(
    name=_NAME,
    sha256="6726825d",  # the file name carries it; torch hub checks it after pytorch-fid's download
    purpose="FID",
    origin="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/" + _NAME,
)


class FIDInception(Extractor):
    """Pool-3 features of the FID Inception network (Heusel et al. 2017, Two Time-Scale Update Rule)."""

    id = "fid-inception-2015-12-05@1"
    dimension = 2048
    source = f"network: pytorch-fid 0.3.0; weights: {_NAME} (TensorFlow's inception-2015-12-05, Apache-2.0)"
    preprocessing = "to [0, 1]; 299x299 bilinear, align_corners=False, no antialias, float; 2x - 1"
    batch_size = 8

    def check(self) -> None:
        """See `Extractor.check`."""
        WEIGHTS.find(self.weights)

    def network(self) -> nn.Module:
        """See `Extractor.network`."""
        from torch import nn

        network = build_inception()
        WEIGHTS.load(self.weights, network.load_state_dict)
        network.fc = nn.Identity()  # pool-3 features instead of the 1008 classes
        return network

    def preprocess(self, pixels: np.ndarray) -> Tensor:
        """See `Extractor.preprocess`."""
        import torch
        import torch.nn.functional as F

        image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
        return 2 * F.interpolate(image, size=(299, 299), mode="bilinear", align_corners=False)[0] - 1


def build_inception() -> nn.Module:
    """Build the network with pytorch-fid's blocks, uninitialised.

    pytorch-fid's own constructor downloads the weights, so only its blocks are used. They differ from torchvision's:
    average pools leave the padding out, and the last block pools by maximum.
    """
    from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    network.Mixed_5b = FIDInceptionA(192, pool_features=32)
    network.Mixed_5c = FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = FIDInceptionA(288, pool_features=64)
    network.Mixed_6b = FIDInceptionC(768, channels_7x7=128)
    network.Mixed_6c = FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6d = FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6e = FIDInceptionC(768, channels_7x7=192)
    network.Mixed_7b = FIDInceptionE_1(1280)
    network.Mixed_7c = FIDInceptionE_2(2048)
    return network
