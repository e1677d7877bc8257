"""SPADE's discriminator: PatchGANs that look at label map and image at several scales and show all their features.

Source: NVlabs/SPADE fecacc9, models/networks/discriminator.py; 5,601,410 parameters for Cityscapes (39 channels).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.instance_norm import InstanceNorm
from methods.networks.spectral_norm import SpectralConv2d


class NLayerDiscriminator(nn.Module):
    """A PatchGAN of 4x4 convolutions with padding 2, so that odd sides occur (256 becomes 129).

    Args:
        input_nc: channels of label map and image together.
        ndf: filters of the first convolution; doubled by each further one up to 512.
        n_layers: convolutions before the last; the first n_layers - 1 halve.
    """

    def __init__(self, input_nc: int, ndf: int = 64, n_layers: int = 4) -> None:
        super().__init__()
        self.model0 = nn.Sequential(nn.Conv2d(input_nc, ndf, 4, stride=2, padding=2), nn.LeakyReLU(0.2))
        before = ndf
        for n in range(1, n_layers):
            after = min(before * 2, 512)
            stride = 1 if n == n_layers - 1 else 2
            normed = nn.Sequential(
                SpectralConv2d(before, after, 4, stride=stride, padding=2, bias=False), InstanceNorm(after)
            )
            self.add_module(f"model{n}", nn.Sequential(normed, nn.LeakyReLU(0.2)))
            before = after
        self.add_module(f"model{n_layers}", nn.Sequential(nn.Conv2d(before, 1, 4, padding=2)))

    def forward(self, pairs: Tensor) -> list[Tensor]:
        """The output of every layer for (batch, input_nc, H, W); the last one is the patch score."""
        features = [pairs]
        for layer in self.children():
            features.append(layer(features[-1]))
        return features[1:]


class MultiscaleDiscriminator(nn.Module):
    """Independent PatchGANs on the input and on its repeated halvings.

    Args:
        input_nc: channels of label map and image together.
        ndf: filters of each PatchGAN's first convolution.
        n_layers: of each PatchGAN.
        num_D: how many scales.
    """

    def __init__(self, input_nc: int, ndf: int = 64, n_layers: int = 4, num_D: int = 2) -> None:
        super().__init__()
        for scale in range(num_D):
            self.add_module(f"discriminator_{scale}", NLayerDiscriminator(input_nc, ndf, n_layers))

    def forward(self, pairs: Tensor) -> list[list[Tensor]]:
        """Per scale, the features of (batch, input_nc, H, W); the last feature of each is its score."""
        features = []
        for discriminator in self.children():
            features.append(discriminator(pairs))
            pairs = F.avg_pool2d(pairs, 3, stride=2, padding=1, count_include_pad=False)
        return features
